"""The list epochs that this provider can judge by: fetched, checked, kept, switched in one step.

Guarantees: an artefact is used only if its SHA-256 is the manifest's and the manifest names our
option; a kept epoch survives restarts, so judging goes on while the custodian is away. The epoch
before the current one is still accepted for `GRACE_MS`, for devices that have not noticed.
Refuses: going back to an older epoch, or another manifest for the epoch in use (`EpochRejected`);
submissions for any other epoch (`WrongEpoch`).
Leaves to the devices: whose signature the manifest carries. They pin the custodian's key; the
provider is not the one they trust for it.
"""

import hashlib
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Row, insert, select, update

from softfall.errors import PeerError, RefusedError
from softfall.lists.manifest import Manifest, read
from softfall.options.contract import ProviderHalf
from softfall.provider.clock import Clock
from softfall.provider.files import Files
from softfall.provider.options import OfferedOption
from softfall.provider.tables import epochs
from softfall.store.transactions import Database

GRACE_MS = 60 * 60 * 1000


class WrongEpoch(RefusedError):
    """The request is for a list epoch that is not in use."""

    remedy = "Fetch GET /v1/service again and repeat with the current epoch."


class EpochRejected(PeerError):
    """What the custodian published can't be used."""

    remedy = "Ask the custodian's operator; the epoch in use stays in use meanwhile."


@dataclass(frozen=True, slots=True)
class Loaded:
    """One epoch, ready to judge by."""

    epoch: int
    manifest: bytes
    half: ProviderHalf
    expires_at_ms: int
    replaced_at_ms: int | None


