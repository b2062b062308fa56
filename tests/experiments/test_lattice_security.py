"""The published estimate is today's arithmetic, it is right where others' figures are known, and
what the page says was carried out can be carried out."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "experiments"
sys.path.insert(0, str(FOLDER))

import lattice_security  # noqa: E402  (found beside the page, not in the package)


@pytest.fixture(scope="module")
def record() -> Any:
    return json.loads(lattice_security.RECORD.read_text("utf-8"))


def test_the_calculator_gives_the_figures_that_others_published():
    for name, each in lattice_security.published().items():
        assert each["here"] == pytest.approx(each["published"], abs=1.5), name


def test_the_query_has_128_bits_by_every_classical_count():
    found = lattice_security.query_security()
    assert min(found["classical"], found["dual"], found["with_polynomial_factors"]) >= 128


def test_the_record_is_what_the_parameters_of_today_give(record):
    assert record["query"] == pytest.approx(lattice_security.query_security())
    assert record["hint"] == lattice_security.hint_security()
    assert record["difference"] == lattice_security.difference_security()
    assert record["parameters"]["q"] == lattice_security.Q
    assert record["parameters"]["error_bound"] == lattice_security.ERROR_BOUND
    assert record["parameters"]["failure_log2"] < -64


def test_the_pages_tables_are_the_records(record):
    page = lattice_security.PAGE.read_text("utf-8")
    assert lattice_security.drawn(page, record) == page


def test_sixteen_unknown_rows_are_harder_than_the_query_and_eight_are_not(record):
    query = record["query"]["classical"]
    assert record["hint"]["8"]["classical"] < query < record["hint"]["16"]["classical"] / 3


def test_easier_parameters_are_found_easier():
    n, q = lattice_security.RING_DEGREE, lattice_security.Q
    easier = lattice_security.primal(n, q, 0.8, 3.2, 16 * n)
    harder = lattice_security.primal(n, q, 0.8, 12.8, 16 * n)
    assert easier < harder


def test_a_changed_row_comes_out_of_two_hints_unless_the_dummies_are_fresh():
    assert lattice_security.recovered_from_difference(fresh=False, seed=11)
    assert not lattice_security.recovered_from_difference(fresh=True, seed=11)


def test_noise_of_blocks_that_share_rows_is_alike_and_of_others_is_not(record):
    for shared, each in record["leak"]["pairs"].items():
        assert each["unrounded"] == pytest.approx(each["expected"], abs=0.03), shared
        assert abs(each["rounded"]) <= abs(each["unrounded"]) + 0.02
    seen = lattice_security.leak(queries=60, seed=2)
    assert seen["pairs"]["all 48 list rows"]["unrounded"] > 0.5
    assert abs(seen["pairs"]["nothing"]["unrounded"]) < 0.2
