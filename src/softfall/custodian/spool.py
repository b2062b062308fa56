"""Statements read from a file, kept until the whole file has been read.

Why: a file may be slow, or end badly; the write lock must not wait for it, since the service ends
epochs in the same database. Memory stays bounded: what goes beyond IN_MEMORY statements
lies in an unnamed file in the custodian's own folder, which vanishes with the process, however it
ends.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import cbor2

from softfall.custodian.rows import cell, names
from softfall.lists.entries import Statement, ViewOf

IN_MEMORY = 200_000


class Spool:
    """A first-in, first-out store of statements; write all, then read all."""

    def __init__(self, folder: Path, batch_rows: int, in_memory: int = IN_MEMORY) -> None:
        """folder: where an unnamed file may grow. batch_rows: how many come back at once."""
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed in __exit__
        self._batch_rows = batch_rows
        self._in_memory = in_memory
        self._batches: list[list[Statement]] = []
        self._waiting: list[Statement] = []
        self._in_file = 0
        self.count = 0

    def __enter__(self) -> "Spool":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def put(self, statement: Statement) -> None:
        """Keep one more."""
        self.count += 1
        self._waiting.append(statement)
        if len(self._waiting) >= self._batch_rows:
            self._put_away()

    def batches(self) -> Iterator[list[Statement]]:
        """All that were put, in order, up to `batch_rows` at once."""
        self._put_away()
        yield from self._batches
        self._file.seek(0)
        for _ in range(self._in_file):
            yield [_statement(*values) for values in cbor2.load(self._file)]

    def _put_away(self) -> None:
        if self.count <= self._in_memory:
            self._batches.append(self._waiting)
        else:
            cbor2.dump([_values(spoken) for spoken in self._waiting], self._file)
            self._in_file += 1
        self._waiting = []


def _values(spoken: Statement) -> tuple[object, ...]:
    return (
        spoken.pdq,
        spoken.source,
        cell(spoken.labels),
        cell(spoken.certifiers),
        spoken.added_ms,
        spoken.listed_ms,
        spoken.withdrawn_ms,
        (spoken.view.whole, spoken.view.name) if spoken.view else None,
    )


def _statement(
    pdq: bytes,
    source: str,
    labels: str,
    certifiers: str,
    added_ms: int | None,
    listed_ms: int | None,
    withdrawn_ms: int | None,
    view: tuple[bytes, str] | None,
) -> Statement:
    times = (added_ms, listed_ms, withdrawn_ms)
    seen = ViewOf(*view) if view else None
    return Statement(pdq, source, names(labels), names(certifiers), *times, seen)
