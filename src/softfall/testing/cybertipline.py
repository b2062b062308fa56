"""A local authority: the CyberTipline reporting API's state machine, for tests and the demo.

Guarantees: a report is open, then finished, retracted or expired, and never anything else again;
documents are checked for form and order; an upload echoes the MD5 of its bytes; every answer has a
Request-ID of its own. Time is a clock that the caller gives. A `Fault` makes it fail as real
services do, before or after it has done what it was asked.
Kept never: the bytes of a file. Leaves to others: the socket (`cybertipline_server`).
Source: the reporting API as published: codes, replies, the deletion of unfinished reports.
"""

import base64
import hashlib
import hmac
import io
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from xml.sax.saxutils import escape

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File, parse_form

from softfall.testing.cybertipline_forms import Check, parse, problem

PREFIX: Final = "/ispws"
AFTER_OPENING_MS: Final = 24 * 3_600_000
AFTER_CHANGE_MS: Final = 3_600_000
FIRST_REPORT: Final = 4_000_001


class Fate(StrEnum):
    """Where a report is."""

    OPEN = "open"
    FINISHED = "finished"
    RETRACTED = "retracted"
    EXPIRED = "expired"


class Fault(StrEnum):
    """How a call can go wrong. "after": once the authority has done what it was asked."""

    ERROR = "500"
    ERROR_AFTER = "500 after accept"
    EMPTY_LOGIN = "empty 401"
    INVALID = "4100"
    DROP = "drop"
    DROP_AFTER = "drop after accept"
    HOLD_AFTER = "hold after accept"  # answers only once released
    SLOW = "slow"  # answers, but late
    WRONG_DIGEST = "wrong md5"
    NO_XML = "no xml"


@dataclass(slots=True)
class UploadedFile:
    """A file of a report. details: its `fileDetails`, once there; size in bytes."""

    file_id: str
    name: str
    md5: str
    size_bytes: int
    details: bytes | None = None


@dataclass(slots=True)
class Received:
    """A report as the authority has it. times: Unix milliseconds."""

    report_id: int
    document: bytes
    opened_at_ms: int
    changed_at_ms: int
    fate: Fate = Fate.OPEN
    files: list[UploadedFile] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back. hold: not before the test releases it. slow: late."""

    status: int
    body: bytes
    headers: Mapping[str, str]
    hold: bool = False
    slow: bool = False


class Dropped(Exception):
    """The connection breaks, without an answer."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """One call: the form's fields, its file, the raw body."""

    body: bytes
    fields: Mapping[str, str]
    file: tuple[str, bytes] | None