class Epochs:
    """The epochs of one option."""

    def __init__(self, db: Database, folder: Path, option: OfferedOption, clock: Clock) -> None:
        self._db = db
        self._files = Files(folder)
        self._option = option
        self._clock = clock
        self._step = threading.Lock()
        ours = epochs.c.option == option.name
        self._kept = select(epochs).where(ours).order_by(epochs.c.epoch.desc())
        self._loaded: tuple[Loaded, ...] = ()  # newest first; replaced whole, never changed
        self._load_kept()

    @property
    def current(self) -> Loaded | None:
        """The epoch that devices should use; None before the first, or once it has expired."""
        newest = self._loaded[0] if self._loaded else None
        return newest if newest and newest.expires_at_ms > self._clock() else None

    def accepted(self, epoch: int) -> Loaded:
        """An epoch that a submission may be for. Raises WrongEpoch."""
        now_ms = self._clock()
        for loaded in self._loaded:
            if loaded.epoch == epoch and _accepts(loaded, now_ms):
                return loaded
        now = self.current
        told = f"the current one is {now.epoch}" if now else "none is current"
        raise WrongEpoch(f"epoch {epoch} is not in use; {told}")

    def in_use(self) -> list[int]:
        """The epochs that a submission may be for now, newest first."""
        now_ms = self._clock()
        return [loaded.epoch for loaded in self._loaded if _accepts(loaded, now_ms)]

    def manifests_in_use(self) -> list[tuple[int, bytes]]:
        """As `in_use`, each with its manifest."""
        now_ms = self._clock()
        return [(each.epoch, each.manifest) for each in self._loaded if _accepts(each, now_ms)]

    def half(self, epoch: int) -> ProviderHalf | None:
        """What judges a submission that was accepted: whatever has happened since."""
        return next((loaded.half for loaded in self._loaded if loaded.epoch == epoch), None)

    def wants(self, manifest: bytes) -> Manifest | None:
        """The manifest read, if its artefact is to be fetched; None if it is the one in use.

        Raises EpochRejected, MalformedMessage.
        """
        told = read(manifest)
        newest = self._loaded[0] if self._loaded else None
        if told.option != self._option.name:
            raise EpochRejected(f"the manifest is for option {told.option!r}")
        if newest is not None and newest.manifest == manifest:
            return None
        if newest is not None and told.epoch <= newest.epoch:
            raise EpochRejected(f"epoch {told.epoch} can't follow epoch {newest.epoch}")
        return told

    @property
    def needs_artefact(self) -> bool:
        """Whether the option judges by an artefact; else by the manifest alone."""
        return self._option.from_manifest is None

    def catch_up(self) -> bool:
        """Whether another process has installed a newer epoch, which is now in use here too."""
        newest = self._loaded[0].epoch if self._loaded else 0
        with self._db.read() as tx:
            kept = tx.execute(self._kept.limit(1)).first()
        if kept is None or kept.epoch <= newest:
            return False
        with self._step:
            self._load_kept()
        return bool(self._loaded) and self._loaded[0].epoch > newest

    def install(self, manifest: bytes, artefact: bytes = b"") -> None:
        """Check, keep and switch to a newer epoch. Raises EpochRejected, StorageFull.

        Where another process was faster it is the same; where that one has a newer epoch by now,
        EpochRejected.
        """
        with self._step:
            told = self.wants(manifest)
            if told is None:
                return
            if self.needs_artefact and hashlib.sha256(artefact).digest() != told.artefact_sha256:
                raise EpochRejected("the artefact is not the one that the manifest names")
            half = self._option.half(told, artefact)
            if self.needs_artefact:
                self._files.put(artefact)
            now_ms = self._clock()
            self._keep(told, manifest, now_ms)
            newest = Loaded(told.epoch, manifest, half, told.expires_at_ms, None)
            self._loaded = (newest, *(_replaced(loaded, now_ms) for loaded in self._loaded[:1]))
            self._forget_old()

    def _keep(self, told: Manifest, manifest: bytes, now_ms: int) -> None:
        ours = epochs.c.option == self._option.name
        with self._db.write() as tx:
            kept = tx.execute(self._kept.limit(1)).first()
            if kept is not None and kept.epoch > told.epoch:
                raise EpochRejected(f"epoch {told.epoch} can't follow epoch {kept.epoch}")
            if kept is not None and kept.epoch == told.epoch:
                if kept.manifest != manifest:
                    raise EpochRejected(f"epoch {told.epoch} has another manifest by now")
                return  # its artefact was damaged, or another process was faster
            tx.execute(
                update(epochs)
                .where(ours, epochs.c.replaced_at_ms.is_(None))
                .values(replaced_at_ms=now_ms)
            )
            tx.execute(
                insert(epochs).values(
                    option=self._option.name,
                    epoch=told.epoch,
                    manifest=manifest,
                    artefact_sha256=told.artefact_sha256,
                    expires_at_ms=told.expires_at_ms,
                    loaded_at_ms=now_ms,
                )
            )

    def _load_kept(self) -> None:
        """Take up where the last process left off; what is damaged is fetched again."""
        with self._db.read() as tx:
            rows = tx.execute(self._kept.limit(2)).all()
        halves = {one.manifest: one.half for one in self._loaded}
        loaded = []
        for row in rows:
            if row.manifest in halves:
                loaded.append(_loaded(row, halves[row.manifest]))
                continue
            artefact = self._kept_artefact(row.artefact_sha256)
            if artefact is None:
                continue
            with suppress(PeerError):  # of an older version of Softfall, perhaps
                half = self._option.half(read(row.manifest), artefact)
                loaded.append(_loaded(row, half))
        self._loaded = tuple(loaded)

    def _kept_artefact(self, sha256: bytes) -> bytes | None:
        """What is kept of an epoch to judge by; None where it is gone or damaged."""
        if not self.needs_artefact:
            return b""
        if not self._files.has(sha256):
            return None
        artefact = self._files.read(sha256)
        return artefact if hashlib.sha256(artefact).digest() == sha256 else None

    def _forget_old(self) -> None:
        """Only the artefacts of the current epoch and the one before it are kept.

        The manifests stay: a report of an older message is checked by its own epoch's (upkeep.py).
        """
        with self._db.read() as tx:
            named = {row.artefact_sha256 for row in tx.execute(self._kept.limit(2))}
        for digest in self._files.all():
            if digest not in named:
                self._files.delete(digest)


def _loaded(row: Row[Any], half: ProviderHalf) -> Loaded:
    return Loaded(row.epoch, row.manifest, half, row.expires_at_ms, row.replaced_at_ms)


def _replaced(loaded: Loaded, now_ms: int) -> Loaded:
    return Loaded(loaded.epoch, loaded.manifest, loaded.half, loaded.expires_at_ms, now_ms)


def _accepts(loaded: Loaded, now_ms: int) -> bool:
    fresh = loaded.replaced_at_ms is None or now_ms - loaded.replaced_at_ms <= GRACE_MS
    return fresh and loaded.expires_at_ms > now_ms
