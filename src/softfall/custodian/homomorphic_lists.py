"""The list under `homomorphic`: an epoch's versions, laid into blocks that only a change touches.

Guarantees: a version is current (one transaction) only once all its files are on the disk; killed
anywhere, the version before is current and complete, and what was left over goes with the next one.
Files that one of the newest `KEPT_VERSIONS` versions needs are there for who is still fetching.
The work of a version is that of its changes: the list is read neither from the database nor whole
from the disk.
Refuses: changes to an epoch that has ended (`NoEpoch`); files that are not what was published
(`ArtefactDamaged`).
"""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Engine

from softfall.config import CustodianSettings
from softfall.custodian.epochs import ArtefactDamaged, EpochBook, PublishedEpoch, files_folder
from softfall.custodian.homomorphic_files import EpochFiles
from softfall.custodian.list_publishing import PublishedChanges
from softfall.custodian.store import EPOCHS_FOLDER, write_whole
from softfall.custodian.versions import Version, VersionBook, segment_path
from softfall.lists.manifest import Signer, read
from softfall.options.contract import Progress
from softfall.options.homomorphic import listing
from softfall.options.homomorphic.custodian import HomomorphicCustodian
from softfall.options.homomorphic.listing import SegmentEntry
from softfall.options.homomorphic.parameters import NAME, HomomorphicParameters
from softfall.options.homomorphic.segments import BadListFile

KEPT_VERSIONS: Final = 3


@dataclass(frozen=True, slots=True)
class Newest:
    """An epoch's newest version. body: the signed `homomorphic_version`."""

    epoch: int
    version: int
    sha256: bytes
    body: bytes


class HomomorphicLists:
    """The versions of one custodian's epochs of `homomorphic`, and the files that they name."""

    def __init__(
        self, settings: CustodianSettings, engine: Engine, now_ms: Callable[[], int]
    ) -> None:
        self._folder = settings.data_dir / EPOCHS_FOLDER
        self._book = EpochBook.of(settings, engine)
        self._versions = VersionBook(engine, self._folder)
        self._now_ms = now_ms

    def newest(self, epoch: int) -> Newest:
        """The newest version of an epoch. Raises EpochNotPublished, EpochEnded, ArtefactDamaged."""
        return self._read(self._book.answering(epoch, NAME, self._now_ms()))

    def rows(self, sha256: str) -> Path | None:
        """Where a file of rows lies that a version of a living epoch names; None: nowhere.

        sha256: in hexadecimal.
        """
        return self._file(sha256, lambda segment: segment.rows_sha256)

    def hint(self, sha256: str) -> Path | None:
        """As `rows`, for a file of hints."""
        return self._file(sha256, lambda segment: segment.hint_sha256)

    def publish_changes(
        self,
        signer: Signer,
        progress: Progress,
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> PublishedChanges:
        """What joined or left the list since the newest version, as one more version.

        progress(done, all) counts blocks. The caller holds `only_one(data_dir, "publish")`.
        Raises NoEpoch, ArtefactDamaged, OSError, DBAPIError.
        """
        epoch = self._book.current(NAME, self._now_ms())
        newest, changes = self._read(epoch), self._versions.changes(epoch.number)
        if not changes.added and not changes.withdrawn:
            return PublishedChanges(epoch.number, newest.version, 0, 0, 0)
        files, number = self._files(epoch.number), newest.version + 1
        parameters = HomomorphicParameters.decode(read(epoch.manifest).parameters)
        half = HomomorphicCustodian(epoch.number, parameters, files, random_bytes, signer)
        before, now_ms = listing.read(newest.body), self._now_ms()
        try:
            body = half.extend(before, changes.added, changes.withdrawn, progress, now_ms)
        except BadListFile as error:
            raise ArtefactDamaged(f"the list of epoch {epoch.number}: {error.what}") from None
        path = segment_path(self._folder, NAME, epoch.number, number)
        write_whole(path, body)
        digest = hashlib.sha256(body).digest()
        version = Version(number, path, digest, len(body), changes.entries)
        self._versions.announce(epoch.number, version, changes, now_ms)
        self._tidy(epoch)
        added, withdrawn = len(changes.added), len(changes.withdrawn)
        size_bytes = files.size_bytes + len(body)
        return PublishedChanges(epoch.number, number, added, withdrawn, size_bytes)

    def _file(self, sha256: str, named: Callable[[SegmentEntry], bytes]) -> Path | None:
        now_ms = self._now_ms()
        for epoch in self._book.published(NAME):
            if epoch.alive(now_ms):
                found = self._files(epoch.number).path(sha256)
                versions = self._kept(epoch) if found else []
                segments = (segment for version in versions for segment in version.segments)
                if any(named(segment).hex() == sha256 for segment in segments):
                    return found
        return None

    def _read(self, epoch: PublishedEpoch) -> Newest:
        version = self._newest_versions(epoch, 1)[0]
        body = _body(epoch.number, version)
        return Newest(epoch.number, version.number, version.sha256, body)

    def _kept(self, epoch: PublishedEpoch) -> list[listing.ListVersion]:
        """The newest versions, whose files are still there for who is fetching them."""
        versions = self._newest_versions(epoch, KEPT_VERSIONS)
        return [listing.read(_body(epoch.number, version)) for version in versions]

    def _newest_versions(self, epoch: PublishedEpoch, count: int) -> list[Version]:
        try:
            return self._versions.versions(epoch)[-count:]
        except OSError:
            raise ArtefactDamaged(f"the list of epoch {epoch.number} can't be read") from None

    def _tidy(self, epoch: PublishedEpoch) -> None:
        """Remove what no version needs any more that anybody should still be fetching."""
        versions = self._versions.versions(epoch)
        for old in versions[1:-KEPT_VERSIONS]:
            old.content.unlink(missing_ok=True)
        self._files(epoch.number).tidy(listing.digests(self._kept(epoch)))

    def _files(self, epoch: int) -> EpochFiles:
        return EpochFiles(files_folder(self._folder, NAME, epoch))


def _body(epoch: int, version: Version) -> bytes:
    try:
        body = version.content.read_bytes()
    except OSError:
        raise ArtefactDamaged(f"the list of epoch {epoch} can't be read") from None
    if hashlib.sha256(body).digest() != version.sha256:
        raise ArtefactDamaged(f"the list of epoch {epoch} is damaged")
    return body
