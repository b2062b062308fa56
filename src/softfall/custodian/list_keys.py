"""The keys that sign the on-device list, and the root that says which of them count.

Guarantees: four Ed25519 keys, each a file of its owner's alone (0600). Three work online: `targets`
names the list's files, `snapshot` and `timestamp` say which version is the newest and until when
that may be believed. The fourth, `root`, is needed to replace a key and for nothing else, so it can
lie offline; devices pin what it signs. A rotation that is killed anywhere is either not begun or
finished by the next `load_list_keys`; at no instant is there metadata that devices refuse.
Limit: a stolen root key can't be revoked from afar: every device must be given a new root.
Source: The Update Framework 1.0, sections 2.1 and 6.1 (key management and migration).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root

from softfall.custodian.keys import read_private_key, write_private_key
from softfall.custodian.store import write_whole
from softfall.errors import OperatorError

ROLES = ("targets", "snapshot", "timestamp")
ROOT = "root"
KEYS_FOLDER = "list-keys"
ROOT_KEY_FILE = "root.key"
LIST_FOLDER = "distribution"
ROOT_DAYS = 1095

_NEXT = ".next"


class ListKeysUnusable(OperatorError):
    """A key of the on-device list, or its root, is missing, damaged, or open to others."""

    remedy = (
        "Put the back-up of list-keys/ and distribution/metadata/ back, keys with mode 0600; "
        "root.key is needed only by `softfall keys rotate`."
    )


@dataclass(frozen=True, slots=True)
class ListKeys:
    """What signs the list. root: the newest root's bytes. signers: by role, more than one of a
    role while it is being replaced.
    """

    root: bytes
    signers: Mapping[str, Sequence[CryptoSigner]] = field(repr=False)


def make_list_keys(data_dir: Path, now_ms: int) -> bytes:
    """All four keys and the first root, unless they are there; the first root, for devices to pin.

    Raises ListKeysUnusable.
    """
    first = root_path(data_dir, 1)
    if first.exists():
        return first.read_bytes()
    folder = data_dir / KEYS_FOLDER
    if folder.exists() and not key_path(data_dir, ROOT).exists():
        # Not a first time: a new root would be one that no device knows.
        raise ListKeysUnusable(f"{first} is missing")
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    root_signer = _ready_key(key_path(data_dir, ROOT))
    folder.mkdir(mode=0o700, exist_ok=True)
    root = Root(expires=_expiry(now_ms))
    root.add_key(root_signer.public_key, ROOT)
    for role in ROLES:
        root.add_key(_ready_key(folder / f"{role}.key").public_key, role)
    body = _signed(root, [root_signer])
    _write(first, body)
    return body


def load_list_keys(data_dir: Path) -> ListKeys:
    """The newest root, and the online keys that it names; a rotation cut off is finished here.

    Raises ListKeysUnusable.
    """
    body, root = newest_root(data_dir)
    return ListKeys(body, {role: [_named_key(data_dir, role, root)] for role in ROLES})


def newest_root(data_dir: Path) -> tuple[bytes, Root]:
    """The bytes of the newest root, and what they say. Raises ListKeysUnusable."""
    number = newest_root_version(data_dir)
    path = root_path(data_dir, number)
    try:
        body = path.read_bytes()
        return body, Metadata[Root].from_bytes(body).signed
    except (OSError, RepositoryError):
        raise ListKeysUnusable(f"{path} can't be read") from None


def newest_root_version(data_dir: Path) -> int:
    """The number of the newest root on disk; 0 where there is none."""
    number = 0
    while root_path(data_dir, number + 1).exists():
        number += 1
    return number


def root_path(data_dir: Path, version: int) -> Path:
    """Where one version of the root lies."""
    return data_dir / LIST_FOLDER / "metadata" / f"{version}.root.json"


@dataclass(frozen=True, slots=True)
class Rotation:
    """A replacement of keys under way. keys: sign with these (old and new) before `commit`."""

    data_dir: Path
    roles: Sequence[str]
    root: bytes
    version: int
    keys: ListKeys

    def commit(self) -> None:
        """Publish the new root; from here on the old keys count for nothing."""
        _write(root_path(self.data_dir, self.version), self.root)
        for role in self.roles:
            path = key_path(self.data_dir, role)
            _next(path).replace(path)


def begin_rotation(data_dir: Path, roles: Sequence[str], root_key: Path, now_ms: int) -> Rotation:
    """New keys for these roles (of ROLES, or "root"), and a root that names them.

    root_key: the file of the present root key. A new root key is written beside the data as
    `root.key.next` and takes the old one's place in `data_dir`; move it offline.
    No role: the root's own term begins anew. Raises ListKeysUnusable.
    """
    present = load_list_keys(data_dir)
    _, root = newest_root(data_dir)
    _finish_root(data_dir, root)
    old_root = CryptoSigner(read_private_key(root_key, ListKeysUnusable))
    if old_root.public_key.keyid not in root.roles[ROOT].keyids:
        raise ListKeysUnusable(f"{root_key} is not the root key that devices know")
    signers = {role: list(present.signers[role]) for role in ROLES}
    root_signers = [old_root]
    for role in roles:
        path = key_path(data_dir, role)
        _next(path).unlink(missing_ok=True)
        fresh = _ready_key(_next(path))
        for keyid in list(root.roles[role].keyids):
            root.revoke_key(keyid, role)
        root.add_key(fresh.public_key, role)
        (root_signers if role == ROOT else signers[role]).append(fresh)
    root.version += 1
    root.expires = _expiry(now_ms)
    body = _signed(root, root_signers)
    return Rotation(data_dir, roles, body, root.version, ListKeys(body, signers))


def key_path(data_dir: Path, role: str) -> Path:
    """Where a role's private key lies."""
    return data_dir / ROOT_KEY_FILE if role == ROOT else data_dir / KEYS_FOLDER / f"{role}.key"


