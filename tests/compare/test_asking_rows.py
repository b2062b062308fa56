"""What asking for everything would cost, as the comparison prints it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softfall.compare import enumeration
from softfall.compare.asking_rows import NOTHING_TO_ASK, ROWS
from softfall.compare.cells import Cell
from softfall.compare.enumeration import Limits, Pieces
from softfall.config import CustodianSettings

from .results_at_will import comparison, option_run

SPLIT = {"k_bits": 21, "tables": 8, "probes": 32, "hits": 3}
MAP = {"k_bits": 25, "tables": 4, "probes": 16, "slots": 2, "value_bits": 22}


def cells(parameters: dict[str, int], list_size: int = 1_000_000) -> list[Cell]:
    run = option_run("an option", parameters=parameters)
    return [answer(comparison(run, list_size=list_size), run) for _, _, answer in ROWS]


def test_the_lists_cost_follows_from_the_runs_own_parameters():
    (whole, guess) = cells(SPLIT)
    assert whole.text == "6.6 days of everybody's tokens"
    assert "16.8 million evaluations (17 an entry), 65,536 tokens" in whole.note
    assert "168 of each entry's 256 bits" in whole.note
    assert "false" not in whole.note
    assert guess.text == "1 token"
    assert "(16,777 an entry)" in cells(SPLIT, list_size=1000)[0].note


def test_a_map_shows_each_piece_among_false_ones():
    (whole, guess) = cells(MAP)
    assert "among 16 false ones" in whole.note
    assert guess.text == "1 token, of a candidate"
    assert "tags" not in guess.note


@pytest.mark.parametrize("missing", ["k_bits", "tables", "probes"])
def test_where_nothing_is_asked_nothing_is_told(missing: str):
    parameters = {name: value for name, value in SPLIT.items() if name != missing}
    assert cells(parameters) == [NOTHING_TO_ASK, NOTHING_TO_ASK]


@given(st.integers(8, 40), st.integers(1, 16), st.integers(1, 64))
def test_the_slower_limit_decides_and_a_bit_doubles_the_work(k: int, tables: int, probes: int):
    pieces, wider = Pieces(k, tables, probes), Pieces(k + 1, tables, probes)
    limits = Limits.default()
    cost, more = (enumeration.cost_of_list(each, limits) for each in (pieces, wider))
    assert more.evaluations == 2 * cost.evaluations
    assert cost.tokens * pieces.evaluations_a_token >= cost.evaluations
    assert cost.days == max(cost.days_by_tokens, cost.days_by_evaluations)
    assert cost.evaluations <= cost.days * 24 * CustodianSettings().evaluations_per_hour + 1
