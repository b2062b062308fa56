"""Checkpoints, taken and kept: in the database, and in a file that an auditor may carry away.

Guarantees: a checkpoint is only of lines that are committed; it is on disk in the file before the
database has it, so no copy of the database knows of a checkpoint that the file lacks. Several
processes may share the file. Nothing in the file is ever changed.
Leaves to the caller: calling `take_if_due` now and then, in a writing transaction of its own.
"""

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, func, insert, select

from softfall.audit import trail
from softfall.audit.checkpoints import Checkpoint, NotACheckpoint, due, parse_checkpoint
from softfall.audit.checkpoints import sign_checkpoint as signed
from softfall.audit.keys import AuditKey
from softfall.audit.tables import checkpoints, lines
from softfall.config import AuditSettings

CHECKPOINTS_FILE = "checkpoints.jsonl"
MAX_CHECKPOINT_CHARACTERS = 2_000


@dataclass(frozen=True, slots=True)
class Keeper:
    """Signs checkpoints with `key` into `file`; a further one is due after so many lines or ms."""

    key: AuditKey
    file: Path
    every_lines: int
    every_ms: int

    def take_if_due(self, tx: Connection, now_ms: int) -> Checkpoint | None:
        """Take a checkpoint, if one is due. tx: a writing transaction that wrote no line itself."""
        last = tx.execute(
            select(checkpoints.c.number, checkpoints.c.at_ms)
            .order_by(checkpoints.c.number.desc())
            .limit(1)
        ).one_or_none()
        since = trail.last_number(tx) - (last.number if last else 0)
        at_ms = last.at_ms if last else None
        return self.take(tx, now_ms) if due(since, at_ms, now_ms, *self._every) else None

    def take(self, tx: Connection, now_ms: int) -> Checkpoint | None:
        """Take a checkpoint now; None for an empty log. tx: as for `take_if_due`."""
        newest = tx.execute(
            select(lines.c.number, lines.c.hash).order_by(lines.c.number.desc()).limit(1)
        ).one_or_none()
        name = trail.log_name(tx)
        if newest is None or name is None:
            return None
        number, line_hash = newest.number, bytes(newest.hash)
        before = tx.execute(
            select(func.max(checkpoints.c.at_ms)).where(checkpoints.c.number == number)
        ).scalar()
        at_ms = now_ms if before is None else max(now_ms, before + 1)
        taken = signed(name, number, line_hash, at_ms, self.key.public_key, self.key.sign)
        _add_to_file(self.file, taken)
        tx.execute(
            insert(checkpoints).values(
                number=number,
                at_ms=at_ms,
                hash=line_hash,
                public_key=taken.public_key,
                signature=taken.signature,
            )
        )
        return taken

    @property
    def _every(self) -> tuple[int, int]:
        return self.every_lines, self.every_ms


def keeper_of(key: AuditKey, data_dir: Path, settings: AuditSettings) -> Keeper:
    """The keeper of the log whose service has this data folder."""
    every_ms = round(settings.checkpoint_minutes * 60_000)
    return Keeper(key, data_dir / CHECKPOINTS_FILE, settings.checkpoint_lines, every_ms)


def kept_checkpoints(tx: Connection) -> list[Checkpoint]:
    """Every checkpoint that the database has, in order."""
    name = trail.log_name(tx) or ""
    rows = tx.execute(select(checkpoints).order_by(checkpoints.c.number, checkpoints.c.at_ms))
    return [
        Checkpoint(name, r.number, bytes(r.hash), r.at_ms, bytes(r.public_key), bytes(r.signature))
        for r in rows
    ]


def read_checkpoints(file: Path) -> list[Checkpoint]:
    """Every checkpoint of a file, in order; none where there is no file. Raises NotACheckpoint."""
    if not file.exists():
        return []
    found = []
    with file.open(encoding="ascii", errors="replace") as lines_of_text:
        while text := lines_of_text.readline(MAX_CHECKPOINT_CHARACTERS):
            try:
                found.append(parse_checkpoint(text.removesuffix("\n")))
            except NotACheckpoint:
                told = f"line {len(found) + 1} of {file} is not a checkpoint"
                raise NotACheckpoint(told) from None
    return found


def _add_to_file(file: Path, checkpoint: Checkpoint) -> None:
    """Write it at the end, whole or not at all, and to the disk."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        size_bytes = os.fstat(descriptor).st_size
        body = checkpoint.to_json().encode() + b"\n"
        try:
            written = os.write(descriptor, body)
            os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, size_bytes)
            raise
        if written != len(body):
            os.ftruncate(descriptor, size_bytes)
            raise OSError(28, "no space left for a checkpoint", str(file))
    finally:
        os.close(descriptor)
