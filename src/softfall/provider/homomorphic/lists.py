"""The list versions that this provider judges by: kept, prepared, carried, switched in one step.

Guarantees: a version is judged by once all its segments are mapped here, whole, and the keyholder
has it with every hint; until then, and whatever goes wrong, the version before stays in use. What
is in use survives a restart, so judging goes on while the custodian is away. Of the processes on
one folder one fetches, prepares and carries; the others have it from there within `LOOK_SECONDS`.
After the keyholder's loss all that it lacks is carried again by itself.
Refuses: a version older than the one in use, and a second one of its number (VersionRejected).
Leaves to the keyholder: whose signature a version carries; it pins the custodian's key.
"""

import asyncio
import fcntl
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from softfall.edge.logs import Logger, failure
from softfall.errors import PeerError, SoftfallError
from softfall.options.homomorphic import listing
from softfall.options.homomorphic.listing import ListVersion
from softfall.options.homomorphic.parameters import HomomorphicParameters
from softfall.options.homomorphic.provider import PreparedList
from softfall.options.homomorphic.provider_modes import PreparedSegment
from softfall.provider.files import full_disk_named
from softfall.provider.homomorphic.keyholder_way import HeldList, KeyholderState, KeyholderWay
from softfall.provider.homomorphic.shelf import Shelf
from softfall.provider.homomorphic.source import ListSource
from softfall.provider.relay import CustodianUnavailable

LOOK_SECONDS: Final = 0.5
_SIGNED: Final = ".signed"


class VersionRejected(PeerError):
    """The custodian published a list version that can't follow the one in use."""

    remedy = "Ask the custodian's operator; the version in use stays in use meanwhile."


@dataclass(frozen=True, slots=True)
class EpochInUse:
    """One epoch that submissions may be for. manifest: as signed."""

    number: int
    manifest: bytes = field(repr=False)
    parameters: HomomorphicParameters = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ready:
    """A version that is judged by. signed: its bytes."""

    signed: bytes = field(repr=False)
    version: ListVersion
    listed: PreparedList = field(repr=False)


