"""The figures that the threat model gives for enumeration are the arithmetic's own."""

from pathlib import Path

import pytest

from softfall.compare import enumeration
from softfall.compare.enumeration import Limits, Pieces
from softfall.config import CustodianSettings, DeviceSettings
from softfall.options.on_device.parameters import DEFAULT_PARAMETERS as MAP
from softfall.options.split.parameters import DEFAULT_PARAMETERS as SPLIT

PAGE = (Path(__file__).parents[2] / "docs/threat-model.md").read_text("utf-8")
WORDS = " ".join(PAGE.split())
TAGS = MAP.tags
PIECES = {
    "split": Pieces(SPLIT.k_bits, SPLIT.tables, SPLIT.probes),
    "on_device": Pieces(
        TAGS.k_bits,
        TAGS.tables,
        TAGS.probes,
        enumeration.decoys(TAGS.k_bits, MAP.slots, MAP.value_bits),
    ),
}


@pytest.mark.parametrize("name", PIECES)
def test_the_table_of_costs_is_what_the_arithmetic_gives(name: str) -> None:
    pieces = PIECES[name]
    cost = enumeration.cost_of_list(pieces, Limits.default())
    among = f", each piece among {pieces.decoys:.0f} false ones" if pieces.decoys else ""
    row = (
        f"| `{name}` | {cost.evaluations:,} | {cost.tokens:,} | {cost.days:,.1f} "
        f"| {cost.account_days:,.0f} | {pieces.bits_read}{among} |"
    )
    assert row in PAGE


def test_what_an_entry_costs_is_what_the_arithmetic_gives() -> None:
    split, on_device = (enumeration.evaluations_an_entry(PIECES[n], 10**6) for n in PIECES)
    assert f"that is {split:.0f} evaluations an entry under `split`" in WORDS
    assert f"and {on_device:.0f} under `on_device`" in WORDS


def test_how_many_people_the_defaults_serve_is_what_the_arithmetic_gives() -> None:
    custodian, limits = CustodianSettings(), Limits.default()
    people = enumeration.people_served(
        limits, 4, DeviceSettings().tokens_kept, custodian.token_key_days
    )
    assert f"serve about {people // 100 * 100:,} people" in WORDS
    assert f"`custodian.tokens_per_day` {custodian.tokens_per_day:,}" in WORDS
    assert f"`custodian.evaluations_per_hour` {custodian.evaluations_per_hour:,}" in WORDS
    large = Limits(500_000, 10**9, limits.tokens_an_account_a_day)
    days = [enumeration.cost_of_list(PIECES[name], large).days_by_tokens for name in PIECES]
    told = f"costs all tokens of {24 * days[0]:.0f} hours, `on_device`'s of {days[1]:.0f} days"
    assert told in WORDS
