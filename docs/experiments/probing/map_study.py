"""The on-device study: the same photographs, a map over a million entries, and the choice.

Guarantees: each figure in docs/experiments/on-device.md is in the record; the choice follows the
rule in `packing.choose`; the same photographs give the same record.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from probing import false_holds, mapped, packing, recall, study
from probing.false_holds import resampled_photographs
from probing.hashes import Bits, Hashes, Indices
from probing.mapped import Listed
from probing.study import Material, Plan
from softfall.options.on_device.parameters import OnDeviceParameters
from softfall.options.tags.parameters import low_frequency_positions

PLAN: Final = Plan(
    sizes=tuple(
        (tables, k_bits)
        for tables in (6, 7, 5, 8, 4, 10)
        for k_bits in range(20, 36)
        if tables * k_bits <= 256
    ),
    probes=(6, 8, 9, 10, 11, 12, 13, 14, 16, 20, 24),
    hits=(1, 2, 3),
    draws=6,
    recall_draws=3,
)
SLOTS_TRIED: Final = (1, 2, 4)
CHECK_BITS_TRIED: Final = (0, 1, 2, 4)
DAYS: Final = 30
SIZES: Final = (10_000, 100_000, 1_000_000)


@dataclass(frozen=True, slots=True)
class Scale:
    """How large the lists are, and how many innocent pictures are looked up.

    innocent: in each half. swept: for each number of check bits. changed: with all deltas.
    """

    entries: int = packing.ENTRIES
    innocent: int = 8_000
    swept: int = 4_000
    changed: int = 1_000
    near_copies_among: int = 100_000
    deltas: int = 500


def run(material: Material, plan: Plan, scale: Scale, seed: str) -> dict[str, Any]:
    """The grid, the choice, and what the choice does in a real map."""
    measured = packing.packed(study.measure(material, plan))
    grid = [row for row in measured if packing.worth_telling(row)]
    choice = packing.choose(grid)
    record = {"grid": grid, "choice": choice, "rule": rule(), "matches": len(_matches(material))}
    if choice is None:
        return record
    positions = low_frequency_positions(seed, choice["tables"], choice["k_bits"])
    row = {**choice, "code_bits": packing.CODE_BITS}
    parameters = mapped.parameters_of(row, positions, packing.SLOTS)
    families = study.compare_families(
        material,
        replace(plan, probes=(choice["probes"],), hits=(choice["hits"],)),
        choice["k_bits"],
        choice["tables"],
    )
    return {
        **record,
        "positions": [list(table) for table in positions],
        "families": families,
        "recall": found_again(material, parameters, scale),
        "innocent": innocent(material, parameters, scale),
        "slots": [slots(material, parameters, scale, tried) for tried in SLOTS_TRIED],
        "sizes": sizes(parameters, scale),
    }


def rule() -> dict[str, Any]:
    """The limits that the choice keeps."""
    return {
        "recall": packing.RECALL,
        "innocent": packing.INNOCENT,
        "download_bytes": packing.DOWNLOAD_BYTES,
        "questions": packing.QUESTIONS,
        "chance": packing.CHANCE,
        "entries": packing.ENTRIES,
        "code_bits": packing.CODE_BITS,
        "slots": packing.SLOTS,
    }


def found_again(material: Material, parameters: OnDeviceParameters, scale: Scale) -> dict[str, Any]:
    """Edited copies looked up where their originals are listed among a million others.

    A copy is recovered when its candidates hold an entry within plain PDQ's radius of it, which
    `confirm` will then confirm.
    """
    originals, matches = _originals(material), recall.plain_matches(material.pairs)
    real = np.concatenate((originals, material.innocent.bits))[: scale.entries]
    on = mapped.listed(real, scale.entries, parameters, seed=1)
    found = mapped.candidates(on.view, material.pairs.edited, matches.rows)
    again = mapped.confirmed(found, material.pairs.edited, matches.rows, on)
    source = material.pairs.edited.source[matches.rows]
    resampled = resampled_photographs(material.photographs, study.SEED)
    hard = matches.distance >= recall.HARD_BITS
    return {
        "copies": len(again),
        "recovered": float(again.mean()),
        "interval": recall.interval(again, source, resampled),
        "hard": float(again[hard].mean()) if hard.any() else None,
        "listed_photographs": len(real),
        "candidates_each": float(np.mean([len(entries) for entries in found])),
    }


def innocent(material: Material, parameters: OnDeviceParameters, scale: Scale) -> dict[str, Any]:
    """Innocent pictures looked up where crops of other photographs are listed; both halves."""
    order = np.random.default_rng(study.SEED).permutation(material.photographs)
    halves = [half.tolist() for half in np.array_split(order, 2)]
    asked, swept, deltas = [], [], {}
    for own, others in (halves, halves[::-1]):
        rows, real = _asking(material.innocent, own, scale.innocent), _of(material, others)
        on = mapped.listed(real, scale.entries, parameters, seed=2)
        asked.append(_lookup(material.innocent, rows, on))
        if not deltas:  # one half's pictures will do for what hardly depends on them
            deltas = _deltas(material.innocent, rows[: scale.changed], on, scale)
            few = rows[: scale.swept]
            swept = [_swept(material, real, few, parameters, scale, n) for n in CHECK_BITS_TRIED]
    return {
        **_together(asked, material.photographs),
        "check_bits": swept,
        "deltas": deltas,
    }


def _swept(
    material: Material,
    real: Bits,
    rows: Indices,
    parameters: OnDeviceParameters,
    scale: Scale,
    check_bits: int,
) -> dict[str, Any]:
    other = replace(parameters, check_bits=check_bits)
    on = mapped.listed(real, scale.entries, other, seed=2)
    found = mapped.candidates(on.view, material.innocent, rows)
    return {
        "check_bits": check_bits,
        "share": float(np.mean([bool(entries) for entries in found])),
        "expected": packing.chance(_row(parameters), check_bits, parameters.slots),
    }


def _lookup(asking: Hashes, rows: Indices, on: Listed) -> dict[str, Any]:
    found = mapped.candidates(on.view, asking, rows)
    return {
        "reached": np.array([bool(entries) for entries in found]),
        "confirmed": mapped.confirmed(found, asking, rows, on),
        "source": asking.source[rows],
    }


def _together(asked: list[dict[str, Any]], photographs: int) -> dict[str, Any]:
    reached = np.concatenate([half["reached"] for half in asked])
    source = np.concatenate([half["source"] for half in asked])
    resampled = resampled_photographs(photographs, study.SEED)
    hit, every = (np.bincount(source, weights=w, minlength=photographs) for w in (reached, None))
    shares = float(np.quantile((resampled @ hit) / (resampled @ every), 0.95))
    counted = false_holds.gamma_bound(np.ones(int(reached.sum()))) / len(reached)
    return {
        "pictures": len(reached),
        "reached": float(reached.mean()),
        "upper": max(shares, counted),
        "confirmed": int(sum(half["confirmed"].sum() for half in asked)),
    }


def _deltas(asking: Hashes, rows: Indices, on: Listed, scale: Scale) -> dict[str, Any]:
    changed = mapped.with_deltas(on, DAYS, scale.deltas, scale.deltas, seed=3)
    added = mapped.with_deltas(on, 1, 2 * scale.deltas, 0, seed=4)
    found = mapped.candidates(changed["view"], asking, rows)
    return {
        "days": DAYS,
        "share": float(np.mean([bool(entries) for entries in found])),
        "half_and_half_bytes": max(changed["bytes"]),
        "added_bytes": added["bytes"][0],
    }


def slots(
    material: Material, parameters: OnDeviceParameters, scale: Scale, tried: int
) -> dict[str, Any]:
    """A list that holds near copies: each original with every second of its edits.

    The other edits are looked up. A copy counts if plain PDQ matches it to any entry of its own.
    """
    pairs, slotted = material.pairs, mapped.with_slots(parameters, tried)
    close = recall.distances(pairs) <= recall.RADIUS_BITS
    kept = np.flatnonzero(pairs.edit % 2 == 0)
    asked = np.flatnonzero((pairs.edit % 2 == 1) & close)
    real = np.concatenate((_originals(material), pairs.edited.bits[kept]))
    on = mapped.listed(real, max(scale.near_copies_among, len(real)), slotted, seed=5)
    found = mapped.candidates(on.view, pairs.edited, asked)
    again = mapped.confirmed(found, pairs.edited, asked, on)
    return {
        "slots": tried,
        "near_copies": len(real),
        "left_out": 1 - _keys_of(real, slotted) / (len(real) * parameters.tags.tables),
        "copies": len(again),
        "recovered": float(again.mean()),
        "chance": packing.chance(_row(parameters), parameters.check_bits, tried),
    }


def _keys_of(real: Any, parameters: OnDeviceParameters) -> int:
    return mapped.listed(real, len(real), parameters, seed=0).view._segments[0].shape.keys


def sizes(parameters: OnDeviceParameters, scale: Scale) -> list[dict[str, Any]]:
    """What the base's file weighs for lists of random hashes."""
    made = []
    for entries in (size for size in SIZES if size <= scale.entries):
        on = mapped.listed(np.zeros((0, 256), np.bool_), entries, parameters, seed=6)
        made.append({"entries": entries, "bytes": on.size_bytes})
    return made


def _row(parameters: OnDeviceParameters) -> dict[str, Any]:
    tags = parameters.tags
    return {"tables": tags.tables, "probes": tags.probes, "hits": tags.hits}


def _matches(material: Material) -> Indices:
    return recall.plain_matches(material.pairs).rows


def _originals(material: Material) -> Any:
    """Every listed original once."""
    return np.unique(material.pairs.original, axis=0)


def _asking(hashes: Hashes, photographs: list[int], most: int) -> Indices:
    rows = np.flatnonzero(np.isin(hashes.source, photographs))
    return np.random.default_rng(study.SEED).permutation(rows)[:most]


def _of(material: Material, photographs: list[int]) -> Any:
    return material.innocent.bits[np.isin(material.innocent.source, photographs)]
