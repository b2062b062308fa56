"""Published epochs: which is current, which still answers, and the end of their keys.

Guarantees: an epoch that has ended never answers again, whatever the clock says later: its keys
(the option's, and the one that `confirm` shares are sealed to) are overwritten with zeros, then
NULL; the write-ahead log is emptied; its artefact and files are removed. An epoch ends when it
expires, or `overlap_ms` after the next one was published, whichever is first.
Refuses by name: epochs never published (EpochNotPublished), and ended ones (EpochEnded).
Limits: a disk may keep old blocks, and a backup keeps what it copied: back the list up, never the
epochs' keys. Python can't wipe a key from memory. A clock that runs ahead ends keys too early.
"""

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import ColumnElement, Engine, func, select, update

from softfall.config import CustodianSettings
from softfall.custodian.store import EPOCHS_FOLDER
from softfall.custodian.tables import entries, epoch_changes, epoch_entries, epochs
from softfall.errors import InputError, OperatorError, RefusedError, UnavailableError
from softfall.store.database import BUSY_TIMEOUT_MS

LOG_WAIT_MS = 100

_LEFT = b"softfall entry that has left v1|"


class NoEpoch(UnavailableError):
    """The custodian has no current epoch: none was published, or the last one has expired."""

    remedy = "The keeper of the list must run `softfall list publish`."


class EpochNotPublished(InputError):
    """No epoch of this number was ever published for this option."""

    remedy = "Fetch the current epoch's manifest and begin again."


class EpochEnded(RefusedError):
    """The epoch has ended; its key and artefact no longer exist."""

    remedy = "Fetch the current epoch's manifest and begin again."


class ArtefactDamaged(OperatorError):
    """An epoch's artefact is missing or is not what its manifest names."""

    remedy = "Check the disk, then run `softfall list publish`: a new epoch takes its place."


@dataclass(frozen=True, slots=True)
class PublishedEpoch:
    """One published epoch. Times in ms since 1970; `has_key` until it is destroyed."""

    number: int
    option: str
    manifest: bytes
    artefact_sha256: bytes
    expires_at_ms: int
    ends_at_ms: int
    has_key: bool

    def alive(self, now_ms: int) -> bool:
        """Whether it answers."""
        return self.has_key and now_ms < self.ends_at_ms


