"""The custodian's half of `homomorphic`: it lays its list into blocks, makes hints, signs versions.

Guarantees: what the provider and the keyholder use of a list is named by signed digests; a version
re-lays only the blocks that a change touches, each with fresh dummy rows, and copies blocks as they
are where segments are joined; no two blocks of one epoch ever share a dummy row.
Refuses: devices' questions (there are none in this option), as NothingIsAsked; numbers that are
listed already, or are not, as BadEntryNumbers.
Leaves to others: keeping the files, and who may fetch which: rows go to the provider alone.
Limits: the provider reads the list: this option's one exception. Blocks that no change has touched
for long stay with their provider even if withdrawn later: a withdrawal stops matching, it can't
make anybody forget.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar, NamedTuple, Protocol

import numpy as np

from softfall.crypto.lattice.hint import make_hint
from softfall.crypto.lattice.public import public_elements
from softfall.errors import RefusedError
from softfall.lists.manifest import Signer
from softfall.options.contract import Prepared, Progress
from softfall.options.homomorphic import wire
from softfall.options.homomorphic.changing import parted, surveyed
from softfall.options.homomorphic.laying import (
    Entries,
    RandomBytes,
    blocks_of,
    in_segments,
    lay,
    numbers_of,
)
from softfall.options.homomorphic.listing import ListVersion, SegmentEntry, sign
from softfall.options.homomorphic.parameters import NAME, HomomorphicParameters
from softfall.options.homomorphic.segments import (
    Buffer,
    Rows,
    U32Array,
    encode_hint,
    encode_rows,
    read_hint,
    read_rows,
)


class NothingIsAsked(RefusedError):
    """A device asked the custodian about a picture; in this option it never does."""

    remedy = "Submit the encrypted query with the message; nobody is asked beforehand."


class Files(Protocol):
    """Where the custodian keeps its segments' files, by their SHA-256."""

    def keep(self, file: bytes) -> bytes:
        """Keep a file, whole or not at all; returns its SHA-256."""

    def read(self, sha256: bytes) -> Buffer:
        """A kept file. Raises BadListFile for one that is damaged or gone."""


class _Blocks(NamedTuple):
    rows: Rows
    hint: U32Array


class HomomorphicCustodian:
    """One epoch of `homomorphic` at its custodian.

    files: where segments lie. random_bytes(n): n fresh bytes from the system's source. signer: by
    the custodian's identity key.
    """

    name: ClassVar[str] = NAME

    def __init__(
        self,
        epoch: int,
        parameters: HomomorphicParameters,
        files: Files,
        random_bytes: RandomBytes,
        signer: Signer,
    ) -> None:
        self.epoch = epoch
        self.parameters = parameters
        self._files = files
        self._random_bytes = random_bytes
        self._signer = signer
        self._public = public_elements(parameters.public_seed)

    def prepare(
        self, entries: Iterable[tuple[int, bytes]], progress: Progress, published_at_ms: int = 0
    ) -> Prepared:
        """No key, and version 0 of the epoch's list, signed; its files are kept before it returns.

        entries: (entry number, 32-byte PDQ hash). progress(done, all) counts entries.
        Raises MalformedMessage, BadEntryNumbers.
        """
        columns = Entries.of(entries)
        segments, done = [], 0
        progress(0, len(columns.numbers))
        for part in in_segments(columns):
            segments.append(self._kept(self._made(lay(part, self._random_bytes))))
            done += len(part.numbers)
            progress(done, len(columns.numbers))
        count = len(columns.numbers)
        version = ListVersion(self.epoch, 0, count, published_at_ms, tuple(segments))
        return Prepared(b"", sign(version, self._signer))

    def extend(
        self,
        before: ListVersion,
        added: Iterable[tuple[int, bytes]],
        withdrawn: Sequence[int],
        progress: Progress,
        published_at_ms: int = 0,
    ) -> bytes:
        """The version after `before`, signed; its new files are kept before it returns.

        Work grows with the change, and with no more than one old segment besides.
        progress(done, all) counts blocks. Raises MalformedMessage, BadEntryNumbers, BadListFile.
        """
        new, gone = Entries.of(added), numbers_of(withdrawn)
        survey = surveyed(before, self._read_rows, new.numbers, gone)
        fresh = Entries.joined([survey.displaced, new])
        staying, joining = parted(survey.segments, blocks_of(len(fresh.numbers)))
        made = [self._kept(blocks) for blocks in self._laid(fresh, joining, progress)]
        version = ListVersion(
            self.epoch,
            before.list_version + 1,
            before.entries + len(new.numbers) - len(gone),
            published_at_ms,
            (*staying, *made),
        )
        return sign(version, self._signer)

    def answer(self, body: bytes) -> bytes:
        """Raises NothingIsAsked."""
        raise NothingIsAsked("nothing is asked of the custodian in this option")

    def cost(self, body: bytes) -> int:
        """Raises NothingIsAsked."""
        raise NothingIsAsked("nothing is asked of the custodian in this option")

    def _laid(
        self, fresh: Entries, joining: Sequence[SegmentEntry], progress: Progress
    ) -> Iterator[_Blocks]:
        """The new segments: entries laid anew, and living blocks copied as they are."""
        rows = lay(fresh, self._random_bytes)
        total = len(rows) + sum(each.live_blocks for each in joining)
        progress(0, total)
        parts = [self._made(rows)]
        for each in joining:
            hint = read_hint(self._files.read(each.hint_sha256), each.hint_sha256)
            copied = self._read_rows(each).chosen(each.live)
            parts.append(_Blocks(copied, hint[:, each.live]))
        whole = _Blocks(
            Rows(
                np.concatenate([part.rows.hashes for part in parts]),
                np.concatenate([part.rows.numbers for part in parts]),
            ),
            np.concatenate([part.hint for part in parts], axis=1),
        )
        for start in range(0, total, wire.MAX_SEGMENT_BLOCKS):
            stop = min(start + wire.MAX_SEGMENT_BLOCKS, total)
            cut = Rows(whole.rows.hashes[start:stop], whole.rows.numbers[start:stop])
            yield _Blocks(cut, whole.hint[:, start:stop])
            progress(stop, total)

    def _made(self, rows: Rows) -> _Blocks:
        return _Blocks(rows, make_hint(rows.hashes, self._public))

    def _kept(self, blocks: _Blocks) -> SegmentEntry:
        """Both files, kept; and what a version says of them."""
        rows_sha256 = self._files.keep(encode_rows(blocks.rows))
        hint_sha256 = self._files.keep(encode_hint(blocks.hint))
        return SegmentEntry.of(rows_sha256, hint_sha256, np.ones(len(blocks.rows), np.bool_))

    def _read_rows(self, segment: SegmentEntry) -> Rows:
        return read_rows(self._files.read(segment.rows_sha256), segment.rows_sha256)
