"""What changed within an epoch: each published version's entries, and what a next one would hold.

Guarantees: a version is one row and its changes, written in one transaction and frozen (triggers);
the entries of an epoch at its newest version are those frozen with it, with each later change
applied in order. What a next version would hold is read from the change feed where it reaches back
to the version before: the time is that of the changes, not of the list. Else the whole list is
compared, with the same outcome.
Reads the list as it stands; how it changes is the business of `catalogue`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection, Engine, insert, select

from softfall.custodian.epochs import PublishedEpoch, artefact_path
from softfall.custodian.feed import FeedReader, Lost
from softfall.custodian.rows import ROWS_AT_ONCE
from softfall.custodian.tables import (
    entries,
    epoch_changes,
    epoch_entries,
    epoch_positions,
    epoch_versions,
    epochs,
)
from softfall.lists.distribution import BASE_VERSION
from softfall.lists.index.snapshot import Position


@dataclass(frozen=True, slots=True)
class Version:
    """One published version. content: its segment's file. entries: how many it leads to."""

    number: int
    content: Path
    sha256: bytes
    size_bytes: int
    entries: int

    @property
    def kind(self) -> str:
        """`base` or `delta`."""
        return "base" if self.number == BASE_VERSION else "delta"


@dataclass(frozen=True, slots=True)
class Changes:
    """What the list has that an epoch's newest version has not, and the other way round.

    added: (entry number, 32-byte hash), withdrawn: entry numbers; both in order of number.
    entries: how many there are after them. position: how much of the feed they take in.
    """

    added: Sequence[tuple[int, bytes]] = field(repr=False)
    withdrawn: Sequence[int]
    entries: int
    position: Position


class VersionBook:
    """The versions of one custodian's epochs. folder: where segments lie."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._engine = engine
        self._folder = folder

    def versions(self, epoch: PublishedEpoch) -> list[Version]:
        """All published versions of an epoch, the base first. Raises FileNotFoundError."""
        base = artefact_path(self._folder, epoch.option, epoch.number)
        column = epoch_versions.c
        query = select(epoch_versions).where(column.epoch == epoch.number).order_by(column.version)
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
            frozen = select(epochs.c.entries_count).where(epochs.c.number == epoch.number)
            first = connection.scalars(frozen).one()
        size_bytes = base.stat().st_size
        found = [Version(BASE_VERSION, base, epoch.artefact_sha256, size_bytes, first)]
        for row in rows:
            content = segment_path(self._folder, epoch.option, epoch.number, row.version)
            found.append(
                Version(
                    row.version, content, row.segment_sha256, row.segment_bytes, row.entries_count
                )
            )
        return found

    def changes(self, epoch: int) -> Changes:
        """What a next version would bring, from one snapshot of the list."""
        feed = FeedReader(self._engine)
        before = self._position(epoch)
        news = Lost("it was never written down", False) if before is None else feed.since(before)
        if isinstance(news, Lost):
            listed = feed.listed()
            position, now = listed.position, set(listed.numbers.tolist())
            touched = now | self._members(epoch)
        else:
            position, edits = news.position, news.edits
            now = set(edits.numbers[edits.listed].tolist())
            touched = set(edits.numbers.tolist())
        with self._engine.connect() as connection:
            ordered = sorted(touched)
            members = _members_among(connection, epoch, ordered)
            added = _with_hashes(connection, [n for n in ordered if n in now and n not in members])
            count = _entries_count(connection, epoch)
        withdrawn = [n for n in ordered if n in members and n not in now]
        return Changes(added, withdrawn, count + len(added) - len(withdrawn), position)

    def _position(self, epoch: int) -> Position | None:
        """How much of the feed the newest version has taken in; None where nobody wrote it down."""
        column = epoch_positions.c
        newest = (
            select(column.revision, column.stamp)
            .where(column.epoch == epoch)
            .order_by(column.version.desc())
        )
        with self._engine.connect() as connection:
            row = connection.execute(newest.limit(1)).first()
        return Position(row.revision, row.stamp) if row else None

    def _members(self, epoch: int) -> set[int]:
        """Every entry that an epoch has had at any version."""
        frozen = select(epoch_entries.c.entry_number).where(epoch_entries.c.epoch == epoch)
        later = select(epoch_changes.c.entry_number).where(epoch_changes.c.epoch == epoch)
        with self._engine.connect() as connection:
            return set(connection.scalars(frozen)) | set(connection.scalars(later))

    def announce(self, epoch: int, version: Version, changes: Changes, now_ms: int) -> None:
        """Make a version the newest, in one transaction; its segment is on the disk by then."""
        rows = [(number, 1) for number, _ in changes.added]
        rows += [(number, 0) for number in changes.withdrawn]
        with self._engine.begin() as connection:
            connection.execute(
                insert(epoch_versions).values(
                    epoch=epoch,
                    version=version.number,
                    published_at_ms=now_ms,
                    entries_count=version.entries,
                    segment_sha256=version.sha256,
                    segment_bytes=version.size_bytes,
                )
            )
            write_position(connection, epoch, version.number, changes.position)
            connection.execute(
                insert(epoch_changes),
                [
                    {
                        "epoch": epoch,
                        "entry_number": number,
                        "version": version.number,
                        "listed": listed,
                    }
                    for number, listed in rows
                ],
            )


def segment_path(folder: Path, option: str, epoch: int, version: int) -> Path:
    """Where the segment of one version past the base lies."""
    return folder / f"{option}-{epoch}-v{version}.segment"


def write_position(connection: Connection, epoch: int, version: int, position: Position) -> None:
    """How much of the feed a version takes in, as part of the transaction that announces it.

    It may be too early a position, never too late: what is told twice changes nothing.
    """
    connection.execute(
        insert(epoch_positions).values(
            epoch=epoch, version=version, revision=position.revision, stamp=position.stamp
        )
    )


def _entries_count(connection: Connection, epoch: int) -> int:
    """How many entries an epoch has at its newest version."""
    column = epoch_versions.c
    newest = select(column.entries_count).where(column.epoch == epoch)
    counted = connection.scalar(newest.order_by(column.version.desc()).limit(1))
    if counted is not None:
        return int(counted)
    frozen = select(epochs.c.entries_count).where(epochs.c.number == epoch)
    return int(connection.scalars(frozen).one())


def _members_among(connection: Connection, epoch: int, numbers: Sequence[int]) -> set[int]:
    """Those of some entries that an epoch has at its newest version."""
    found: set[int] = set()
    column = epoch_changes.c
    for some in _batches(numbers):
        frozen = select(epoch_entries.c.entry_number).where(
            epoch_entries.c.epoch == epoch, epoch_entries.c.entry_number.in_(some)
        )
        later = (
            select(column.entry_number, column.listed)
            .where(column.epoch == epoch, column.entry_number.in_(some))
            .order_by(column.version)
        )
        found |= set(connection.scalars(frozen))
        for number, listed in connection.execute(later):
            (found.add if listed else found.discard)(number)
    return found


def _with_hashes(connection: Connection, numbers: Sequence[int]) -> list[tuple[int, bytes]]:
    found: list[tuple[int, bytes]] = []
    for some in _batches(numbers):
        query = (
            select(entries.c.number, entries.c.pdq)
            .where(entries.c.number.in_(some))
            .order_by(entries.c.number)
        )
        found += [(row.number, row.pdq) for row in connection.execute(query)]
    return found


def _batches(numbers: Sequence[int]) -> Iterable[Sequence[int]]:
    return (numbers[i : i + ROWS_AT_ONCE] for i in range(0, len(numbers), ROWS_AT_ONCE))
