"""The on-device list as a real client lives with it: kept fresh in the background, never mixed.

Guarantees: what `segments` hands out is one version of one epoch, whole, signed by keys that the
pinned root names, under a manifest that the pinned custodian signed; it never goes back, whatever
is served, and one version is the same bytes for ever. An update that fails anywhere, or is killed,
leaves the list in use as it was; what it had fetched is not fetched again.
The list serves `old_list_hours` after it was last known to be the newest (then `ListOutdated`), and
an epoch that was replaced can be checked by for as long (then `ListGone`).
Refuses by name: see list_errors.py. What a segment holds is the option's business.
Limit: within the term of a timestamp (custodian.list_timestamp_hours), a mirror can hide a newer
version; a custodian and a mirror together can show two people two lists, which they find out when
they write to each other (the message carries the epoch's manifest and the list's digest).
"""

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root

from softfall.config import DeviceSettings
from softfall.device.list_errors import (
    ListAltered,
    ListGone,
    ListNotKept,
    ListOutdated,
    ListReplaced,
    ListRolledBack,
    ListRootUnusable,
    named_list_errors,
)
from softfall.device.list_fetch import Download, Offered, Progress, fetch_small, refresh
from softfall.device.list_shelf import Kept, KeptEpoch, ListShelf
from softfall.device.surroundings import Surroundings
from softfall.device.transport import Transport
from softfall.errors import SoftfallError
from softfall.lists.distribution import OPTION, list_digest, manifest_name
from softfall.lists.manifest import Manifest, read, verify
from softfall.options.contract import ListNotHere

HOUR_MS = 3_600_000
KEPT_EPOCHS = 4
FIRST_RETRY_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Segments:
    """One version of one epoch. paths: the base, then each delta in order; each is immutable.

    manifest: as the custodian signed it. digest: SHA-256 over the segments' own (`list_digest`), so
    that two who name an epoch and a version can see that they mean the same list; a message with a
    photograph carries it.
    """

    epoch: int
    version: int
    paths: tuple[Path, ...]
    manifest: bytes = field(repr=False)
    digest: bytes


@dataclass(frozen=True, slots=True)
class ListStatus:
    """How the list stands. epoch 0: there is none. trouble: what ended the last update early."""

    epoch: int
    version: int
    checked_at_ms: int
    trouble: SoftfallError | None


def check_root(trusted_root: bytes) -> None:
    """Whether these bytes can be pinned as a root. Raises ListRootUnusable."""
    try:
        root = Metadata[Root].from_bytes(trusted_root)
        good = isinstance(root.signed, Root)
        if good:
            root.verify_delegate(Root.type, root)
    except (RepositoryError, ValueError):
        good = False
    if not good:
        raise ListRootUnusable("this is not the root of an on-device list")


