"""What a map over N entries weighs, and how often chance alone makes a candidate.

Guarantees: sizes are those of the product's own static function; the choice follows `choose`.
A key that the map was not made for gives a uniform number. `check_bits` are the fewest that keep
candidates out of such numbers below CHANCE an innocent picture: more would tell whoever reads a
single table more surely what is on the list.
"""

from collections.abc import Iterable
from math import comb
from typing import Any, Final

from softfall.options.on_device.static_function import shape_for

ENTRIES: Final = 1_000_000
CODE_BITS: Final = 20  # names 1,048,576 entries: 1,000,000 and 48 days of 1,000 additions
SLOTS: Final = 2
CHANCE: Final = 1e-3
RECALL: Final = 0.99
INNOCENT: Final = 1e-3  # at the 95 % bound, chance included
GOAL_INNOCENT: Final = 0.02  # what was asked for; the tables show all that keep this
DOWNLOAD_BYTES: Final = 20_000_000
QUESTIONS: Final = 64  # 15 ms of one core, with some to spare
TOLD_RECALL: Final = 0.97
TOLD_INNOCENT: Final = 0.04
TOLD_QUESTIONS: Final = 128

Row = dict[str, Any]


def chance(row: Row, check_bits: int, slots: int = SLOTS, entries: int = ENTRIES) -> float:
    """Candidates an innocent picture has by meaningless numbers that agree in `hits` tables."""
    asked, hits = row["probes"] * slots, row["hits"]
    each = asked / 2.0 ** (CODE_BITS + check_bits)
    return entries * comb(row["tables"], hits) * each**hits


def check_bits(row: Row) -> int:
    """The fewest that keep `chance` below CHANCE."""
    return next(bits for bits in range(64) if chance(row, bits) <= CHANCE)


def download_bytes(tables: int, value_bits: int, entries: int = ENTRIES) -> int:
    """The packed cells of a map in which every piece has its own slot."""
    return shape_for(entries * tables, 0).size_bytes(value_bits)


def packed(rows: Iterable[Row]) -> list[Row]:
    """Each row with its check bits, download, chance, and bound on innocents that go to confirm."""
    made = []
    for row in rows:
        bits = check_bits(row)
        by_chance = chance(row, bits)
        told = {name: value for name, value in row.items() if name not in ("kept", "far")}
        made.append(
            {
                **told,
                "check_bits": bits,
                "download_bytes": download_bytes(row["tables"], CODE_BITS + bits),
                "chance": by_chance,
                "innocent": row["false_holds"] + by_chance,
                "innocent_upper": row["false_holds_upper"] + by_chance,
                "innocent_random": row["random_list"] + by_chance,
            }
        )
    return made


def fits(row: Row, innocent: float, questions: int = QUESTIONS) -> bool:
    """Whether a row keeps the limits on questions, download, and this one on innocent pictures."""
    return bool(
        row["questions"] <= questions
        and row["innocent_upper"] <= innocent
        and row["download_bytes"] <= DOWNLOAD_BYTES
    )


def worth_telling(row: Row) -> bool:
    """Whether a row is near enough to the limits to stand in the record."""
    near = row["questions"] <= TOLD_QUESTIONS and row["innocent_upper"] <= TOLD_INNOCENT
    return bool(near and row["recall"] >= TOLD_RECALL)


def choose(rows: Iterable[Row]) -> Row | None:
    """Of all that fit and recover RECALL: the largest k, then the smallest map, then recall."""
    allowed = [row for row in rows if fits(row, INNOCENT) and row["recall"] >= RECALL]
    return max(
        allowed,
        key=lambda row: (row["k_bits"], -row["download_bytes"], row["recall"]),
        default=None,
    )