class EpochBook:
    """The published epochs of one custodian.

    folder: where the artefacts lie. overlap_ms: how long the epoch before still answers.
    """

    def __init__(self, engine: Engine, folder: Path, overlap_ms: int) -> None:
        self._engine = engine
        self._folder = folder
        self._overlap_ms = overlap_ms
        self._gone_for_good: set[int] = set()  # their keys are not in the write-ahead log either

    @classmethod
    def of(cls, settings: CustodianSettings, engine: Engine) -> "EpochBook":
        """The book of the custodian with these settings."""
        overlap_ms = round(settings.overlap_minutes * 60_000)
        return cls(engine, settings.data_dir / EPOCHS_FOLDER, overlap_ms)

    def published(self, option: str) -> list[PublishedEpoch]:
        """Every published epoch of the option, newest first."""
        column = epochs.c
        query = (
            select(
                column.number,
                column.option,
                column.manifest,
                column.artefact_sha256,
                column.published_at_ms,
                column.expires_at_ms,
                column.secret_key.is_not(None).label("has_key"),
            )
            .where(column.option == option, column.manifest.is_not(None))
            .order_by(column.number.desc())
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        found, newer_at_ms = [], None
        for row in rows:
            ends_at_ms = row.expires_at_ms
            if newer_at_ms is not None:
                ends_at_ms = min(ends_at_ms, newer_at_ms + self._overlap_ms)
            newer_at_ms = row.published_at_ms
            found.append(
                PublishedEpoch(
                    row.number,
                    row.option,
                    row.manifest,
                    row.artefact_sha256,
                    row.expires_at_ms,
                    ends_at_ms,
                    row.has_key,
                )
            )
        return found

    def current(self, option: str, now_ms: int) -> PublishedEpoch:
        """The newest epoch. Raises NoEpoch where there is none, or it has ended."""
        newest = next(iter(self.published(option)), None)
        if newest is None or not newest.alive(now_ms):
            raise NoEpoch("no epoch is current" if newest else "no epoch was published yet")
        return newest

    def answering(self, number: int, option: str, now_ms: int) -> PublishedEpoch:
        """The epoch of this number, if it still answers. Raises EpochNotPublished, EpochEnded."""
        for epoch in self.published(option):
            if epoch.number == number:
                if not epoch.alive(now_ms):
                    raise EpochEnded(f"epoch {number} has ended")
                return epoch
        raise EpochNotPublished(f"epoch {number} was never published")

    def secret(self, number: int) -> bytes:
        """The epoch's secret key. Raises EpochEnded."""
        return self._key(number, epochs.c.secret_key)

    def confirm_secret(self, number: int) -> bytes:
        """The secret part of the HPKE key that `confirm` shares are sealed to.

        Raises EpochEnded, also where the epoch never had one.
        """
        return self._key(number, epochs.c.confirm_secret)

    def entry_hash(self, number: int, entry: int) -> bytes | None:
        """The 32-byte hash that one entry of an epoch stands for; None if it never had the entry.

        One that has left the epoch since stands for a value that no picture has: a device that is
        some versions behind, and still names it, is answered as by the newest version.
        """
        frozen = select(epoch_entries.c.entry_number).where(
            epoch_entries.c.epoch == number, epoch_entries.c.entry_number == entry
        )
        column = epoch_changes.c
        newest = (
            select(column.listed)
            .where(column.epoch == number, column.entry_number == entry)
            .order_by(column.version.desc())
        )
        with self._engine.connect() as connection:
            listed = connection.scalar(newest.limit(1))
            if listed is None and connection.scalar(frozen) is None:
                return None
            if listed == 0:
                return hashlib.sha256(_LEFT + entry.to_bytes(8)).digest()
            query = select(entries.c.pdq).where(entries.c.number == entry)
            found: bytes = connection.scalars(query).one()
        return found

    def _key(self, number: int, column: ColumnElement[bytes | None]) -> bytes:
        query = select(column).where(epochs.c.number == number)
        with self._engine.connect() as connection:
            secret: bytes | None = connection.scalar(query)
        if secret is None:
            raise EpochEnded(f"the key of epoch {number} is destroyed")
        return secret

    def artefact(self, epoch: PublishedEpoch) -> bytes:
        """What the provider fetches, checked against the manifest. Raises ArtefactDamaged."""
        try:
            content = artefact_path(self._folder, epoch.option, epoch.number).read_bytes()
        except OSError:
            raise ArtefactDamaged(f"the artefact of epoch {epoch.number} can't be read") from None
        if hashlib.sha256(content).digest() != epoch.artefact_sha256:
            raise ArtefactDamaged(f"the artefact of epoch {epoch.number} is damaged")
        return content

    def end_due(self, option: str, now_ms: int) -> list[int]:
        """Destroy the keys and artefacts of the option's ended epochs; says which ended now.

        Safe to repeat, and to be killed anywhere: what is left undone is done the next time.
        """
        known = self.published(option)
        ended = [epoch for epoch in known if not epoch.alive(now_ms)]
        due = [epoch.number for epoch in ended if epoch.has_key]
        if due:
            self._overwrite_keys(due)
        for epoch in ended:
            artefact_path(self._folder, option, epoch.number).unlink(missing_ok=True)
            for path in self._folder.glob(f"{option}-{epoch.number}-v*.segment"):
                path.unlink(missing_ok=True)
            shutil.rmtree(files_folder(self._folder, option, epoch.number), ignore_errors=True)
        # Also for those that another process ended: it may have been unable to empty the log.
        numbers = {epoch.number for epoch in ended}
        if numbers - self._gone_for_good and self._empty_the_log():
            self._gone_for_good |= numbers
        return due

    def _overwrite_keys(self, numbers: Sequence[int]) -> None:
        column = epochs.c
        lengths = select(
            column.number, func.length(column.secret_key), func.length(column.confirm_secret)
        ).where(column.number.in_(numbers))
        with self._engine.begin() as connection:
            # Equal length first: it overwrites in place, before the row is laid out anew.
            for number, *sizes_bytes in connection.execute(lengths).all():
                zeros = [None if size is None else bytes(size) for size in sizes_bytes]
                for key, confirm in (zeros, (None, None)):
                    connection.execute(
                        update(epochs)
                        .where(column.number == number)
                        .values(secret_key=key, confirm_secret=confirm)
                    )

    def _empty_the_log(self) -> bool:
        """Whether SQLite's write-ahead log, which holds old pages, could be emptied."""
        if self._engine.dialect.name != "sqlite":
            return True
        # Waiting for a reader would keep every writer waiting too: rather try again later.
        with self._engine.connect() as connection:
            connection.exec_driver_sql(f"PRAGMA busy_timeout={LOG_WAIT_MS}")
            row = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
            connection.exec_driver_sql(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        return not row[0]


def artefact_path(folder: Path, option: str, number: int) -> Path:
    """Where one epoch's artefact lies."""
    return folder / f"{option}-{number}.artefact"


def files_folder(folder: Path, option: str, number: int) -> Path:
    """Where the files of one epoch lie, of an option whose list is more than an artefact."""
    return folder / f"{option}-{number}"