class ListKeeper:
    """The list of one device, in a folder of its own.

    trusted_root: the bytes of a root.json, pinned when the device was made. custodian_key: Ed25519,
    32 bytes. progress(here, all): bytes of an update; on_switch: a newer version is in use. Both
    are called by whichever thread updates. Raises ListRootUnusable.
    """

    def __init__(
        self,
        folder: Path,
        transport: Transport,
        trusted_root: bytes,
        custodian_key: bytes,
        settings: DeviceSettings,
        around: Surroundings,
        *,
        progress: Progress = lambda here, total: None,
        on_switch: Callable[[Segments], None] = lambda segments: None,
    ) -> None:
        check_root(trusted_root)
        self._transport = transport
        self._trusted_root = trusted_root
        self._custodian_key = custodian_key
        self._old_ms = round(settings.old_list_hours * HOUR_MS)
        self._check_seconds = settings.list_check_minutes * 60
        self._around = around
        self._progress = progress
        self._on_switch = on_switch
        self._shelf = ListShelf(folder)
        self._updating = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._trouble: SoftfallError | None = None

    @property
    def status(self) -> ListStatus:
        """How the list stands just now."""
        kept = self._shelf.kept
        if not kept.epochs:
            return ListStatus(0, 0, 0, self._trouble)
        newest = kept.epochs[0]
        return ListStatus(newest.epoch, newest.version, kept.checked_at_ms, self._trouble)

    def segments(self, epoch: int | None = None, version: int | None = None) -> Segments:
        """A version that is here: the newest, or the one named, to check by.

        The paths may be opened at once; to hold them longer without opening, use `reading`.
        Raises ListNotHere where an update may bring it, ListOutdated, ListGone.
        """
        return self._segments(self._find(epoch, version), version)

    @contextlib.contextmanager
    def reading(self, epoch: int | None = None, version: int | None = None) -> Iterator[Segments]:
        """As `segments`; no switch removes the files before the block ends."""
        found = self._find(epoch, version)
        count = len(found.segments) if version is None else version + 1
        with self._shelf.reading(found.segments[:count]):
            yield self._segments(found, version)

    def require_same(self, manifest: Manifest) -> None:
        """Raises ListReplaced where the list that is here has this epoch with another manifest."""
        for epoch in self._shelf.kept.epochs:
            if epoch.epoch == manifest.epoch and read(epoch.manifest) != manifest:
                raise ListReplaced(f"there are two versions of epoch {manifest.epoch}")

    def update(self, progress: Progress | None = None) -> Segments:
        """Bring the list up to date; the newest version. One update at a time: others wait.

        Raises as list_errors.py names it, BadManifest, ManifestExpired, ServiceUnreachable, or what
        the provider refuses by name; the list in use is then as it was.
        """
        with self._updating:
            try:
                with named_list_errors():
                    changed = self._update(progress or self._progress)
            except SoftfallError as error:
                self._trouble = error
                raise
            self._trouble = None
        newest = self.segments()
        if changed:
            self._on_switch(newest)
        return newest

    def check(self) -> bool:
        """Read all files again; whether all were well. What is damaged comes with the next update.

        Raises ListNotKept.
        """
        with self._updating, named_list_errors():
            return self._shelf.check()

    def start(self) -> None:
        """Update in the background, at once and then every `device.list_check_minutes`."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="on-device list", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the background updates; one that is under way is cut off, and goes on another day."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        retry_seconds = FIRST_RETRY_SECONDS
        while not self._stopping.is_set():
            try:
                self.update()
                pause_seconds, retry_seconds = self._check_seconds, FIRST_RETRY_SECONDS
            except Exception as error:  # a thread that dies would leave the list to age unseen
                if not isinstance(error, SoftfallError):
                    self._trouble = ListNotKept(f"the update failed: {type(error).__name__}")
                pause_seconds = min(retry_seconds, self._check_seconds)
                retry_seconds *= 2
            self._stopping.wait(pause_seconds)

    def _update(self, progress: Progress) -> bool:
        """Whether there is a newer version now."""
        offered = refresh(self._shelf, self._transport, self._trusted_root, self._around)
        known = self._shelf.kept.epochs[0] if self._shelf.kept.epochs else None
        _require_no_way_back(offered, known)
        name = manifest_name(offered.epoch)
        body = fetch_small(self._transport, name, offered.manifest, self._around)
        self._require_manifest(body, offered, known)
        stopped = self._stopping.is_set
        Download(self._shelf, self._transport, self._around, progress, stopped).run(offered)
        fresh = KeptEpoch(offered.epoch, body, offered.segments)
        self._shelf.switch(self._after(fresh))
        return known is None or (fresh.epoch, fresh.version) != (known.epoch, known.version)

    def _require_manifest(self, body: bytes, offered: Offered, known: KeptEpoch | None) -> None:
        manifest = verify(body, self._custodian_key, now_ms=self._around.now_ms())
        if (manifest.option, manifest.epoch) != (OPTION, offered.epoch):
            raise ListAltered("the list's manifest is of another epoch")
        if manifest.artefact_sha256 != offered.segments[0].sha256:
            raise ListAltered("the list's base is not the one that the custodian's manifest names")
        if known is not None and known.epoch == offered.epoch and known.manifest != body:
            raise ListReplaced(f"there are two manifests of epoch {known.epoch}")

    def _after(self, fresh: KeptEpoch) -> Kept:
        """What is kept once this version is in use."""
        now_ms = self._around.now_ms()
        before = [
            replace(epoch, replaced_at_ms=epoch.replaced_at_ms or now_ms)
            for epoch in self._shelf.kept.epochs
            if epoch.epoch != fresh.epoch
        ]
        kept = [epoch for epoch in before if now_ms - epoch.replaced_at_ms <= self._old_ms]
        return Kept((fresh, *kept[: KEPT_EPOCHS - 1]), now_ms)

    def _find(self, epoch: int | None, version: int | None) -> KeptEpoch:
        kept, now_ms = self._shelf.kept, self._around.now_ms()
        if not kept.epochs:
            raise ListNotHere("no on-device list has come yet")
        newest = kept.epochs[0]
        if epoch is None:
            if newest.replaced_at_ms:
                raise ListNotHere("the newest on-device list was damaged, and has not come again")
            if now_ms - kept.checked_at_ms > self._old_ms:
                raise ListOutdated("the on-device list has not been renewed for too long")
            epoch = newest.epoch
        found = next((one for one in kept.epochs if one.epoch == epoch), None)
        if found is None and epoch > newest.epoch:
            raise ListNotHere(f"the list of epoch {epoch} has not come yet")
        if found is None or (found.replaced_at_ms and now_ms - found.replaced_at_ms > self._old_ms):
            raise ListGone(f"the list of epoch {epoch} is no longer here")
        if version is not None and version > found.version:
            raise ListNotHere(f"version {version} of epoch {epoch} has not come yet")
        return found

    def _segments(self, found: KeptEpoch, version: int | None) -> Segments:
        number = found.version if version is None else version
        chosen = found.segments[: number + 1]
        paths = tuple(self._shelf.path(segment) for segment in chosen)
        return Segments(
            found.epoch, number, paths, found.manifest, list_digest(one.sha256 for one in chosen)
        )


def _require_no_way_back(offered: Offered, known: KeptEpoch | None) -> None:
    """Also where the update client's own memory is lost: what is in use is remembered here."""
    if known is None or offered.epoch > known.epoch:
        return
    if offered.epoch < known.epoch or offered.version < known.version:
        raise ListRolledBack(f"version {known.version} of epoch {known.epoch} was seen before")
    if offered.segments[: len(known.segments)] != known.segments:
        raise ListReplaced(f"there are two versions of a segment of epoch {known.epoch}")
