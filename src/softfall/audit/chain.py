"""One line of the audit log, and the chain that ties each line to the one before.

A line's hash is SHA-256 over its fields and the hash of the line before, each with its length in
front, so no two lines share one reading. The chain begins at the log's own name, so a line of one
log fits in no other.
Guarantees: equal lines have equal hashes; a line that was changed in any field has another.
Refuses, as `LineRefused`: names and actions beyond their forms, details beyond their size,
characters that a database can't keep, and whole hashes of pictures (64 hexadecimal digits).
Leaves to `checkpoints`: who could write a whole new chain. Pure.
Source: Schneier and Kelsey, "Secure audit logs to support computer forensics", 1999 (the chain).
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from softfall.errors import InputError

MAX_DETAILS_BYTES: Final = 8 * 1024
HASH_BYTES: Final = 32

Detail = str | int | bool | None | list["Detail"]

_ACTION = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")
_WHOLE_HASH = re.compile(r"[0-9a-fA-F]{64}")
_LOG_TAG = b"softfall audit log 1"
_LINE_TAG = b"softfall audit line 1"


class LineRefused(InputError):
    """A line that the audit log does not take: nothing was written."""

    remedy = (
        "Name an action in dotted words, keep who, subject and details within their sizes, and put "
        "identifiers, reasons and counts in details, never content or a hash."
    )


@dataclass(frozen=True, slots=True)
class Line:
    """One line as it is kept: what happened, and its place in the chain.

    number: from 1, without gaps. at_ms: Unix time. details: JSON, as `details_text` writes it.
    previous, hash: 32 bytes each; `previous` is the hash of the line before.
    """

    number: int
    at_ms: int
    who: str
    action: str
    subject: str
    details: str
    previous: bytes
    hash: bytes

    @property
    def intact(self) -> bool:
        """Whether the line's own hash fits its fields."""
        return line_hash(self) == self.hash


def genesis(log: str) -> bytes:
    """The 32 bytes that the first line of the log of this name is chained to."""
    return hashlib.sha256(framed(_LOG_TAG, log.encode())).digest()


def line_hash(line: Line) -> bytes:
    """The 32-byte hash of a line's fields and of the line before; `line.hash` is not looked at."""
    return hashlib.sha256(
        framed(
            _LINE_TAG,
            line.previous,
            str(line.number).encode(),
            str(line.at_ms).encode(),
            line.who.encode(),
            line.action.encode(),
            line.subject.encode(),
            line.details.encode(),
        )
    ).digest()


def make_line(
    number: int,
    previous: bytes,
    at_ms: int,
    who: str,
    action: str,
    subject: str,
    details: Mapping[str, Detail],
) -> Line:
    """The line that follows the one whose hash is `previous`. Raises LineRefused."""
    _must_be_text("who", who, 64)
    _must_be_text("subject", subject, 128)
    if not (len(action) <= 64 and _ACTION.fullmatch(action)):
        raise LineRefused("an action is dotted words of lower case, such as case.opened")
    if not 0 <= at_ms < 2**63:
        raise LineRefused("a time is milliseconds since 1970")
    line = Line(number, at_ms, who, action, subject, details_text(details), previous, b"")
    return replace(line, hash=line_hash(line))


def details_text(details: Mapping[str, Detail]) -> str:
    """The details' one spelling: JSON, keys in order, no spaces. Raises LineRefused."""
    for key, value in details.items():
        _must_be_detail(key, value)
    text = json.dumps(details, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    if len(text.encode()) > MAX_DETAILS_BYTES:
        raise LineRefused(f"details are over {MAX_DETAILS_BYTES} bytes")
    return text


def framed(*parts: bytes) -> bytes:
    """The parts, each with its length in 4 bytes before it."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def _must_be_detail(key: str, value: Detail) -> None:
    _must_be_text("a detail's name", key, 64)
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, list):
            _must_be_detail(key, item)
        elif isinstance(item, str):
            _must_be_text(f"detail {key!r}", item, MAX_DETAILS_BYTES, may_be_empty=True)
        elif not (item is None or isinstance(item, int)):
            raise LineRefused(
                f"detail {key!r} is neither text, a whole number, a yes or no, nor a list"
            )


def _must_be_text(what: str, text: str, max_bytes: int, *, may_be_empty: bool = False) -> None:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise LineRefused(f"{what} is not Unicode text") from None
    if not (may_be_empty or size) or size > max_bytes or "\0" in text:
        raise LineRefused(f"{what} must be text of 1 to {max_bytes} bytes")
    if _WHOLE_HASH.search(text):
        raise LineRefused(f"{what} holds 64 hexadecimal digits, which may be a picture's hash")
