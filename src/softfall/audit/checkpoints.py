"""A checkpoint: a signed word that the log had so many lines, and that the newest had this hash.

Guarantees: a checkpoint that was changed in any field fails its signature; one that was carried
away proves later that lines up to it were changed, or that the log's end was cut off.
Refuses, as `NotACheckpoint`: any spelling but the one that `to_json` writes.
Limit: whoever holds the database, the signing key, and every copy of the checkpoints can write
another past. So copies belong where the operator's administrators can't reach them. Pure.
Source: Ed25519, RFC 8032; the idea of signed tree heads, RFC 6962 section 3.5.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, fields, replace

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from softfall.audit.chain import framed
from softfall.errors import InputError

_TAG = b"softfall audit checkpoint 1"


class NotACheckpoint(InputError):
    """A text that is not one checkpoint as the audit log writes them."""

    remedy = "Give the file checkpoints.jsonl as it was carried away, one checkpoint a line."


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The log of this name had `number` lines at `at_ms`, the newest with this hash (32 bytes).

    public_key: 32 bytes; signature: 64 bytes, by that key.
    """

    log: str
    number: int
    hash: bytes
    at_ms: int
    public_key: bytes
    signature: bytes

    @property
    def signed_bytes(self) -> bytes:
        """What the signature is over: every other field."""
        return framed(
            _TAG,
            self.log.encode(),
            str(self.number).encode(),
            self.hash,
            str(self.at_ms).encode(),
            self.public_key,
        )

    @property
    def signature_holds(self) -> bool:
        """Whether the key that it names signed it."""
        try:
            key = Ed25519PublicKey.from_public_bytes(self.public_key)
            key.verify(self.signature, self.signed_bytes)
        except (InvalidSignature, ValueError):
            return False
        return True

    def to_json(self) -> str:
        """Its one spelling, without a line's end."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        shown = {k: v.hex() if isinstance(v, bytes) else v for k, v in values.items()}
        return json.dumps(shown, ensure_ascii=False, separators=(",", ":"))


def sign_checkpoint(
    log: str,
    number: int,
    line_hash: bytes,
    at_ms: int,
    public_key: bytes,
    sign: Callable[[bytes], bytes],
) -> Checkpoint:
    """The checkpoint of a log whose newest line is `number`; `sign` is Ed25519 by `public_key`."""
    unsigned = Checkpoint(log, number, line_hash, at_ms, public_key, b"")
    return replace(unsigned, signature=sign(unsigned.signed_bytes))


def parse_checkpoint(text: str) -> Checkpoint:
    """The checkpoint that a text spells. Raises NotACheckpoint; the signature is not looked at."""
    try:
        raw = json.loads(text)
        checkpoint = Checkpoint(
            log=raw["log"],
            number=raw["number"],
            hash=bytes.fromhex(raw["hash"]),
            at_ms=raw["at_ms"],
            public_key=bytes.fromhex(raw["public_key"]),
            signature=bytes.fromhex(raw["signature"]),
        )
        known = _has_right_types(checkpoint) and checkpoint.to_json() == text
    except (ValueError, TypeError, KeyError, RecursionError):
        known = False
    if not known:
        raise NotACheckpoint("the text is not a checkpoint")
    return checkpoint


def due(
    lines_since: int, last_at_ms: int | None, now_ms: int, every_lines: int, every_ms: int
) -> bool:
    """Whether the next checkpoint is due: there are new lines, and enough of them or of time."""
    if lines_since == 0:
        return False
    return lines_since >= every_lines or last_at_ms is None or now_ms - last_at_ms >= every_ms


def _has_right_types(checkpoint: Checkpoint) -> bool:
    return (
        isinstance(checkpoint.log, str)
        and checkpoint.log.isascii()
        and type(checkpoint.number) is int
        and checkpoint.number > 0
        and type(checkpoint.at_ms) is int
    )
