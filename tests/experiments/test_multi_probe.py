"""The experiment's core on a few photographs, and the published figures against the product."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from softfall.options.split.parameters import DEFAULT_PARAMETERS
from softfall.options.tags import pieces
from softfall.options.tags.parameters import TagParameters

FOLDER = Path(__file__).parents[2] / "docs" / "experiments"
sys.path.insert(0, str(FOLDER))

import multi_probe  # noqa: E402  (found beside the page, not in the package)
from probing import census, false_holds, families, meetings, ordering, recall, report  # noqa: E402
from probing import study as experiment  # noqa: E402
from probing.hashes import EditedPairs, Hashes, edited_pairs, innocent  # noqa: E402
from probing.photographs import Photograph, find, shipped_folders  # noqa: E402


@pytest.fixture(scope="module")
def record() -> Any:
    return json.loads((FOLDER / "multi_probe.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def photographs() -> list[Photograph]:
    return find(shipped_folders())[:3]


@pytest.fixture(scope="module")
def material(photographs: list[Photograph]) -> experiment.Material:
    pairs, crops = edited_pairs(photographs), innocent(photographs, 40)
    return experiment.Material.of(len(photographs), pairs, crops)


def random_hashes(count: int, photographs: int, seed: int = 1) -> Hashes:
    rng = np.random.default_rng(seed)
    margins = rng.gamma(1.0, 40.0, (count, 256)).astype(np.float32)
    source = np.sort(rng.integers(0, photographs, count))
    return Hashes(rng.random((count, 256)) < 0.5, margins, source, 0)


def test_the_published_choice_is_what_the_product_uses(record: Any) -> None:
    choice = record["choice"]
    assert TagParameters(
        choice["k_bits"],
        choice["probes"],
        choice["hits"],
        tuple(map(tuple, record["published"]["positions"])),
    ) == (DEFAULT_PARAMETERS)


def test_the_published_choice_follows_its_rule(record: Any) -> None:
    assert experiment.choose(record["grid"]) == record["choice"]
    assert record["choice"]["false_holds_upper"] <= record["rule"]["budget"] == 1e-3
    assert record["choice"]["recall"] >= record["rule"]["recall"] == 0.999
    assert record["rule"] == experiment.rule()


def test_the_pages_tables_are_those_of_the_record(record: Any) -> None:
    page = (FOLDER / "multi_probe.md").read_text("utf-8")
    assert report.fill(page, record) == page
    for name in report.TABLES:
        assert f"<!-- table: {name} -->" in page


def test_the_published_photographs_are_all_in_the_catalogue(record: Any) -> None:
    lines = (FOLDER / "probing" / "photographs.csv").read_text("utf-8").splitlines()
    assert sum(package["count"] for package in record["packages"]) == len(lines) - 1


def test_few_photographs_choose_nothing(material: experiment.Material) -> None:
    plan = experiment.Plan(((4, 20), (4, 24)), (1, 8), (1, 2), draws=2, recall_draws=1)
    rows = experiment.measure(material, plan)
    assert len(rows) == 8
    assert experiment.choose(rows) is None
    for row in rows:
        assert 0 <= row["recall_hard"] <= row["recall"] <= 1
    by_size = {(row["k_bits"], row["probes"], row["hits"]): row["recall"] for row in rows}
    assert by_size[20, 8, 1] > by_size[20, 1, 1] > by_size[20, 1, 2]
    assert by_size[20, 8, 2] > by_size[24, 8, 2]


def test_every_family_gives_sets_of_distinct_bits(material: experiment.Material) -> None:
    learned = families.learned(material.pairs, material.innocent, np.array([0, 1]))
    known = (families.overlapping, families.disjoint, families.low_frequency)
    for family in (*known, *learned.values()):
        sets = family(5, 24, np.random.default_rng(3))
        assert sets.shape == (5, 24)
        assert all(len(set(table)) == 24 for table in sets)
        if family is not families.overlapping:
            assert len(np.unique(sets)) == 5 * 24


def test_the_order_of_probes_is_the_products_own() -> None:
    hashes = random_hashes(20, 1)
    probes = 40
    asked = ordering.probe_keys(hashes.bits[:, :14], hashes.margins[:, :14], probes)
    for row in range(20):
        margins = hashes.margins[row, :14].tolist()
        # The product numbers a piece from its first bit, this script from its last.
        masks = [int(f"{mask:014b}"[::-1], 2) for mask in pieces.cheapest_masks(margins, probes)]
        assert [int(key) ^ int(asked[row, 0]) for key in asked[row]] == masks
        oracle = [sum(1 << i for i in flip) for flip in ordering.naive_order(margins, probes)]
        assert oracle == masks
        for rank, mask in enumerate(masks):
            flipped = hashes.bits[row, :14] ^ (mask >> np.arange(14) & 1).astype(bool)
            found = ordering.needed_rank(
                flipped[None],
                hashes.bits[row : row + 1, :14],
                hashes.margins[row : row + 1, :14],
                probes,
            )
            assert found.tolist() == [rank]


def test_joins_find_the_pairs_that_trying_all_of_them_finds() -> None:
    hashes = random_hashes(120, 6)
    sets = families.disjoint(4, 8, np.random.default_rng(1))
    one, other = np.meshgrid(np.arange(120), np.arange(120), indexing="ij")
    foreign = hashes.source[one] != hashes.source[other]
    one, other = one[foreign], other[foreign]
    ranks = false_holds.table_hits(hashes.bits[other], hashes, one, sets, 5)
    expected = {hits: int((ranks[:, hits - 1] < 5).sum()) for hits in (1, 2, 3, 4)}
    assert meetings.held_pairs(hashes, sets, 5) == expected
    assert expected[1] > expected[2] > 0


def test_the_census_counts_every_pair_of_different_photographs() -> None:
    hashes = random_hashes(200, 5)
    distance = (hashes.bits[:, None] != hashes.bits[None]).sum(axis=2)
    foreign = np.triu(hashes.source[:, None] != hashes.source[None])
    counted = census.census(hashes, kept_bits=110)
    assert (counted.pairs == np.bincount(distance[foreign], minlength=257)).all()
    near = foreign & (distance <= 110)
    assert len(counted.query) == 2 * near.sum() > 0
    assert set(zip(counted.query, counted.entry, strict=True)) == {
        pair for i, j in np.argwhere(near) for pair in ((i, j), (j, i))
    }


def test_the_far_rate_is_right_for_hashes_of_fair_coins() -> None:
    hashes = random_hashes(2000, 50)
    counted = census.census(hashes, kept_bits=0)
    sets = families.disjoint(8, 10, np.random.default_rng(1))
    sizes = false_holds.probe_sizes(hashes.margins[:, sets[0]], 6)
    far = false_holds.far_rate(counted, 0, sizes, 10, 8, 2)
    exact = meetings.held_pairs(hashes, sets, 6)[2]
    estimate = far * 2 * counted.total / false_holds.LIST_SIZE
    assert abs(exact - estimate) < 6 * estimate**0.5
    assert far == pytest.approx(false_holds.random_list_rate(10, 8, 6, 2), rel=0.15)


def test_nothing_held_is_bounded_by_three_pairs() -> None:
    assert false_holds.gamma_bound(np.zeros(0)) == pytest.approx(3.0, abs=0.01)
    one = false_holds.gamma_bound(np.array([1.0]))
    assert one == pytest.approx(4.74, abs=0.01)  # the exact Poisson bound for one event


def test_edited_copies_of_a_photograph_lie_close_to_it(material: experiment.Material) -> None:
    pairs: EditedPairs = material.pairs
    table = {row["edit"]: row for row in recall.plain_recall(pairs)}
    assert table["JPEG 90"]["plain"] == 1.0
    assert float(table["crop 5 %"]["plain"]) < float(table["crop 1 %"]["plain"])  # type: ignore[arg-type]


def test_the_command_needs_no_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, photographs: list[Photograph]
) -> None:
    monkeypatch.setattr(multi_probe, "find", lambda folders, everything: photographs)
    plan = experiment.Plan(((4, 20),), (4,), (2,), draws=1, recall_draws=1)
    monkeypatch.setattr(multi_probe, "Plan", lambda: plan)
    out = tmp_path / "record.json"
    monkeypatch.setattr(sys, "argv", ["multi_probe.py", "--out", str(out), "--crops", "10"])
    multi_probe.main()
    written = json.loads(out.read_text("utf-8"))
    assert written["choice"] is None
    assert written["grid"][0]["k_bits"] == 20
