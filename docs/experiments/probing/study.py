"""The study itself: hashes in, one JSON-ready record of figures and the choice out.

Guarantees: each figure in docs/experiments/multi_probe.md is in the record; the choice follows the
rule in `choose`, not a judgement; the same photographs give the same record.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from rich.progress import track

from probing import false_holds, families, recall
from probing.census import MIDDLE_BITS, NEAR_BITS, RADIUS_BITS, Census, census
from probing.false_holds import KeptPairs, far_rate, resampled_photographs
from probing.families import Family
from probing.hashes import EditedPairs, Hashes, Indices
from probing.meetings import held_pairs
from softfall.compare.edits import EDITS
from softfall.options.tags.parameters import low_frequency_positions

RECALL: Final = 0.999  # of what plain PDQ matches
BUDGET: Final = 1e-3  # candidates an innocent picture has, at the 95 % bound, with N = LIST_SIZE
QUESTIONS: Final = 128  # tables times probes: 25 ms on a device, 12 ms at the custodian
TABLES: Final = 8  # more would take the custodian longer than 30 s for 100,000 entries on two cores
SEED: Final = 7


@dataclass(frozen=True, slots=True)
class Plan:
    """What is tried: (tables, k) sizes, probes, hits; how many draws of position sets."""

    sizes: Sequence[tuple[int, int]] = (
        *((8, k_bits) for k_bits in range(20, 33)),
        *((tables, k_bits) for tables in (6, 10) for k_bits in range(20, 26)),
    )
    probes: Sequence[int] = (8, 12, 16, 20, 24, 28, 32, 40, 48, 64)
    hits: Sequence[int] = (1, 2, 3, 4)
    draws: int = 32
    recall_draws: int = 4


@dataclass(frozen=True, slots=True)
class Material:
    """The hashes that a study is made of, and how many photographs they come from."""

    photographs: int
    pairs: EditedPairs
    innocent: Hashes
    counted: Census

    @classmethod
    def of(cls, photographs: int, pairs: EditedPairs, innocent: Hashes) -> "Material":
        """Count the pairs of innocent pictures, and keep the rest."""
        return cls(photographs, pairs, innocent, census(innocent))


def measure(material: Material, plan: Plan) -> list[dict[str, Any]]:
    """One row for every k, T, P and m of the plan, with low-frequency sets."""
    rows: list[dict[str, Any]] = []
    matches = recall.plain_matches(material.pairs)
    for tables, k_bits in track(plan.sizes, "tables and bits"):
        rows += _rows(material, plan, matches, families.low_frequency, tables, k_bits)
    return rows


def compare_families(
    material: Material, plan: Plan, k_bits: int, tables: int
) -> list[dict[str, Any]]:
    """The ways to choose bits, side by side on the photographs that no family learned from."""
    order = np.random.default_rng(SEED).permutation(material.photographs)
    training, held_out = np.array_split(order, 2)
    matches = recall.plain_matches(material.pairs, held_out)
    learned = families.learned(material.pairs, material.innocent, training)
    tried: dict[str, Family] = {
        "random, overlapping": families.overlapping,
        "random, disjoint": families.disjoint,
        "low frequency, dealt": families.low_frequency,
        **learned,
    }
    rows = []
    for name, family in track(tried.items(), "position sets"):
        for row in _rows(material, plan, matches, family, tables, k_bits):
            rows.append({"family": name, **row})
    return rows


def _rows(
    material: Material,
    plan: Plan,
    matches: recall.Matches,
    family: Family,
    tables: int,
    k_bits: int,
) -> Iterable[dict[str, Any]]:
    most = max(plan.probes)
    sets = false_holds.draws(family, tables, k_bits, plan.draws, SEED)
    resampled = resampled_photographs(material.photographs, SEED)
    near = KeptPairs(material.innocent, material.counted, sets, most, resampled)
    found = [matches.tables_hit(drawn, most) for drawn in sets[: plan.recall_draws]]
    hard = matches.distance >= recall.HARD_BITS
    for probes in plan.probes:
        for hits in plan.hits:
            far = _far(material, sets[0], probes, hits)
            rate = near.rate(probes, hits, far)
            held = np.mean([ranks[:, hits - 1] < probes for ranks in found], axis=0)
            yield {
                "k_bits": k_bits,
                "tables": tables,
                "probes": probes,
                "hits": hits,
                "questions": tables * probes,
                "recall": float(held.mean()),
                "recall_hard": float(held[hard].mean()) if hard.any() else None,
                "kept": rate.kept,
                "far": rate.far,
                "false_holds": rate.kept + rate.far,
                "false_holds_upper": rate.upper,
                "random_list": false_holds.random_list_rate(k_bits, tables, probes, hits),
            }


def _far(material: Material, positions: Indices, probes: int, hits: int) -> float:
    tables, k_bits = positions.shape
    some = material.innocent.margins[:: max(1, len(material.innocent.bits) // 1000)]
    sizes = false_holds.probe_sizes(some[:, positions[0]], probes)
    return far_rate(material.counted, MIDDLE_BITS, sizes, k_bits, tables, hits)


def choose(rows: Iterable[dict[str, Any]]) -> dict[str, Any] | None:
    """Of all that recover RECALL within the limits: the largest k, then recall; None if none."""
    allowed = [row for row in rows if within_limits(row) and row["recall"] >= RECALL]
    return max(allowed, key=lambda row: (row["k_bits"], row["recall"]), default=None)


def rule() -> dict[str, float]:
    """The limits that the choice keeps."""
    return {"recall": RECALL, "budget": BUDGET, "questions": QUESTIONS, "tables": TABLES}


def within_limits(row: dict[str, Any]) -> bool:
    """Whether a row keeps the limits on tables, questions and candidates."""
    return bool(
        row["tables"] <= TABLES
        and row["questions"] <= QUESTIONS
        and row["false_holds_upper"] <= BUDGET
    )


def published(material: Material, choice: dict[str, Any], seed: str) -> dict[str, Any]:
    """What the position sets that the product publishes do: recall by edit and by distance."""
    positions = low_frequency_positions(seed, choice["tables"], choice["k_bits"])
    sets = np.array(positions)
    matches = recall.plain_matches(material.pairs)
    ranks = matches.tables_hit(sets, choice["probes"])
    held = ranks[:, choice["hits"] - 1] < choice["probes"]
    edit = material.pairs.edit[matches.rows]
    source = material.pairs.edited.source[matches.rows]
    resampled = resampled_photographs(material.photographs, SEED)
    by_edit = recall.plain_recall(material.pairs)
    for number, row in enumerate(by_edit):
        own = edit == number
        row["recovered"] = float(held[own].mean()) if own.any() else 0.0
        row["matches"] = int(own.sum())
        row["end_to_end"] = float(row["plain"]) * float(row["recovered"])
    by_distance = [
        {
            "distance": int(distance),
            "matches": int((matches.distance == distance).sum()),
            "recovered": float(held[matches.distance == distance].mean()),
        }
        for distance in np.unique(matches.distance)
    ]
    near = KeptPairs(material.innocent, material.counted, [sets], choice["probes"], resampled)
    far = _far(material, sets, choice["probes"], choice["hits"])
    rate = near.rate(choice["probes"], choice["hits"], far)
    return {
        "seed": seed,
        "positions": [list(table) for table in positions],
        "recall": float(held.mean()),
        "recall_interval": recall.interval(held, source, resampled),
        "by_edit": by_edit,
        "by_distance": by_distance,
        "false_holds": rate.kept + rate.far,
        "odd_distances": int((recall.distances(material.pairs) % 2).sum()),
        "matches": len(held),
        "edits": len(EDITS),
    }


def check(material: Material, choice: dict[str, Any], seed: str) -> list[dict[str, Any]]:
    """The estimate beside a plain count of all pairs, for the published sets at each `hits`.

    Few hits give many events, so that they test the estimate; the chosen one gives few.
    """
    tables, k_bits, probes = choice["tables"], choice["k_bits"], choice["probes"]
    sets = np.array(low_frequency_positions(seed, tables, k_bits))
    counted = held_pairs(material.innocent, sets, probes)
    resampled = resampled_photographs(material.photographs, SEED)
    near = KeptPairs(material.innocent, material.counted, [sets], probes, resampled)
    rows = []
    for hits in (2, 3, 4):
        rate = near.rate(probes, hits, _far(material, sets, probes, hits))
        scale = 2 * material.counted.total / false_holds.LIST_SIZE
        rows.append(
            {
                "hits": hits,
                "counted": counted[hits],
                "estimated": (rate.kept + rate.far) * scale,
                "of_them_kept": rate.kept * scale,
            }
        )
    return rows


def anatomy(material: Material, plan: Plan, choice: dict[str, Any]) -> dict[str, Any]:
    """What the kept part of the choice's rate is made of, and its bound under a harsher guess."""
    tables, k_bits, probes = choice["tables"], choice["k_bits"], choice["probes"]
    sets = false_holds.draws(families.low_frequency, tables, k_bits, plan.draws, SEED)
    resampled = resampled_photographs(material.photographs, SEED)
    kept = KeptPairs(material.innocent, material.counted, sets, probes, resampled)
    held = kept.held(probes, choice["hits"])
    near_first = np.argsort(material.counted.distance > NEAR_BITS, kind="stable")
    distance = material.counted.distance[near_first]
    by_distance = np.bincount(distance, weights=held, minlength=257)
    middle = int(np.searchsorted(by_distance.cumsum(), held.sum() / 2))
    scale = false_holds.LIST_SIZE / (2 * material.counted.total)
    harsher = false_holds.gamma_bound(kept.counts(held), unseen=1.0) * scale
    return {
        "pairs": int((held > 0).sum()),
        "pairs_of_photographs": len(kept.counts(held)),
        "median_distance": middle,
        "harsher_upper": harsher + choice["far"],
    }


def count_pairs(counted: Census) -> dict[str, Any]:
    """The census: pairs at each distance, beside what balanced random hashes would show."""
    tail = {str(d): int(n) for d, n in enumerate(counted.pairs) if n}
    expected = {str(d): counted.total * false_holds.balanced_tail(d) for d in range(0, 130, 2)}
    within = int(counted.pairs[: RADIUS_BITS + 1].sum())
    return {
        "pairs": counted.total,
        "within_radius": within,
        "odd": int(counted.pairs[1::2].sum()),
        "at_distance": tail,
        "balanced_within": expected,
    }
