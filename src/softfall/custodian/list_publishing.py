"""Putting the on-device list out: a version of what changed, and all versions as files to fetch.

Guarantees: a version is current for the custodian (one transaction) before any device can hold it,
so nothing that a device finds is unknown here; whatever is cut off between the two is made up for
by the next `bring_up_to_date`, which the service runs every minute. An epoch's files leave the
repository once it has ended.
Refuses: changes to an epoch that has ended (`NoEpoch`), and more of them than a device should have
to piece together (`TooManyVersions`).
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from softfall.config import CustodianSettings
from softfall.custodian.clock import wall_ms
from softfall.custodian.distribution import Distribution, Target
from softfall.custodian.epochs import ArtefactDamaged, EpochBook, PublishedEpoch
from softfall.custodian.list_keys import make_list_keys
from softfall.custodian.options import SegmentedHalf, kept
from softfall.custodian.store import EPOCHS_FOLDER, only_one, write_whole
from softfall.custodian.versions import Version, VersionBook, segment_path
from softfall.errors import OperatorError, RefusedError
from softfall.lists.distribution import MAX_VERSIONS, OPTION, manifest_name, segment_name
from softfall.lists.manifest import read
from softfall.options.contract import Progress

HOUR_MS = 3_600_000


class TooManyVersions(RefusedError):
    """This epoch has as many versions as a device will piece together."""

    remedy = "Run `softfall list publish --option on_device`: a new epoch takes all changes in."


class ListNotLaidOut(OperatorError):
    """What was published is current, but its files could not be laid out for devices."""

    remedy = (
        "Make room on the custodian's disk; the running service lays them out within a minute, "
        "and so does the next `softfall list publish`."
    )


@dataclass(frozen=True, slots=True)
class PublishedChanges:
    """What became of publishing changes. version: the newest, also where nothing had changed."""

    epoch: int
    version: int
    added: int
    withdrawn: int
    size_bytes: int


class ListPublishing:
    """The on-device list of one custodian: its epochs' versions, and the repository they lie in."""

    def __init__(
        self, settings: CustodianSettings, engine: Engine, now_ms: Callable[[], int]
    ) -> None:
        self._data_dir = settings.data_dir
        self._folder = settings.data_dir / EPOCHS_FOLDER
        self._book = EpochBook.of(settings, engine)
        self._versions = VersionBook(engine, self._folder)
        self._now_ms = now_ms
        self._timestamp_ms = round(settings.list_timestamp_hours * HOUR_MS)
        self.distribution = Distribution(settings.data_dir, now_ms, self._timestamp_ms)

    def publish_changes(self, progress: Progress) -> PublishedChanges:
        """What joined or left the list since the newest version, as one more version.

        progress(done, all) counts evaluations. The caller holds `only_one(data_dir, "publish")`.
        Raises NoEpoch, TooManyVersions, OSError, DBAPIError, what the option's half refuses, and as
        `bring_up_to_date` does.
        """
        epoch = self._book.current(OPTION, self._now_ms())
        newest = self._versions.versions(epoch)[-1]
        changes = self._versions.changes(epoch.number)
        if not changes.added and not changes.withdrawn:
            self.bring_up_to_date()
            return PublishedChanges(epoch.number, newest.number, 0, 0, 0)
        number = newest.number + 1
        if number >= MAX_VERSIONS:
            raise TooManyVersions(f"epoch {epoch.number} has {number} versions")
        half = self._half(epoch)
        segment = half.extend(changes.added, changes.withdrawn, number, progress)
        path = segment_path(self._folder, OPTION, epoch.number, number)
        write_whole(path, segment)
        digest = hashlib.sha256(segment).digest()
        version = Version(number, path, digest, len(segment), changes.entries)
        self._versions.announce(epoch.number, version, changes, self._now_ms())
        self.bring_up_to_date()
        return PublishedChanges(
            epoch.number, number, len(changes.added), len(changes.withdrawn), len(segment)
        )

    def bring_up_to_date(self) -> bool:
        """Make the repository say what is published; renew what is due. Whether it changed.

        Harmless to repeat. Raises ListKeysUnusable, DistributionDamaged, ArtefactDamaged,
        ListNotLaidOut.
        """
        try:
            return self._bring_up_to_date()
        except OSError as error:
            raise ListNotLaidOut(f"the list can't be laid out: {error.strerror}") from None

    def _bring_up_to_date(self) -> bool:
        published = self._book.published(OPTION)
        if not published:
            return False
        now_ms = self._now_ms()
        make_list_keys(self._data_dir, now_ms)
        alive = [epoch for epoch in published if epoch.alive(now_ms)]
        targets: dict[str, Target] = {}
        for epoch in alive:
            targets |= self._targets(epoch)
        ends_ms = max((epoch.expires_at_ms for epoch in published), default=now_ms)
        return self.distribution.publish(targets, ends_ms)

    def _targets(self, epoch: PublishedEpoch) -> dict[str, Target]:
        try:
            versions = self._versions.versions(epoch)
        except FileNotFoundError:
            raise ArtefactDamaged(f"the artefact of epoch {epoch.number} can't be read") from None
        found = {
            segment_name(epoch.number, version.number): Target(
                version.content,
                version.sha256.hex(),
                version.size_bytes,
                {"kind": version.kind, "entries": version.entries},
            )
            for version in versions
        }
        manifest = self._folder / f"{OPTION}-{epoch.number}.manifest"
        if not manifest.exists():
            write_whole(manifest, epoch.manifest)
        digest = hashlib.sha256(epoch.manifest).hexdigest()
        size_bytes = len(epoch.manifest)
        described = Target(manifest, digest, size_bytes, {"kind": "manifest"})
        return {**found, manifest_name(epoch.number): described}

    def _half(self, epoch: PublishedEpoch) -> SegmentedHalf:
        half = kept(OPTION).half(
            epoch.number, self._book.secret(epoch.number), read(epoch.manifest).parameters
        )
        assert isinstance(half, SegmentedHalf), "the table of kept options gives it one"
        return half


def rotate_list_keys(
    settings: CustodianSettings,
    roles: Sequence[str],
    root_key: Path,
    now_ms: Callable[[], int] = wall_ms,
) -> int:
    """Replace the keys of these roles of the list; the new root's version. A running service
    notices by itself.

    Raises DataInUse while another publishes, ListKeysUnusable, DistributionDamaged, ListNotLaidOut.
    """
    timestamp_ms = round(settings.list_timestamp_hours * HOUR_MS)
    with only_one(settings.data_dir, "publish"):
        make_list_keys(settings.data_dir, now_ms())
        try:
            return Distribution(settings.data_dir, now_ms, timestamp_ms).rotate(roles, root_key)
        except OSError as error:
            raise ListNotLaidOut(f"the list can't be laid out: {error.strerror}") from None
