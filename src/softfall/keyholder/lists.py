"""Which lists the keyholder serves: signed versions that the provider carries, and their hints.

Guarantees: only what the pinned custodian signed, of option `homomorphic`, naming a key that is
held here, and not ended; versions of one epoch only grow, and no epoch older than the newest comes
anew. All of it is on disk before it is told of. A version is served once each of its hints is here;
the one before is kept for runs that are under way. What ended goes, with its hints and counts.
Refuses: other signatures (BadManifest, BadListVersion), ended epochs (ManifestExpired), steps back
(ManifestRolledBack, VersionRolledBack), other keys (KeyNotHeld), hints that no version names
(HintNotWanted), questions about what is not here (EpochNotHere, WrongListVersion, HintsMissing).
Never here: rows. A version names their digests, and each block has random rows.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Engine, delete, insert, select

from softfall.errors import InputError, RefusedError, UnavailableError
from softfall.keyholder.hints import HintFiles
from softfall.keyholder.keys import SealingKey
from softfall.keyholder.tables import epochs, runs, versions
from softfall.lists import manifest as manifests
from softfall.lists.manifest import BadManifest, ManifestRolledBack
from softfall.options.homomorphic import listing, wire
from softfall.options.homomorphic.keyholder import HintList, HintSegment
from softfall.options.homomorphic.listing import ListVersion, SegmentEntry
from softfall.options.homomorphic.parameters import NAME, HomomorphicParameters
from softfall.options.homomorphic.segments import BadListFile
from softfall.wire import MalformedMessage

KEPT_VERSIONS: Final = 2

Clock = Callable[[], int]


class KeyNotHeld(RefusedError):
    """An epoch names a keyholder's key that this keyholder does not have."""

    remedy = (
        "Set custodian.keyholder_key_file to this keyholder's keyholder.pub and publish an epoch."
    )


class HintNotWanted(InputError):
    """A hint that no list version at hand names, or whose size is not the named one's."""

    remedy = "Carry the list version first; then only the hints that its answer names."


class EpochNotHere(RefusedError):
    """A question about an epoch that was not carried here, or that has ended."""

    remedy = "Carry the epoch's signed manifest and list version to the keyholder; then ask again."


class WrongListVersion(RefusedError):
    """A question about another version of the epoch's list than those at hand."""

    remedy = "Carry that version to the keyholder, or ask by one of the versions that it names."


class HintsMissing(UnavailableError):
    """A list version is at hand, but not yet all of its hints."""

    remedy = "Carry the hints that /v1/state names as missing; then ask again."


@dataclass(frozen=True, slots=True)
class Held:
    """One version as `GET /v1/state` tells of it. missing: SHA-256 of the hints not here yet."""

    epoch: int
    list_version: int
    missing: tuple[bytes, ...]


@dataclass(frozen=True)
class _Kept:
    version: ListVersion
    signed: bytes
    parameters: HomomorphicParameters
    expires_at_ms: int

    @property
    def hint_digests(self) -> tuple[bytes, ...]:
        return tuple(dict.fromkeys(segment.hint_sha256 for segment in self.version.segments))


