"""What changed within an epoch: each published version's entries, and what a next one would hold.

Guarantees: a version is one row and its changes, written in one transaction and frozen (triggers);
the entries of an epoch at its newest version are those frozen with it, with each later change
applied in order. Only options whose devices keep the list have versions past the first.
Reads the list as it stands; how it changes is the business of `catalogue`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection, Engine, insert, select

from softfall.custodian.epochs import PublishedEpoch, artefact_path
from softfall.custodian.rows import ENTRY_ACTIVE, ROWS_AT_ONCE
from softfall.custodian.tables import entries, epoch_changes, epoch_entries, epoch_versions, epochs
from softfall.lists.distribution import BASE_VERSION


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
    entries: how many there are after them.
    """

    added: Sequence[tuple[int, bytes]] = field(repr=False)
    withdrawn: Sequence[int]
    entries: int


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
        active = select(entries.c.number).where(ENTRY_ACTIVE)
        with self._engine.connect() as connection:
            now = set(connection.scalars(active))
            before = _members(connection, epoch)
            added = _with_hashes(connection, sorted(now - before))
        return Changes(added, sorted(before - now), len(now))

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


def _members(connection: Connection, epoch: int) -> set[int]:
    """The entries of an epoch at its newest version."""
    frozen = select(epoch_entries.c.entry_number).where(epoch_entries.c.epoch == epoch)
    found = set(connection.scalars(frozen))
    column = epoch_changes.c
    later = (
        select(column.entry_number, column.listed)
        .where(column.epoch == epoch)
        .order_by(column.version)
    )
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
