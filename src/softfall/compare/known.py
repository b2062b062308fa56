"""The list of a comparison: some of the photographs, or a file's entries, among random hashes.

Guarantees: the same seed gives the same list; random hashes are balanced (128 ones of 256), as
PDQ's are; what counts as listed is what plain PDQ says within the match radius.
Refuses: a list file that holds no active entry, as EmptyKnownList.
Limit: random hashes are spread evenly, real ones are not: chance hits on a real list may be more
frequent. docs/experiments/multi_probe.md measures that.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from softfall.errors import InputError
from softfall.lists.entries import MATCH_RADIUS_BITS
from softfall.lists.formats.fields import Importer
from softfall.lists.formats.forms import GUESS_BYTES, guess_form, load
from softfall.lists.formats.lines import UnreadableList
from softfall.lists.index.hamming import words
from softfall.lists.index.scan import Scan
from softfall.media.pdq import PdqHash, Unhashable

PDQ_BITS: Final = 256
BLOCK_ROWS: Final = 10_000


class EmptyKnownList(InputError):
    """The list has no active entry."""

    remedy = "Name a list that has entries; `softfall list import` says what it can't read."


@dataclass(frozen=True, slots=True)
class KnownList:
    """The list: each entry once. origin: where it comes from, in words."""

    hashes: tuple[bytes, ...] = field(repr=False)
    origin: str

    def distances_bits(self, hashed: Sequence[PdqHash | Unhashable]) -> list[int | None]:
        """For each picture its distance to the nearest entry, None beyond the match radius.

        By the plain scan: the oracle that the options are measured against.
        """
        rows = [row for row, value in enumerate(hashed) if isinstance(value, PdqHash)]
        nearest: list[int | None] = [None] * len(hashed)
        if not rows:
            return nearest
        queries = words([value.bits for value in hashed if isinstance(value, PdqHash)])
        found = Scan(words(self.hashes)).search(queries, MATCH_RADIUS_BITS)
        for query, bits in zip(found.query_rows, found.distances_bits, strict=True):
            known = nearest[rows[int(query)]]
            nearest[rows[int(query)]] = int(bits) if known is None else min(known, int(bits))
        return nearest

    def write(self, path: Path) -> None:
        """The list as a plain file, one hash a line, that `softfall list import` reads."""
        path.write_text("".join(pdq.hex() + "\n" for pdq in self.hashes), "ascii")


def make_list(planted: Iterable[bytes], random_count: int, seed: int, origin: str) -> KnownList:
    """`planted` hashes among `random_count` random balanced ones."""
    hashes = dict.fromkeys([*planted, *random_hashes(random_count, seed)])
    if not hashes:
        raise EmptyKnownList("the list would be empty")
    return KnownList(tuple(hashes), origin)


def read_list(path: Path) -> tuple[list[bytes], str]:
    """The active hashes of a list file in any form, and what was not read, in words.

    Raises UnreadableList, EmptyKnownList, or the formats' own InputErrors.
    """
    try:
        with path.open("rb") as stream:
            form = guess_form(stream.read(GUESS_BYTES))
            stream.seek(0)
            entries, report = load(stream, form, Importer(source="file"))
    except OSError as error:
        raise UnreadableList(f"{path} can't be opened: {error.strerror}") from None
    active = [entry.pdq for entry in entries if entry.active]
    if not active:
        raise EmptyKnownList(f"{path.name} has no active entry")
    told = f"{path.name} ({form.value}, {len(active):,} active entries"
    return active, told + (
        f", {report.bad_count:,} bad lines left out)" if report.bad_count else ")"
    )


def random_hashes(count: int, seed: int) -> list[bytes]:
    """Random hashes of 128 ones, 32 bytes each; the same for the same seed."""
    draw = np.random.default_rng(seed)
    hashes: list[bytes] = []
    for start in range(0, count, BLOCK_ROWS):
        scores = draw.random((min(BLOCK_ROWS, count - start), PDQ_BITS), dtype=np.float32)
        ones = np.argpartition(scores, PDQ_BITS // 2, axis=1)[:, : PDQ_BITS // 2]
        bits = np.zeros(scores.shape, dtype=np.uint8)
        np.put_along_axis(bits, ones, 1, axis=1)
        hashes += [row.tobytes() for row in np.packbits(bits, axis=1)]
    return hashes