class ListBook:
    """The lists of one running keyholder. custodian_key: 32 bytes, whose signatures count."""

    def __init__(
        self,
        engine: Engine,
        hints: HintFiles,
        custodian_key: bytes,
        keys: Callable[[], Sequence[SealingKey]],
        now_ms: Clock,
    ) -> None:
        self._engine = engine
        self._hints = hints
        self._custodian_key = custodian_key
        self._keys = keys
        self._now_ms = now_ms
        self._lock = threading.RLock()
        self._kept: dict[tuple[int, int], _Kept] = {}
        self._read()

    def take(self, body: bytes) -> Held:
        """Take a `homomorphic_list`; the same again changes nothing.

        Raises MalformedMessage, BadManifest, BadListVersion, ManifestExpired, ManifestRolledBack,
        VersionRolledBack, KeyNotHeld.
        """
        values = wire.decode(wire.LIST_CARRIED, body)
        manifest_body = wire.octets(values, "manifest")
        signed = wire.octets(values, "list_version")
        now_ms = self._now_ms()
        told = manifests.verify(manifest_body, self._custodian_key, now_ms=now_ms)
        parameters = _parameters(told)
        with self._lock, self._engine.begin() as tx:
            self._require_newest(tx, told.epoch, manifest_body)
            known = self._newest_signed(tx, told.epoch, signed)
            version = listing.verify(signed, self._custodian_key, epoch=told.epoch, seen=known)
            if parameters.keyholder_key not in {key.public for key in self._keys()}:
                raise KeyNotHeld(f"epoch {told.epoch} names another keyholder's key")
            kept = _Kept(version, signed, parameters, told.expires_at_ms)
            _write(tx, kept, manifest_body, now_ms)
            self._kept[version.epoch, version.list_version] = kept
        return self._told(kept)

    def put_hint(self, sha256: bytes, content: bytes) -> None:
        """Keep a hint of a version. Raises HintNotWanted, BadListFile, KeyholderDiskFull."""
        if not self.wants(sha256):
            raise HintNotWanted("no list version here names this hint")
        if not self._hints.has(sha256):
            self._hints.put(sha256, content)

    def wants(self, sha256: bytes) -> bool:
        """Whether a version at hand names this hint."""
        with self._lock:
            return any(sha256 in kept.hint_digests for kept in self._kept.values())

    def served(self, epoch: int, list_version: int) -> HintList:
        """The list that a question names.

        Raises EpochNotHere, WrongListVersion, HintsMissing.
        """
        now_ms = self._now_ms()
        with self._lock:
            of_epoch = {n: kept for (e, n), kept in self._kept.items() if e == epoch}
        if not of_epoch or now_ms >= next(iter(of_epoch.values())).expires_at_ms:
            raise EpochNotHere(f"epoch {epoch} is not at hand")
        kept = of_epoch.get(list_version)
        if kept is None:
            have = ", ".join(map(str, sorted(of_epoch)))
            raise WrongListVersion(f"versions {have} are at hand, not {list_version}")
        if any(not self._hints.has(digest) for digest in kept.hint_digests):
            raise HintsMissing(f"version {list_version} of epoch {epoch} lacks hints")
        try:
            segments = tuple(map(self._segment, kept.version.segments))
        except BadListFile:
            raise HintsMissing(f"a hint of epoch {epoch} was damaged and is gone") from None
        return HintList(epoch, list_version, kept.parameters, segments)

    def held(self) -> list[Held]:
        """Every version at hand, oldest first."""
        with self._lock:
            return [self._told(self._kept[key]) for key in sorted(self._kept)]

    def newest(self) -> list[tuple[ListVersion, HomomorphicParameters]]:
        """The newest version of each epoch that goes on: what dealt material is fetched for."""
        last = {kept.version.epoch: kept for kept in self._living()}
        return [(each.version, each.parameters) for each in last.values()]

    def living(self) -> list[tuple[ListVersion, HomomorphicParameters]]:
        """Every version of every epoch that goes on, oldest first."""
        return [(each.version, each.parameters) for each in self._living()]

    def ended_keys(self) -> set[bytes]:
        """The keys that epochs named which have ended, and no living one names."""
        with self._lock:
            named = {kept.parameters.keyholder_key for kept in self._kept.values()}
            return named - {kept.parameters.keyholder_key for kept in self._living()}

    def tidy(self) -> list[int]:
        """Delete ended epochs, versions that were replaced, their counts and hints.

        Returns the epochs that went.
        """
        with self._lock:
            replaced = self._replaced()
            with self._engine.begin() as tx:
                ended = _delete_ended(tx, self._now_ms())
                for epoch, number in replaced:
                    same = (versions.c.epoch == epoch, versions.c.list_version == number)
                    tx.execute(delete(versions).where(*same))
            if ended or replaced:
                self._read()
            wanted = {digest for kept in self._kept.values() for digest in kept.hint_digests}
            self._hints.keep_only(wanted)
        return ended

    def _segment(self, entry: SegmentEntry) -> HintSegment:
        hint = self._hints.read(entry.hint_sha256)
        if hint.shape[1] != entry.blocks:
            raise BadListFile("a hint has not as many blocks as its list version says")
        return HintSegment(hint, entry.live)

    def _living(self) -> list[_Kept]:
        """Of epochs that go on, oldest first."""
        now_ms = self._now_ms()
        with self._lock:
            kept = [self._kept[key] for key in sorted(self._kept)]
        return [each for each in kept if each.expires_at_ms > now_ms]

    def _read(self) -> None:
        """All that is on disk; it was verified when it was taken, and is verified again."""
        with self._engine.connect() as tx:
            bodies = {row.epoch: row.manifest for row in tx.execute(select(epochs))}
            rows = tx.execute(select(versions)).all()
        found = {}
        for row in rows:
            told = manifests.verify(bodies[row.epoch], self._custodian_key)
            version = listing.verify(row.signed, self._custodian_key, epoch=row.epoch)
            kept = _Kept(version, row.signed, _parameters(told), told.expires_at_ms)
            found[row.epoch, row.list_version] = kept
        self._kept = found

    def _replaced(self) -> list[tuple[int, int]]:
        """Versions older than the newest whole one, but for the last of them."""
        gone = []
        for epoch in {epoch for epoch, _ in self._kept}:
            numbers = sorted(n for e, n in self._kept if e == epoch)
            whole = [n for n in numbers if not self._told(self._kept[epoch, n]).missing]
            if whole:
                first = whole[-KEPT_VERSIONS:][0]
                gone += [(epoch, n) for n in numbers if n < first]
        return gone

    def _told(self, kept: _Kept) -> Held:
        missing = tuple(digest for digest in kept.hint_digests if not self._hints.has(digest))
        return Held(kept.version.epoch, kept.version.list_version, missing)

    def _require_newest(self, tx: Connection, epoch: int, manifest: bytes) -> None:
        """Raises ManifestRolledBack."""
        newest = 0
        for row in tx.execute(select(epochs.c.epoch, epochs.c.manifest)):
            newest = max(newest, row.epoch)
            if row.epoch == epoch:
                if row.manifest != manifest:
                    raise ManifestRolledBack(f"another manifest of epoch {epoch} was seen before")
                return
        if newest > epoch:
            raise ManifestRolledBack(f"epoch {newest} was seen before this {epoch}")

    def _newest_signed(self, tx: Connection, epoch: int, signed: bytes) -> bytes | None:
        """What a version must not be older than: nothing, where it was taken before."""
        of_epoch = select(versions.c.signed).where(versions.c.epoch == epoch)
        known = list(tx.scalars(of_epoch.order_by(versions.c.list_version)))
        return None if not known or signed in known else bytes(known[-1])