class Authority:
    """The authority's state. clock: Unix milliseconds. check: against the published schema too."""

    def __init__(
        self,
        clock: Callable[[], int],
        username: str = "softfall",
        password: str = "local authority",  # noqa: S107 - a simulator's, on this machine
        check: Check | None = None,
    ) -> None:
        self._clock = clock
        self._login = "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()
        self._check = check
        self._lock = threading.Lock()
        self._reports: dict[int, Received] = {}
        self._faults: list[tuple[str, Fault]] = []
        self.calls: list[tuple[str, int | None]] = []  # path and code, None: not answered in XML
        self._handlers: dict[tuple[str, str], Callable[[_Asked], _Reply]] = {
            ("GET", "/status"): lambda asked: _Reply(0),
            ("POST", "/submit"): self._submit,
            ("POST", "/upload"): self._upload,
            ("POST", "/fileinfo"): self._fileinfo,
            ("POST", "/finish"): self._finish,
            ("POST", "/retract"): self._retract,
        }

    def fail(self, call: str, fault: Fault, times: int = 1) -> None:
        """Let the next `times` calls fail. call: "/upload" ..., or "*" for any."""
        with self._lock:
            self._faults += [(call, fault)] * times

    def reports(self) -> list[Received]:
        """Every report that was ever opened, oldest first."""
        with self._lock:
            self._expire()
            return list(self._reports.values())

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """What one request comes to. path: without `PREFIX`. Raises Dropped."""
        request = {"Request-ID": secrets.token_hex(8), "Content-Type": "text/xml; charset=utf-8"}
        with self._lock:
            fault = self._fault_for(path)
            early = self._early(fault, headers)
            if early is not None:
                self.calls.append((path, None))
                return Answer(*early, request)
            if fault is Fault.DROP:
                self.calls.append((path, None))
                raise Dropped
            self._expire()
            reply = self._reply(method, path, headers, body, fault)
            self.calls.append((path, reply.code))
        if fault is Fault.DROP_AFTER:
            raise Dropped
        if fault is Fault.ERROR_AFTER:
            return Answer(500, b"", request)
        held, slow = fault is Fault.HOLD_AFTER, fault is Fault.SLOW
        return Answer(reply.status, reply.xml(), request, held, slow)

    def _early(self, fault: Fault | None, headers: Mapping[str, str]) -> tuple[int, bytes] | None:
        """What is answered before anything is done."""
        if fault is Fault.EMPTY_LOGIN:
            return 401, b""
        given = {name.lower(): value for name, value in headers.items()}.get("authorization", "")
        if not hmac.compare_digest(given.encode(), self._login.encode()):
            return 401, b""
        return {Fault.ERROR: (500, b""), Fault.NO_XML: (200, b"<html>busy</html>")}.get(
            fault or Fault.DROP
        )

    def _fault_for(self, path: str) -> Fault | None:
        for place, (call, fault) in enumerate(self._faults):
            if call in {path, "*"}:
                del self._faults[place]
                return fault
        return None

    def _expire(self) -> None:
        now_ms = self._clock()
        for report in self._reports.values():
            until_ms = max(
                report.opened_at_ms + AFTER_OPENING_MS, report.changed_at_ms + AFTER_CHANGE_MS
            )
            if report.fate is Fate.OPEN and now_ms >= until_ms:
                report.fate = Fate.EXPIRED
                report.files.clear()
                report.document = b""

    def _reply(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        fault: Fault | None,
    ) -> "_Reply":
        handler = self._handlers.get((method, path))
        if handler is None:
            return _Reply(1210, "no such resource", status=404)
        if fault is Fault.INVALID:
            return _Reply(4100, "validation failed")
        asked = _form(headers, body)
        if asked is None:
            return _Reply(4000, "the form can't be read")
        reply = handler(asked)
        if fault is Fault.WRONG_DIGEST and reply.md5:
            reply.md5 = hashlib.md5(b"other bytes", usedforsecurity=False).hexdigest()
        return reply

    def _document_problem(self, body: bytes, name: str) -> "_Reply | None":
        root = parse(body)
        if root is None:
            return _Reply(4110, "the XML can't be read")
        told = f"not a {name}" if root.tag != name else problem(root)
        told = told or (self._check(body, name) if self._check else None)
        return None if told is None else _Reply(4100, told)

    def _submit(self, asked: _Asked) -> "_Reply":
        refused = self._document_problem(asked.body, "report")
        if refused is not None:
            return refused
        number = FIRST_REPORT + len(self._reports)
        now_ms = self._clock()
        self._reports[number] = Received(number, asked.body, now_ms, now_ms)
        return _Reply(0, report_id=number)

    def _upload(self, asked: _Asked) -> "_Reply":
        report = self._open(asked.fields.get("id"))
        if isinstance(report, _Reply):
            return report
        if asked.file is None or not asked.file[1]:
            return _Reply(4200, "there is no file", report_id=report.report_id)
        name, body = asked.file
        md5 = hashlib.md5(body, usedforsecurity=False).hexdigest()
        file = UploadedFile(secrets.token_hex(16), name, md5, len(body))
        report.files.append(file)
        report.changed_at_ms = self._clock()
        return _Reply(0, report_id=report.report_id, file_id=file.file_id, md5=md5)

    def _fileinfo(self, asked: _Asked) -> "_Reply":
        refused = self._document_problem(asked.body, "fileDetails")
        root = parse(asked.body)
        if refused is not None or root is None:
            return refused or _Reply(4110, "the XML can't be read")
        report = self._open(root.findtext("reportId"))
        if isinstance(report, _Reply):
            return report
        for file in report.files:
            if file.file_id == root.findtext("fileId"):
                file.details = asked.body
                report.changed_at_ms = self._clock()
                return _Reply(0, report_id=report.report_id)
        return _Reply(5002, "no such file", report_id=report.report_id)

    def _finish(self, asked: _Asked) -> "_Reply":
        report = self._open(asked.fields.get("id"))
        if isinstance(report, _Reply):
            return report
        report.fate = Fate.FINISHED
        report.changed_at_ms = self._clock()
        ids = tuple(file.file_id for file in report.files)
        return _Reply(0, report_id=report.report_id, files=ids)

    def _retract(self, asked: _Asked) -> "_Reply":
        report = self._open(asked.fields.get("id"))
        if isinstance(report, _Reply):
            return report
        report.fate = Fate.RETRACTED
        return _Reply(0, report_id=report.report_id)

    def _open(self, number: str | None) -> "Received | _Reply":
        """An open report, or why there is none."""
        known = number is not None and number.isascii() and number.isdigit()
        report = self._reports.get(int(number)) if known and number is not None else None
        if report is None or report.fate is Fate.EXPIRED:
            return _Reply(5001, "no such report")
        if report.fate is Fate.RETRACTED:
            return _Reply(5101, "the report was retracted", report_id=report.report_id)
        if report.fate is Fate.FINISHED:
            return _Reply(5102, "the report is finished", report_id=report.report_id)
        return report


