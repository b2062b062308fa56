"""A version of an epoch's list: which segments, which of their blocks, signed by the custodian.

Guarantees: provider and keyholder go by the same signed bytes, so nobody between can put another
list, or another hint, in place of the epoch's; version 0 is also what the epoch's manifest names.
`verify` refuses an older version than one seen, and a second version of one number.
Refuses: other signatures, other epochs, other forms, as BadListVersion; VersionRolledBack.
What it shows to whoever reads it: how many entries, how many blocks, and which blocks a change
replaced; the digest of rows confirms no guess, since each block has random rows.
Source: as `lists/manifest.py`, Ed25519 (RFC 8032).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from softfall.errors import PeerError
from softfall.lists.manifest import Signer
from softfall.options.homomorphic import wire
from softfall.options.homomorphic.segments import LIST_ROWS, BoolArray
from softfall.wire import MalformedMessage, Value

_CONTEXT: Final = b"softfall homomorphic version v1|"


class BadListVersion(PeerError):
    """A list version that the pinned custodian did not sign, or that is not in its form."""

    remedy = "Use nothing of it; compare the custodian's key with `softfall keys show` over there."


class VersionRolledBack(PeerError):
    """A list version older than one seen before, or a second one of the same number."""

    remedy = "Use nothing of it; keep both: both are signed, and together they are proof."


@dataclass(frozen=True)
class SegmentEntry:
    """One segment in a version. dead: its blocks' bits, most significant first, 1: dead."""

    rows_sha256: bytes
    hint_sha256: bytes
    blocks: int
    dead: bytes

    @classmethod
    def of(cls, rows_sha256: bytes, hint_sha256: bytes, live: BoolArray) -> "SegmentEntry":
        """From (blocks,) bool, True for the blocks that count."""
        return cls(rows_sha256, hint_sha256, len(live), np.packbits(~live).tobytes())

    @cached_property
    def live(self) -> BoolArray:
        """(blocks,) bool: which blocks are part of the version."""
        bits = np.unpackbits(np.frombuffer(self.dead, np.uint8), count=self.blocks)
        live: BoolArray = bits == 0
        live.flags.writeable = False
        return live

    @property
    def live_blocks(self) -> int:
        """How many."""
        return int(self.live.sum())


@dataclass(frozen=True)
class ListVersion:
    """One version of one epoch's list. published_at_ms: by the custodian's clock, since 1970."""

    epoch: int
    list_version: int
    entries: int
    published_at_ms: int
    segments: tuple[SegmentEntry, ...]

    @property
    def blocks(self) -> int:
        """How many blocks count, over all segments."""
        return sum(segment.live_blocks for segment in self.segments)

    @property
    def rows(self) -> int:
        """How many list rows are compared: 48 a block, empty places among them."""
        return self.blocks * LIST_ROWS


def sign(version: ListVersion, signer: Signer) -> bytes:
    """The version's bytes. `signer` makes the 64-byte signature. Raises MalformedMessage."""
    values = _values(version)
    signature = signer(_CONTEXT + wire.LIST_SIGNED.encode(values))
    return wire.LIST_VERSION.encode({**values, "signature": signature})


def verify(
    body: bytes, custodian_key: bytes, *, epoch: int | None = None, seen: bytes | None = None
) -> ListVersion:
    """The version, if the custodian with this 32-byte Ed25519 key signed it.

    epoch: refuse any other. seen: the newest version of this epoch accepted so far.
    Raises BadListVersion, VersionRolledBack.
    """
    version, signature = _parts(body)
    try:
        signed = _CONTEXT + wire.LIST_SIGNED.encode(_values(version))
        Ed25519PublicKey.from_public_bytes(custodian_key).verify(signature, signed)
    except (InvalidSignature, ValueError):
        raise BadListVersion("the pinned custodian did not sign this list version") from None
    if epoch is not None and version.epoch != epoch:
        raise BadListVersion(f"the list version is of epoch {version.epoch}, not {epoch}")
    if seen is not None and seen != body:
        known, _ = _parts(seen)
        if known.epoch == version.epoch and known.list_version >= version.list_version:
            raise VersionRolledBack(f"version {known.list_version} was seen before this one")
    return version


def read(body: bytes) -> ListVersion:
    """What the version says, whoever signed it: for relays. Raises BadListVersion."""
    return _parts(body)[0]


def _values(version: ListVersion) -> dict[str, Value]:
    segments: list[Value] = [
        {name: getattr(s, name) for name in ("rows_sha256", "hint_sha256", "blocks", "dead")}
        for s in version.segments
    ]
    return {
        "version": wire.VERSION,
        "epoch": version.epoch,
        "list_version": version.list_version,
        "entries": version.entries,
        "published_at_ms": version.published_at_ms,
        "segments": segments,
    }


def _parts(body: bytes) -> tuple[ListVersion, bytes]:
    try:
        values: dict[str, Any] = wire.decode(wire.LIST_VERSION, body)
    except MalformedMessage as error:
        raise BadListVersion(f"the list version is not in its form: {error.what}") from None
    segments = tuple(SegmentEntry(**segment) for segment in values["segments"])
    if not all(map(_has_whole_bitmap, segments)):
        raise BadListVersion("a segment's bitmap is not one bit a block")
    version = ListVersion(
        values["epoch"],
        values["list_version"],
        values["entries"],
        values["published_at_ms"],
        segments,
    )
    if version.entries > version.rows or version.rows > wire.MAX_ROWS:
        raise BadListVersion("the list version's blocks do not fit its entries")
    return version, values["signature"]


def _has_whole_bitmap(segment: SegmentEntry) -> bool:
    size_bytes, spare_bits = -(-segment.blocks // 8), -segment.blocks % 8
    last = segment.dead[-1] if segment.dead else 0
    return len(segment.dead) == size_bytes and last & ((1 << spare_bits) - 1) == 0


def digests(versions: Sequence[ListVersion]) -> frozenset[bytes]:
    """The SHA-256 of every file that one of these versions needs."""
    found = (
        digest
        for version in versions
        for segment in version.segments
        for digest in (segment.rows_sha256, segment.hint_sha256)
    )
    return frozenset(found)