def _parameters(told: manifests.Manifest) -> HomomorphicParameters:
    """Raises BadManifest."""
    if told.option != NAME:
        raise BadManifest(f"the manifest is of option {told.option}")
    try:
        return HomomorphicParameters.decode(told.parameters)
    except MalformedMessage as error:
        raise BadManifest(error.what) from None


def _write(tx: Connection, kept: _Kept, manifest: bytes, now_ms: int) -> None:
    values: dict[str, Any] = {"epoch": kept.version.epoch}
    if (
        tx.execute(select(epochs.c.epoch).where(epochs.c.epoch == kept.version.epoch)).first()
        is None
    ):
        tx.execute(
            insert(epochs).values(manifest=manifest, expires_at_ms=kept.expires_at_ms, **values)
        )
    values["list_version"] = kept.version.list_version
    same = (
        versions.c.epoch == kept.version.epoch,
        versions.c.list_version == kept.version.list_version,
    )
    if tx.execute(select(versions.c.epoch).where(*same)).first() is None:
        tx.execute(insert(versions).values(signed=kept.signed, taken_at_ms=now_ms, **values))


def _delete_ended(tx: Connection, now_ms: int) -> list[int]:
    ended = list(tx.scalars(select(epochs.c.epoch).where(epochs.c.expires_at_ms <= now_ms)))
    for table in (versions, runs, epochs):
        tx.execute(delete(table).where(table.c.epoch.in_(ended)))
    return ended