@dataclass(slots=True)
class _Reply:
    """An answer's values; `xml` writes it. files: of a report that is finished now."""

    code: int
    told: str = ""
    status: int = 200
    report_id: int | None = None
    file_id: str = ""
    md5: str = ""
    files: tuple[str, ...] | None = None

    def xml(self) -> bytes:
        """The reply as the schema lays it out."""
        if self.files is not None:
            files = "".join(f"<fileId>{each}</fileId>" for each in self.files)
            inner = f"<reportId>{self.report_id}</reportId><files>{files}</files>"
            name = "reportDoneResponse"
        else:
            inner = f"<responseDescription>{escape(self.told)}</responseDescription>"
            inner += f"<reportId>{self.report_id}</reportId>" if self.report_id else ""
            inner += f"<fileId>{self.file_id}</fileId>" if self.file_id else ""
            inner += f"<hash>{self.md5}</hash>" if self.md5 else ""
            name = "reportResponse"
        code = f"<responseCode>{self.code}</responseCode>"
        return f'<?xml version="1.0" encoding="UTF-8"?><{name}>{code}{inner}</{name}>'.encode()


def _form(headers: Mapping[str, str], body: bytes) -> _Asked | None:
    """The request's fields and file; no fields where it is XML. None: it can't be read."""
    kind = {name.lower(): value for name, value in headers.items()}.get("content-type", "")
    if "form" not in kind:
        return _Asked(body, {}, None)
    fields: dict[str, str] = {}
    files: list[tuple[str, bytes]] = []

    def on_field(each: Field) -> None:
        fields[(each.field_name or b"").decode()] = (each.value or b"").decode()

    def on_file(each: File) -> None:
        each.file_object.seek(0)
        files.append(((each.file_name or b"").decode(), each.file_object.read()))

    try:
        parse_form({"Content-Type": kind.encode()}, io.BytesIO(body), on_field, on_file)
    except (FormParserError, ValueError):
        return None
    return _Asked(body, fields, files[0] if files else None)
