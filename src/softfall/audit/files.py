"""The log as a file that anybody can check: JSON, a line for each line of the log.

The first line names the log; its checkpoints follow, then its lines, up to the newest checkpoint
(taken when the file is written), so that a file that was cut short is found out.
Guarantees: a line of the log has one spelling, so nothing in the file has two readings.
Refuses, as `NotALog`: a file that does not begin as one. What is wrong further on is a finding.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from typing import Any, BinaryIO, Final

from softfall.audit.chain import Line
from softfall.audit.checkpoints import Checkpoint, NotACheckpoint, parse_checkpoint
from softfall.audit.verifying import Verdict, Verifier
from softfall.errors import InputError

FORMAT: Final = "softfall audit log 1"
MAX_LINE_BYTES: Final = 64 * 1024
_PROGRESS_EVERY = 5_000
_NAMES = tuple(field.name for field in fields(Line))
_HEXADECIMAL = frozenset({"previous", "hash"})

Progress = Callable[[int], None]
"""Told how much was done since it was told last: bytes of a file, or lines of a database."""


class NotALog(InputError):
    """A file that is not an audit log as `softfall audit export` writes it."""

    remedy = "Give the file as it was exported; `softfall audit export FILE` makes a new one."


def write_log(
    file: BinaryIO, log: str, checkpoints: Iterable[Checkpoint], lines: Iterable[Line]
) -> int:
    """Write the log; how many lines of the log it has."""
    head = {"format": FORMAT, "log": log}
    file.write(_json(head).encode() + b"\n")
    for checkpoint in checkpoints:
        file.write(b'{"checkpoint":' + checkpoint.to_json().encode() + b"}\n")
    count = 0
    for line in lines:
        file.write(line_json(line).encode() + b"\n")
        count += 1
    return count


def verify_file(
    file: BinaryIO,
    carried: Iterable[Checkpoint] = (),
    keys: frozenset[bytes] | None = None,
    progress: Progress = lambda _: None,
) -> Verdict:
    """Look over an exported log. Raises NotALog.

    carried: checkpoints from elsewhere. keys: whose signatures count; None: those that the file's
    own checkpoints name, which proves nothing about who wrote it.
    """
    log = _head(file)
    own: list[Checkpoint] = []
    false_ones = 0
    raw = file.readline(MAX_LINE_BYTES)
    while raw.startswith(b'{"checkpoint":'):
        try:
            own.append(parse_checkpoint(raw[14:].removesuffix(b"\n")[:-1].decode("ascii")))
        except (NotACheckpoint, UnicodeDecodeError):
            false_ones += 1
        raw = file.readline(MAX_LINE_BYTES)
    known = frozenset(c.public_key for c in own) if keys is None else keys
    verifier = Verifier(log, [*own, *carried], known)
    if false_ones:
        verifier.false_checkpoint(0, f"checkpoints of the file that are damaged: {false_ones}")
    if raw and not own:
        verifier.false_checkpoint(0, "the file has no checkpoint: its end may have been cut off")
    _take_all(verifier, raw, file, progress)
    return verifier.finish()


def line_json(line: Line) -> str:
    """A line's one spelling in a file, without the line's end."""
    values = {name: getattr(line, name) for name in _NAMES}
    return _json({k: v.hex() if k in _HEXADECIMAL else v for k, v in values.items()})


def parse_line(raw: bytes) -> Line | None:
    """The line that bytes spell (without the line's end); None if they spell none."""
    try:
        values: dict[str, Any] = json.loads(raw)
        octets = {name: bytes.fromhex(values[name]) for name in _HEXADECIMAL}
        line = Line(**{**values, **octets})
        same = type(line.number) is int and line_json(line).encode() == raw
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return line if same else None


def _take_all(verifier: Verifier, raw: bytes, file: BinaryIO, progress: Progress) -> None:
    done_bytes = 0
    for count, one in enumerate(_rest(raw, file), 1):
        done_bytes += len(one)
        body = one.removesuffix(b"\n")
        line = parse_line(body) if len(body) < len(one) else None
        if line is None:
            verifier.unreadable("it is damaged, cut short, or not in its one spelling")
        else:
            verifier.take(line)
        if count % _PROGRESS_EVERY == 0:
            progress(done_bytes)
            done_bytes = 0
    progress(done_bytes)


def _rest(raw: bytes, file: BinaryIO) -> Iterator[bytes]:
    while raw:
        yield raw
        raw = file.readline(MAX_LINE_BYTES)


def _head(file: BinaryIO) -> str:
    try:
        head = json.loads(file.readline(MAX_LINE_BYTES))
    except (ValueError, RecursionError):
        head = None
    if not (isinstance(head, dict) and head.get("format") == FORMAT):
        raise NotALog("the file does not begin as an audit log does")
    log = head.get("log")
    if not isinstance(log, str) or set(head) != {"format", "log"}:
        raise NotALog("the file does not name its log")
    return log


def _json(values: Mapping[str, object]) -> str:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))