class Lists:
    """The versions in use, one an epoch. Threads may ask; one keeper changes them."""

    def __init__(self, folder: Path, shelf: Shelf) -> None:
        self.shelf = shelf
        self._folder = folder / "versions"
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._ready: dict[int, Ready] = {}
        self._changed = threading.Condition()

    def current(self, epoch: int) -> PreparedList | None:
        """What to judge by now; None while there is nothing."""
        ready = self._ready.get(epoch)
        return ready.listed if ready else None

    def wait_for(self, epoch: int, seconds: float) -> PreparedList | None:
        """As `current`, after a wait for it, at most so long."""
        with self._changed:
            self._changed.wait_for(lambda: epoch in self._ready, seconds)
        return self.current(epoch)

    def signed(self, epoch: int) -> bytes | None:
        """The version in use, signed."""
        ready = self._ready.get(epoch)
        return ready.signed if ready else None

    def all(self) -> list[Ready]:
        """What is in use, newest epoch first."""
        return [self._ready[epoch] for epoch in sorted(self._ready, reverse=True)]

    def prepare(self, epoch: EpochInUse, signed: bytes) -> Ready:
        """A version with its segments mapped; what is not prepared yet is. Takes its time.

        Raises BadListVersion, VersionRejected, RowsMissing, BadListFile, SnapshotUnwritable.
        """
        version = self.checked(epoch.number, signed)
        segments = []
        for entry in version.segments:
            found = self.shelf.open(entry)
            segments.append(PreparedSegment(found.prepared, found.numbers, entry.live))
        number = version.list_version
        listed = PreparedList(epoch.number, number, epoch.parameters, tuple(segments))
        return Ready(signed, version, listed)

    def checked(self, epoch: int, signed: bytes) -> ListVersion:
        """The version read, if it may follow. Raises BadListVersion, VersionRejected."""
        version = listing.read(signed)
        known = self._ready.get(epoch)
        if version.epoch != epoch:
            raise VersionRejected(f"the list version is of epoch {version.epoch}, not {epoch}")
        if known is not None and known.signed != signed:
            newest = known.version.list_version
            if version.list_version <= newest:
                raise VersionRejected(f"version {version.list_version} can't follow {newest}")
        return version

    def use(self, ready: Ready, *, keep: bool = True) -> None:
        """Judge by this from now on; on disk, unless it came from there. Raises StorageFull."""
        if keep:
            self._write(self._folder / f"{ready.version.epoch}{_SIGNED}", ready.signed)
        with self._changed:
            self._ready = {**self._ready, ready.version.epoch: ready}
            self._changed.notify_all()

    def kept(self, epoch: int) -> bytes | None:
        """What was in use on this folder last, by whichever process."""
        with suppress(FileNotFoundError):
            return (self._folder / f"{epoch}{_SIGNED}").read_bytes()
        return None

    def forget_others(self, living: Sequence[int]) -> None:
        """No longer judge by any but these epochs."""
        self._ready = {epoch: each for epoch, each in self._ready.items() if epoch in living}

    def tidy(self, living: Sequence[int], coming: Sequence[ListVersion]) -> None:
        """Delete from the disk what no living epoch's version, in use or coming, needs any more."""
        for path in self._folder.glob(f"*{_SIGNED}"):
            if path.name.removesuffix(_SIGNED) not in map(str, living):
                path.unlink(missing_ok=True)
        versions = [*(ready.version for ready in self.all()), *coming]
        self.shelf.keep_only([each for version in versions for each in version.segments])

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Whether this process is the one of this folder that fetches and carries just now."""
        with (self._folder / "keeping.lock").open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True

    def _write(self, path: Path, body: bytes) -> None:
        part = path.with_name(f"{secrets.token_hex(8)}.part")
        try:
            with full_disk_named():
                part.write_bytes(body)
                part.replace(path)
        finally:
            part.unlink(missing_ok=True)


@dataclass
class ListKeeper:
    """Keeps the lists of one provider up to date, for ever; a change of fortune is logged once.

    epochs: those in use, oldest first. changed: called when another version is in use.
    """

    lists: Lists
    source: ListSource
    way: KeyholderWay
    epochs: Callable[[], Sequence[EpochInUse]]
    changed: Callable[[], None]
    log: Logger
    _trouble: dict[int, str] = field(default_factory=dict)
    _coming: dict[int, ListVersion] = field(default_factory=dict)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.round()
            await asyncio.sleep(LOOK_SECONDS)

    async def round(self) -> None:
        """Look after every epoch; one's trouble keeps back no other. Never raises."""
        epochs = self.epochs()
        with self.lists.alone() as mine:
            for epoch in epochs:
                try:
                    await self._look(epoch, mine)
                    self._trouble.pop(epoch.number, None)
                except Exception as error:  # a party may be away, the disk full
                    if self._trouble.get(epoch.number) != type(error).__name__:
                        self._trouble[epoch.number] = type(error).__name__
                        self.log.warning(
                            "the list is not up to date", epoch=epoch.number, **failure(error)
                        )
            if epochs:
                await asyncio.to_thread(self._tidy, [epoch.number for epoch in epochs], mine)

    async def _look(self, epoch: EpochInUse, mine: bool) -> None:
        """One epoch: take over what is kept; then, if it is our turn, fetch, prepare and carry.

        Raises CustodianUnavailable, KeyholderUnavailable, VersionRejected, BadListVersion,
        BadListFile, SnapshotUnwritable, StorageFull, DigestMismatch.
        """
        trouble = await self._take_over(epoch)
        if mine:
            away = await self._fetch(epoch)
            await self._carry_again(epoch)
            trouble = away or trouble
        if trouble is not None:
            raise trouble

    async def _take_over(self, epoch: EpochInUse) -> SoftfallError | None:
        """What another process, or this one before a restart, had in use; why not, if damaged."""
        kept = self.lists.kept(epoch.number)
        if kept is None or kept == self.lists.signed(epoch.number):
            return None
        try:
            ready = await asyncio.to_thread(self.lists.prepare, epoch, kept)
        except SoftfallError as error:  # its rows are gone, say: they are fetched again
            return error
        self._use(ready, keep=False)
        return None

    async def _fetch(self, epoch: EpochInUse) -> SoftfallError | None:
        """A newer version, if there is one: here, then at the keyholder, then in use."""
        known = self.lists.signed(epoch.number)
        try:
            signed = await self.source.version(epoch.number, known)
        except CustodianUnavailable as error:
            return error  # what is in use goes on, and the keyholder may still lack it
        if signed is None:
            return None
        version = self._coming[epoch.number] = self.lists.checked(epoch.number, signed)
        for segment in self.lists.shelf.missing(version.segments):
            await self.source.rows(segment, self.lists.shelf.rows)
        ready = await asyncio.to_thread(self.lists.prepare, epoch, signed)
        await self._carry(epoch, ready, await self.way.state())
        await asyncio.to_thread(self._use, ready)
        del self._coming[epoch.number]
        return None

    def _use(self, ready: Ready, *, keep: bool = True) -> None:
        self.lists.use(ready, keep=keep)
        version = ready.version
        self.log.info(
            "list in use",
            epoch=version.epoch,
            list_version=version.list_version,
            entries=version.entries,
        )
        self.changed()

    async def _carry_again(self, epoch: EpochInUse) -> None:
        """See to it that the keyholder has what is in use: it may have lost all."""
        signed = self.lists.signed(epoch.number)
        if signed is not None:
            ready = next(each for each in self.lists.all() if each.signed == signed)
            await self._carry(epoch, ready, await self.way.state())

    async def _carry(self, epoch: EpochInUse, ready: Ready, state: KeyholderState) -> None:
        number = ready.version.list_version
        held = state.held(epoch.number, number)
        if held is None:
            held = await self.way.give_list(epoch.manifest, ready.signed)
        if not held.missing:
            return
        for segment in ready.version.segments:
            await self._carry_hint(segment, held)
        self.log.info("list carried to the keyholder", epoch=epoch.number, list_version=number)

    async def _carry_hint(self, segment: listing.SegmentEntry, held: HeldList) -> None:
        digest = segment.hint_sha256.hex()
        if digest in held.missing:
            await self.way.give_hint(digest, await self.source.hint(segment))

    def _tidy(self, living: Sequence[int], mine: bool) -> None:
        self.lists.forget_others(living)
        self._coming = {epoch: each for epoch, each in self._coming.items() if epoch in living}
        if mine:
            with suppress(OSError):  # the next round does it
                self.lists.tidy(living, list(self._coming.values()))