def _named_key(data_dir: Path, role: str, root: Root) -> CryptoSigner:
    """The key that the root names for a role: the one in use, or the one to come."""
    path = key_path(data_dir, role)
    for candidate in (path, _next(path)):
        if candidate is not path and not candidate.exists():
            continue
        signer = CryptoSigner(read_private_key(candidate, ListKeysUnusable))
        if signer.public_key.keyid in root.roles[role].keyids:
            if candidate is not path:
                candidate.replace(path)
            return signer
    raise ListKeysUnusable(f"{path} is not the key that the list's root names")


def _finish_root(data_dir: Path, root: Root) -> None:
    """Where a rotation of the root key was cut off after its commit, put the new key in place."""
    path = _next(key_path(data_dir, ROOT))
    if path.exists():
        signer = CryptoSigner(read_private_key(path, ListKeysUnusable))
        if signer.public_key.keyid in root.roles[ROOT].keyids:
            path.replace(key_path(data_dir, ROOT))


def _ready_key(path: Path) -> CryptoSigner:
    """The key in this file, made first where there is none."""
    if not path.exists():
        fresh = path.with_name(path.name + ".new")
        fresh.unlink(missing_ok=True)
        write_private_key(fresh, Ed25519PrivateKey.generate())
        fresh.replace(path)
    return CryptoSigner(read_private_key(path, ListKeysUnusable))


def _next(path: Path) -> Path:
    return path.with_name(path.name + _NEXT)


def _signed(root: Root, signers: Sequence[CryptoSigner]) -> bytes:
    metadata = Metadata(root)
    for signer in signers:
        metadata.sign(signer, append=True)
    return metadata.to_bytes()


def _expiry(now_ms: int) -> datetime:
    return datetime.fromtimestamp(now_ms // 1000, UTC) + timedelta(days=ROOT_DAYS)


def _write(path: Path, body: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(path, body)
    path.chmod(0o600)
