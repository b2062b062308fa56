"""What asking for everything would cost, as rows of the table: `enumeration`'s arithmetic.

Guarantees: an option's own parameters of this run, at the limits of a configuration that says
nothing; the attacks themselves are played by tests (tests/custodian/test_enumeration.py).
"""

from collections.abc import Callable, Sequence
from typing import Final

from softfall.compare import enumeration
from softfall.compare.cells import Cell
from softfall.compare.enumeration import Limits, Pieces
from softfall.compare.results import Comparison, OptionRun

Answer = Callable[[Comparison, OptionRun], Cell]
NOTHING_TO_ASK: Final = Cell("-", "there is nothing to ask")


def pieces_of(run: OptionRun) -> Pieces | None:
    """How the run's option asks; None where its parameters say nothing of pieces."""
    named = {name: run.parameters.get(name) for name in ("k_bits", "tables", "probes")}
    told = {name: value for name, value in named.items() if isinstance(value, int)}
    if len(told) < len(named):
        return None
    map_of = [run.parameters.get(name) for name in ("slots", "value_bits")]
    slots, value_bits = (value if isinstance(value, int) else 0 for value in map_of)
    decoys = enumeration.decoys(told["k_bits"], slots, value_bits) if slots else 0.0
    return Pieces(**told, decoys=decoys)


def _list(comparison: Comparison, run: OptionRun) -> Cell:
    pieces = pieces_of(run)
    if pieces is None:
        return NOTHING_TO_ASK
    limits = Limits.default()
    cost = enumeration.cost_of_list(pieces, limits)
    each = enumeration.evaluations_an_entry(pieces, comparison.list_size)
    among = f", each piece among {pieces.decoys:.0f} false ones" if pieces.decoys else ""
    return Cell(
        f"{cost.days:,.1f} days of everybody's tokens",
        f"{cost.evaluations / 1e6:,.1f} million evaluations ({each:,.0f} an entry), {cost.tokens:,}"
        f" tokens of {limits.tokens_a_day:,} a day, {limits.tokens_an_account_a_day} an account;"
        f" they would tell {pieces.bits_read} of each entry's 256 bits{among}",
    )


def _guess(_: Comparison, run: OptionRun) -> Cell:
    pieces = pieces_of(run)
    if pieces is None:
        return NOTHING_TO_ASK
    cost = enumeration.cost_of_a_guess(pieces, Limits.default())
    if pieces.decoys:  # devices hold the map, and hand no tags over
        return Cell(
            f"{cost.tokens} token, of a candidate",
            "nothing was handed over but a candidate's entry numbers, and P's own can be looked up "
            "in the map to compare; of all other pictures nothing can be told",
        )
    return Cell(
        f"{cost.tokens} token", "of tags that were kept; nothing once the epoch's key is destroyed"
    )


ROWS: Final[Sequence[tuple[str, str, Answer]]] = (
    (
        "What the list would cost who asks for it all",
        "the provider, or with the list on devices anybody; at the default limits",
        _list,
    ),
    (
        "What 'was picture P sent?' would cost",
        "a provider that keeps what it should delete",
        _guess,
    ),
)
