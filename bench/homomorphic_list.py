"""A list under `homomorphic` that changes: from the change to a provider that judges by it.

Everything is real: custodian, provider, keyholder and dealer as `softfall serve` starts them, over
HTTPS on this machine, each with its own store. The list is random hashes, put into the custodian's
tables directly; what is measured goes through the catalogue and `softfall list publish --changes`.
The end is the provider's own word, in its health, that it judges by the new version: rows fetched
and prepared, hints carried to the keyholder and checked there.
"""

import tempfile
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from bench.figures import Check, Figure
from bench.homomorphic_services import Installation
from bench.live import START_MS, fill
from bench.memory import growth
from softfall.custodian.catalogue import Catalogue
from softfall.custodian.publish import publish_changes, publish_epoch
from softfall.lists.entries import Statement
from softfall.lists.report import Stated
from softfall.options.homomorphic import listing
from softfall.options.homomorphic.segments import NO_ENTRY, read_rows

ENTRIES = 1_000_000
CHANGED = 1_000
ROUNDS = 3
SOURCE = "bench"
READY_SECONDS = 900.0


def figures() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        place = Installation(Path(folder))
        fill(place.custodian_dir, ENTRIES)
        start = time.perf_counter()
        manifest, peak_bytes = growth(lambda: publish_epoch(place.custodian, "homomorphic", _quiet))
        laid_s = time.perf_counter() - start
        for service in ("dealer", "custodian", "keyholder", "provider"):
            running.enter_context(place.serving(service))
        start = time.perf_counter()
        place.wait_for_version(0, READY_SECONDS)
        prepared_s = time.perf_counter() - start
        changes = [_change(place, manifest.epoch, turn) for turn in range(1, ROUNDS + 1)]
    return _told(laid_s, peak_bytes, prepared_s, changes)


@dataclass(frozen=True, slots=True)
class Change:
    """One round. Times from the beginning of the change, in s; wrong: entries that are not so."""

    listed_s: float
    published_s: float
    judged_s: float
    size_bytes: int
    wrong: int


def _change(place: Installation, epoch: int, turn: int) -> Change:
    """Half of CHANGED added and half withdrawn, at random places of the list."""
    rng = np.random.default_rng(turn)
    half = CHANGED // 2
    gone = (rng.choice(ENTRIES // ROUNDS, half, replace=False) * ROUNDS + turn).tolist()
    added = [rng.bytes(32) for _ in range(half)]
    with closing(Catalogue.open(place.custodian_dir)) as catalogue:
        hashes = [entry.pdq for entry in catalogue.show_all(gone).values()]
        spoken = [Statement(pdq, SOURCE, added_ms=START_MS) for pdq in added]
        spoken += [Statement(pdq, SOURCE, withdrawn_ms=START_MS + turn) for pdq in hashes]
        start = time.perf_counter()
        items = (Stated(line, each) for line, each in enumerate(spoken))
        catalogue.import_items(items, START_MS + turn)
    listed_s = time.perf_counter() - start
    done = publish_changes(place.custodian, _quiet, option="homomorphic")
    published_s = time.perf_counter() - start
    place.wait_for_version(done.version, READY_SECONDS)
    judged_s = time.perf_counter() - start
    wrong = _wrong(place, epoch, set(added), set(gone))
    return Change(listed_s, published_s, judged_s, done.size_bytes, wrong)


def _wrong(place: Installation, epoch: int, added: set[bytes], gone: set[int]) -> int:
    """How many of the changes the newest version's rows, as the provider fetches them, lack."""
    wrong = 0
    with place.as_provider() as http:
        version = listing.read(http.get(f"/v1/options/homomorphic/versions/{epoch}").content)
        for segment in version.segments:
            name = segment.rows_sha256.hex()
            file = http.get(f"/v1/options/homomorphic/rows/{name}").content
            rows = read_rows(file, segment.rows_sha256).chosen(segment.live)
            taken = rows.numbers != NO_ENTRY
            wrong += int(np.isin(rows.numbers[taken], sorted(gone)).sum())
            held = rows.hashes[:, : rows.numbers.shape[1]][taken]
            added -= {row.tobytes() for row in held} if len(rows) else set()
    return wrong + len(added)


def _told(
    laid_s: float, peak_bytes: int | None, prepared_s: float, changes: list[Change]
) -> list[Figure]:
    right = Check(
        not any(each.wrong for each in changes),
        "each version's rows have every added entry and none that was withdrawn",
    )
    what = f"{CHANGED:,} changed entries of 1M"
    key = "homomorphic.list"
    return [
        right.figure(f"{key}.laid", "1M entries laid out, their hints made, and published",
                     laid_s, "s", peak_bytes),
        right.figure(f"{key}.prepared", "from there to a provider that judges by them",
                     prepared_s, "s"),
        right.figure(f"{key}.change", f"{what}: slowest of {ROUNDS} until the provider judges so",
                     max(each.judged_s for each in changes), "s"),
        right.figure(f"{key}.listed", f"{what}: of it, the change of the list itself",
                     median(each.listed_s for each in changes), "s"),
        right.figure(f"{key}.published", f"{what}: of it, laying out the version",
                     median(each.published_s - each.listed_s for each in changes), "s"),
        right.figure(f"{key}.size", f"{what}: to fetch",
                     median(each.size_bytes for each in changes) / 1e6, "MB"),
    ]  # fmt: skip


def _quiet(done: int, total: int) -> None:
    del done, total
