"""The experiment's core on a few photographs, and the published figures against the product."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from softfall.options.on_device.parameters import DEFAULT_PARAMETERS, OnDeviceParameters
from softfall.options.tags.parameters import TagParameters, low_frequency_positions

FOLDER = Path(__file__).parents[2] / "docs" / "experiments"
sys.path.insert(0, str(FOLDER))

import on_device  # noqa: E402  (found beside the page, not in the package)
from probing import map_report, map_study, mapped, packing, report, study  # noqa: E402
from probing.hashes import edited_pairs, innocent  # noqa: E402
from probing.map_study import Scale  # noqa: E402
from probing.photographs import Photograph, find, shipped_folders  # noqa: E402

FEW = Scale(
    entries=20_000, innocent=60, swept=40, changed=20, near_copies_among=2_000, deltas=20
)  # fmt: skip
PLAN = study.Plan(((4, 22), (4, 24)), (8,), (2,), draws=2, recall_draws=1)


@pytest.fixture(scope="module")
def record() -> Any:
    return json.loads((FOLDER / "on-device.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def photographs() -> list[Photograph]:
    return find(shipped_folders())[:3]


@pytest.fixture(scope="module")
def material(photographs: list[Photograph]) -> study.Material:
    pairs, crops = edited_pairs(photographs), innocent(photographs, 40)
    return study.Material.of(len(photographs), pairs, crops)


@pytest.fixture
def lenient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few photographs bound little."""
    monkeypatch.setattr(packing, "INNOCENT", 1e9)
    monkeypatch.setattr(packing, "TOLD_INNOCENT", 1e9)
    monkeypatch.setattr(packing, "RECALL", 0.5)
    monkeypatch.setattr(packing, "TOLD_RECALL", 0.5)


def test_the_published_choice_is_what_the_product_uses(record: Any) -> None:
    choice = record["choice"]
    tags = TagParameters(
        choice["k_bits"],
        choice["probes"],
        choice["hits"],
        tuple(map(tuple, record["positions"])),
    )
    published = OnDeviceParameters(
        tags,
        record["rule"]["code_bits"],
        choice["check_bits"],
        record["rule"]["slots"],
        DEFAULT_PARAMETERS.lag_versions,  # a matter of how often devices fetch, not of photographs
    )
    assert published == DEFAULT_PARAMETERS


def test_the_published_choice_follows_its_rule(record: Any) -> None:
    assert packing.choose(record["grid"]) == record["choice"]
    assert record["rule"] == map_study.rule()
    assert packing.fits(record["choice"], packing.INNOCENT)
    assert record["choice"]["recall"] >= packing.RECALL


def test_the_map_itself_keeps_the_limits(record: Any) -> None:
    assert record["recall"]["recovered"] >= 0.97
    assert record["innocent"]["upper"] <= packing.INNOCENT
    assert record["innocent"]["confirmed"] == 0  # plain PDQ matches none of them either
    largest = max(record["sizes"], key=lambda row: row["entries"])
    assert largest["entries"] == packing.ENTRIES
    assert largest["bytes"] <= packing.DOWNLOAD_BYTES
    for name in ("half_and_half_bytes", "added_bytes"):
        assert record["innocent"]["deltas"][name] <= 100_000


def test_the_pages_tables_are_those_of_the_record(record: Any) -> None:
    page = (FOLDER / "on-device.md").read_text("utf-8")
    assert report.fill(page, record, map_report.TABLES) == page
    for name in map_report.TABLES:
        assert f"<!-- table: {name} -->" in page


def test_few_photographs_choose_nothing(material: study.Material) -> None:
    found = map_study.run(material, PLAN, FEW, "tests")
    assert found["choice"] is None


def test_a_real_map_recovers_what_the_pairs_promise(
    material: study.Material, lenient: None
) -> None:
    found = map_study.run(material, PLAN, FEW, "tests")
    choice = found["choice"]
    assert (choice["k_bits"], choice["probes"], choice["hits"]) == (24, 8, 2)
    assert found["recall"]["recovered"] == pytest.approx(choice["recall"], abs=0.03)
    assert found["innocent"]["confirmed"] == 0
    assert [row["slots"] for row in found["slots"]] == list(map_study.SLOTS_TRIED)
    left_out = [row["left_out"] for row in found["slots"]]
    assert left_out == sorted(left_out, reverse=True)
    assert left_out[0] > 0.5  # near copies share their pieces
    page = "".join(f"<!-- table: {name} -->\nold\n<!-- end -->\n" for name in map_report.TABLES)
    assert "old" not in report.fill(page, found, map_report.TABLES)


def test_the_download_is_what_the_product_writes() -> None:
    tags = TagParameters(24, 8, 2, low_frequency_positions("tests", 4, 24))
    parameters = OnDeviceParameters(tags, 16, 4, 8, 0)
    on = mapped.listed(np.zeros((0, 256), np.bool_), 5_000, parameters, seed=1)
    reckoned = packing.download_bytes(4, parameters.value_bits, 5_000)
    assert reckoned == pytest.approx(on.size_bytes, rel=0.05)


def test_chance_is_what_meaningless_numbers_do() -> None:
    """Small numbers, so that chance shows: every picture reads noise of 20 bits, but for 6."""
    row = {"tables": 4, "probes": 10, "hits": 2}
    rng = np.random.default_rng(1)
    agreeing = 0
    for _ in range(4_000):
        values = rng.integers(0, 2**14, (4, 20))  # 20 bits, of which the first 6 are given
        sets = [set(table.tolist()) for table in values]
        agreeing += sum(len(a & b) for i, a in enumerate(sets) for b in sets[i + 1 :])
    expected = packing.chance(row, 0, slots=2, entries=2**20) * 2**6
    assert agreeing / 4_000 == pytest.approx(expected, rel=0.15)


def test_more_check_bits_and_fewer_slots_mean_less_chance() -> None:
    row = {"tables": 5, "probes": 12, "hits": 2}
    assert packing.chance(row, 1) == pytest.approx(packing.chance(row, 0) / 4)
    assert packing.chance(row, 0, slots=4) == pytest.approx(16 * packing.chance(row, 0, slots=1))
    bits = packing.check_bits(row)
    assert packing.chance(row, bits) <= packing.CHANCE < packing.chance(row, bits - 1)


def test_a_listed_picture_is_found_and_its_delta_too(material: study.Material) -> None:
    tags = TagParameters(22, 8, 2, low_frequency_positions("tests", 4, 22))
    parameters = OnDeviceParameters(tags, 16, 6, 4, 0)
    hashes = material.innocent
    on = mapped.listed(hashes.bits[:50], 3_000, parameters, seed=1)
    rows = np.arange(50)
    found = mapped.candidates(on.view, hashes, rows)
    assert mapped.confirmed(found, hashes, rows, on).all()
    slotted = mapped.with_slots(parameters, 1)
    assert slotted == replace(parameters, slots=1)
    changed = mapped.with_deltas(on, 2, 10, 5, seed=1)
    assert changed["view"].list_version == 2
    assert len(changed["bytes"]) == 2


def test_the_command_needs_no_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, photographs: list[Photograph]
) -> None:
    monkeypatch.setattr(on_device, "find", lambda folders: photographs)
    monkeypatch.setattr(on_device, "PLAN", PLAN)
    monkeypatch.setattr(on_device, "Scale", lambda: FEW)
    out = tmp_path / "record.json"
    monkeypatch.setattr(sys, "argv", ["on_device.py", "--out", str(out), "--crops", "10"])
    on_device.main()
    assert json.loads(out.read_text("utf-8"))["choice"] is None
