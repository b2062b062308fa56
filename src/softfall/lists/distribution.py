"""How the on-device list lies on a server: the names of its files, their limits, and an index.

Guarantees: a path is one of the few forms below, so none leaves its folder, whoever asks; each but
`TIMESTAMP` means the same bytes for ever, so a mirror may copy it once and a device may resume it.
Leaves to others: whether a file is the right one. The signed metadata says that; this says names.
Source: The Update Framework 1.0, section 6.2 (consistent snapshots).
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from softfall.wire import Field, ListOf, Message, Nested, Party, Text, Uint

OPTION = "on_device"
BASE_VERSION = 0
MAX_VERSIONS = 1000
MAX_SEGMENT_BYTES = 256 * 1024 * 1024
MAX_METADATA_BYTES = 1024 * 1024
MAX_FILES = 8192

METADATA = "metadata/"
TARGETS = "targets/"
TIMESTAMP = "metadata/timestamp.json"

_NUMBER = r"[1-9][0-9]{0,9}"
_PATH = re.compile(
    rf"metadata/(timestamp|{_NUMBER}\.(root|snapshot|targets))\.json"
    rf"|targets/{OPTION}/{_NUMBER}/[0-9a-f]{{64}}\.((0|{_NUMBER})\.segment|epoch\.manifest)"
)
_TARGET = re.compile(
    rf"{OPTION}/(?P<epoch>{_NUMBER})/((?P<version>0|{_NUMBER})\.segment|epoch\.manifest)"
)

LIST_FILE = Message(
    "list_file",
    Party.PROVIDER,
    (
        Field("path", Text(200), "where it lies, as `metadata/timestamp.json`"),
        Field("size_bytes", Uint(MAX_SEGMENT_BYTES), "how long it is"),
    ),
    max_bytes=256,
)

LIST_INDEX = Message(
    "list_index",
    Party.PROVIDER,
    (Field("files", ListOf(Nested(LIST_FILE), 0, MAX_FILES), "all that a mirror should hold"),),
    max_bytes=MAX_FILES * 256,
)


@dataclass(frozen=True, slots=True)
class Target:
    """What a target's name says. version: None for the epoch's manifest."""

    epoch: int
    version: int | None


def segment_name(epoch: int, version: int) -> str:
    """The target name of one segment. version: 0 for the base, then one a delta."""
    return f"{OPTION}/{epoch}/{version}.segment"


def manifest_name(epoch: int) -> str:
    """The target name of an epoch's signed manifest."""
    return f"{OPTION}/{epoch}/epoch.manifest"


def read_target(name: str) -> Target | None:
    """What a target name means; None for names that Softfall does not make."""
    found = _TARGET.fullmatch(name)
    if found is None:
        return None
    version = found["version"]
    return Target(int(found["epoch"]), None if version is None else int(version))


def target_path(name: str, sha256: str) -> str:
    """Where a target with this SHA-256 (hex) lies: its name with the digest before its last part.

    name: from `segment_name` or `manifest_name`.
    """
    folder, _, last = name.rpartition("/")
    return f"{TARGETS}{folder}/{sha256}.{last}"


def is_path(path: str) -> bool:
    """Whether a path has one of the forms that a list's files have."""
    return _PATH.fullmatch(path) is not None


def is_immutable(path: str) -> bool:
    """Whether the file of this path never changes."""
    return path != TIMESTAMP


def max_bytes(path: str) -> int:
    """The most that a file of this path may have."""
    return MAX_METADATA_BYTES if path.startswith(METADATA) else MAX_SEGMENT_BYTES


def list_digest(segments: Iterable[bytes]) -> bytes:
    """One version of a list in 32 bytes. segments: each file's SHA-256, the base's first."""
    whole = hashlib.sha256(b"softfall on-device list v1|")
    for sha256 in segments:
        whole.update(sha256)
    return whole.digest()
