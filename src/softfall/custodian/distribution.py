"""The on-device list as files that anybody may copy: a repository of The Update Framework.

Guarantees: files have immutable names but for `metadata/timestamp.json`, which is replaced whole,
last, and on the disk: killed anywhere, the version before is there and complete. Version numbers
only grow, also past what a killed run left. One writer at a time, whichever process.
Refuses: paths that are no list's (`ListFileUnknown`); a repository whose newest metadata can't be
read (`DistributionDamaged`): a guess at its version could be taken for an attack by every device.
What the segments hold is the option's business; here they are bytes.
Source: The Update Framework 1.0; written with python-tuf's metadata API.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, MetaFile, Snapshot, TargetFile, Targets, Timestamp

from softfall.custodian.epochs import ArtefactDamaged
from softfall.custodian.list_keys import LIST_FOLDER, ListKeys, begin_rotation, load_list_keys
from softfall.custodian.store import PART, sync_folder, write_whole
from softfall.errors import InputError, OperatorError
from softfall.lists.distribution import (
    LIST_INDEX,
    METADATA,
    TARGETS,
    TIMESTAMP,
    is_path,
    target_path,
)
from softfall.wire import Value

_Signed = TypeVar("_Signed", Targets, Snapshot, Timestamp)

KEPT_VERSIONS = 3
REFRESH_SHARE = 4  # the timestamp is renewed once a quarter of its term has passed

_NUMBERED = re.compile(r"([1-9][0-9]*)\.(targets|snapshot)\.json")


class ListFileUnknown(InputError):
    """The on-device list has no such file (any more)."""

    remedy = "Begin again with metadata/timestamp.json: files of old versions are removed."


class DistributionDamaged(OperatorError):
    """The on-device list's newest metadata can't be read."""

    remedy = "Put the provider's copy (its data_dir/lists) or a back-up into distribution/ again."


@dataclass(frozen=True, slots=True)
class Target:
    """One file of the list. content: where it lies; sha256: hex. custom: goes into the metadata."""

    content: Path
    sha256: str
    size_bytes: int
    custom: Mapping[str, str | int]

    def described(self, name: str) -> TargetFile:
        """As the metadata names it."""
        extra = {"custom": dict(self.custom)}
        return TargetFile(self.size_bytes, {"sha256": self.sha256}, name, extra)


class Distribution:
    """The repository in one custodian's data folder.

    timestamp_ms: how long devices may believe that no newer version exists.
    """

    def __init__(self, data_dir: Path, now_ms: Callable[[], int], timestamp_ms: int) -> None:
        self._data_dir = data_dir
        self._folder = data_dir / LIST_FOLDER
        self._now_ms = now_ms
        self._timestamp_ms = timestamp_ms

    def publish(self, targets: Mapping[str, Target], expires_at_ms: int) -> bool:
        """Make these the list's files, by target name; whether anything had to change.

        expires_at_ms: until when the names may be believed. The same again only renews what is
        due. Raises ListKeysUnusable, DistributionDamaged, ArtefactDamaged, OSError.
        """
        with self._turn():
            keys = load_list_keys(self._data_dir)
            wanted = {name: target.described(name) for name, target in targets.items()}
            expires = _moment(expires_at_ms)
            present = self._present_targets()
            if (
                present is not None
                and present.targets == wanted
                and present.expires == expires
                and self._named_by(keys)
            ):
                self._renew(keys)
                return False
            for name, target in targets.items():
                self._lay(target, self._folder / target_path(name, target.sha256))
            self._write_all(keys, wanted, expires)
            self._tidy()
            return True

    def refresh(self) -> bool:
        """Renew the timestamp if a quarter of its term has passed; whether it was.

        Raises ListKeysUnusable, DistributionDamaged, OSError.
        """
        with self._turn():
            return self._renew(load_list_keys(self._data_dir))

    def rotate(self, roles: Sequence[str], root_key: Path) -> int:
        """Replace the keys of these roles; the new root's version.

        All is signed by old and new keys first, so that devices can follow at every instant.
        Raises ListKeysUnusable, DistributionDamaged, OSError.
        """
        with self._turn():
            rotation = begin_rotation(self._data_dir, roles, root_key, self._now_ms())
            present = self._present_targets()
            if present is not None:
                self._write_all(rotation.keys, present.targets, present.expires)
            rotation.commit()
            if present is not None:
                keys = load_list_keys(self._data_dir)
                self._write_all(keys, present.targets, present.expires)
                self._tidy()
            return rotation.version

    def file(self, path: str) -> Path:
        """Where a file of the list lies. Raises ListFileUnknown."""
        if is_path(path) and (self._folder / path).is_file():
            return self._folder / path
        raise ListFileUnknown("the list has no such file")

    def index(self) -> bytes:
        """The `list_index`: everything that a mirror should hold; empty before the first list."""
        files: list[Value] = []
        if (self._folder / TIMESTAMP).exists():
            for file in sorted(self._folder.rglob("*")):
                path = file.relative_to(self._folder).as_posix()
                with contextlib.suppress(FileNotFoundError):  # tidied meanwhile
                    if is_path(path):
                        files.append({"path": path, "size_bytes": file.stat().st_size})
        return LIST_INDEX.encode({"files": files})

    def _write_all(
        self, keys: ListKeys, targets: Mapping[str, TargetFile], expires: datetime
    ) -> None:
        """Targets, snapshot, and at last the timestamp: only that makes the others current."""
        named = Targets(self._next("targets"), expires=expires, targets=dict(targets))
        body = self._put(f"{METADATA}{named.version}.targets.json", named, keys)
        listed = {"targets.json": MetaFile.from_data(named.version, body, ["sha256"])}
        snapshot = Snapshot(self._next("snapshot"), expires=expires, meta=listed)
        body = self._put(f"{METADATA}{snapshot.version}.snapshot.json", snapshot, keys)
        self._put_timestamp(keys, MetaFile.from_data(snapshot.version, body, ["sha256"]))

    def _put_timestamp(self, keys: ListKeys, snapshot: MetaFile) -> None:
        before = self._read(TIMESTAMP, Timestamp) if self._exists(TIMESTAMP) else None
        version = before.version + 1 if before else 1
        expires = _moment(self._now_ms() + self._timestamp_ms)
        self._put(TIMESTAMP, Timestamp(version, expires=expires, snapshot_meta=snapshot), keys)

    def _renew(self, keys: ListKeys) -> bool:
        if not self._exists(TIMESTAMP):
            return False
        timestamp = self._read(TIMESTAMP, Timestamp)
        left_ms = timestamp.expires.timestamp() * 1000 - self._now_ms()
        fresh = left_ms > self._timestamp_ms * (1 - 1 / REFRESH_SHARE)
        # Left longer than a whole term: the setting has become shorter, or the clock was ahead.
        if fresh and left_ms <= self._timestamp_ms:
            return False
        self._put_timestamp(keys, timestamp.snapshot_meta)
        return True

    def _put(self, path: str, signed: Targets | Snapshot | Timestamp, keys: ListKeys) -> bytes:
        metadata: Metadata[Any] = Metadata(signed)
        for signer in keys.signers[signed.type]:
            metadata.sign(signer, append=True)
        body = metadata.to_bytes()
        write_whole(self._folder / path, body)
        return body

    def _present_targets(self) -> Targets | None:
        """What the timestamp leads to; None before the first version."""
        if not self._exists(TIMESTAMP):
            return None
        snapshot = self._read(self._present_snapshot_path(), Snapshot)
        version = snapshot.meta["targets.json"].version
        return self._read(f"{METADATA}{version}.targets.json", Targets)

    def _present_snapshot_path(self) -> str:
        timestamp = self._read(TIMESTAMP, Timestamp)
        return f"{METADATA}{timestamp.snapshot_meta.version}.snapshot.json"

    def _named_by(self, keys: ListKeys) -> bool:
        """Whether the present snapshot carries a signature by the present key."""
        body = (self._folder / self._present_snapshot_path()).read_bytes()
        signatures = Metadata[Snapshot].from_bytes(body).signatures
        return all(signer.public_key.keyid in signatures for signer in keys.signers["snapshot"])

    def _read(self, path: str, kind: type[_Signed]) -> _Signed:
        try:
            signed: object = Metadata.from_bytes((self._folder / path).read_bytes()).signed
        except (OSError, RepositoryError):
            raise DistributionDamaged(f"{path} of the on-device list can't be read") from None
        if not isinstance(signed, kind):
            raise DistributionDamaged(f"{path} of the on-device list is of another kind")
        return signed

    def _exists(self, path: str) -> bool:
        return (self._folder / path).exists()

    def _next(self, role: str) -> int:
        """A version that no file of the role has, read or unread."""
        return max(self._versions(role), default=0) + 1

    def _versions(self, role: str) -> list[int]:
        names = (path.name for path in (self._folder / METADATA).glob(f"*.{role}.json"))
        return sorted(int(found[1]) for name in names if (found := _NUMBERED.fullmatch(name)))

    def _lay(self, target: Target, final: Path) -> None:
        """The file under its name, whole; not copied where the disk can name it twice."""
        if final.exists():
            return
        with target.content.open("rb") as content:
            if hashlib.file_digest(content, "sha256").hexdigest() != target.sha256:
                raise ArtefactDamaged(f"{target.content} is not what was published")
        final.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = final.with_name(final.name + PART)
        part.unlink(missing_ok=True)
        try:
            os.link(target.content, part)
        except OSError:
            shutil.copyfile(target.content, part)
            with part.open("rb") as file:
                os.fsync(file.fileno())
        part.replace(final)
        sync_folder(final.parent)

    def _tidy(self) -> None:
        """Remove versions that nobody should still be reading, and what killed runs left."""
        named = set()
        for role in ("targets", "snapshot"):
            versions = self._versions(role)
            for version in versions[:-KEPT_VERSIONS]:
                (self._folder / f"{METADATA}{version}.{role}.json").unlink(missing_ok=True)
        for version in self._versions("targets"):
            targets = self._read(f"{METADATA}{version}.targets.json", Targets).targets
            named |= {target_path(name, file.hashes["sha256"]) for name, file in targets.items()}
        for file in sorted((self._folder / TARGETS).rglob("*"), reverse=True):
            if file.is_dir():
                with contextlib.suppress(OSError):
                    file.rmdir()
            elif file.relative_to(self._folder).as_posix() not in named:
                file.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait for any other writer; its turns are short."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self._data_dir / f"{LIST_FOLDER}.lock").open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _moment(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms // 1000, UTC)
