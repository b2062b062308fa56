"""The local authority on a real socket: `softfall simulator cybertipline`.

Guarantees: it listens on 127.0.0.1 only; what the authority answers goes out as it is, and a
dropped connection is really cut. `/` is a page of what was received: counts, states, text facts.
`/control/...` is for tests: what the authority has, faults, the clock, letting held answers go.
Refuses to leave this machine. Limit: plain HTTP and no login for `/control`: a simulator, never a
service.
"""

import json
import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Final

from softfall.errors import OperatorError
from softfall.testing.cybertipline import PREFIX, Authority, Dropped, Fault, Received
from softfall.testing.cybertipline_forms import parse
from softfall.testing.cybertipline_page import page

HOST: Final = "127.0.0.1"
MAX_BODY_BYTES: Final = 64 * 1024 * 1024
SLOW_SECONDS: Final = 3.0


class SimulatorPortTaken(OperatorError):
    """The simulator can't listen on that port."""

    remedy = "Stop what listens there, or name another --port (0 takes a free one)."


class SettableClock:
    """The machine's clock, moved forward by tests. Unix milliseconds."""

    def __init__(self) -> None:
        self.ahead_ms = 0

    def __call__(self) -> int:
        """Now."""
        return time.time_ns() // 1_000_000 + self.ahead_ms


class AuthorityServer:
    """One authority, served until `close`. port: 0 takes a free one. Raises SimulatorPortTaken."""

    def __init__(self, authority: Authority, clock: SettableClock, port: int = 0) -> None:
        release = threading.Event()
        handler = type(
            "Handler", (_Handler,), {"authority": authority, "clock": clock, "release": release}
        )
        try:
            self._server = ThreadingHTTPServer((HOST, port), handler)
        except OSError as error:
            raise SimulatorPortTaken(f"{HOST}:{port} can't be used: {error.strerror}") from None
        self._server.daemon_threads = True
        self.url: Final = f"http://{HOST}:{self._server.server_address[1]}"

    def run(self) -> None:
        """Serve in this thread until closed."""
        self._server.serve_forever(poll_interval=0.05)

    def close(self) -> None:
        """Stop serving, from another thread."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    authority: ClassVar[Authority]
    clock: ClassVar[SettableClock]
    release: ClassVar[threading.Event]

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Nothing: a line would quote paths."""

    def _serve(self, method: str) -> None:
        self.close_connection = True
        size = self.headers.get("Content-Length", "0")
        if not size.isdigit() or int(size) > MAX_BODY_BYTES:
            self._send(413, "text/plain", b"too large")
            return
        body = self.rfile.read(int(size))
        control = _CONTROLS.get((method, self.path))
        if control is not None:
            self._control(control, body)
        elif self.path.startswith(PREFIX + "/"):
            self._ask_authority(method, body)
        elif (method, self.path) == ("GET", "/"):
            self._send(200, "text/html; charset=utf-8", page(self.authority.reports()).encode())
        else:
            self._send(404, "text/plain", b"no such page")

    def _ask_authority(self, method: str, body: bytes) -> None:
        path = self.path.removeprefix(PREFIX)
        try:
            answer = self.authority.answer(method, path, dict(self.headers.items()), body)
        except Dropped:
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        if answer.hold:
            self.release.wait()
        if answer.slow:
            time.sleep(SLOW_SECONDS)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self._end(answer.body)

    def _control(self, control: "Control", body: bytes) -> None:
        try:
            told = control(self, json.loads(body or b"{}"))
        except (ValueError, KeyError, TypeError) as error:
            told = {"error": f"not understood: {error}"}
            self._send(400, "application/json", json.dumps(told).encode())
            return
        self._send(200, "application/json", json.dumps(told).encode())

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self._end(body)

    def _end(self, body: bytes) -> None:
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


Control = Callable[[_Handler, dict[str, Any]], Any]


def _state(handler: _Handler, told: dict[str, Any]) -> Any:
    del told
    reports = [_described(each) for each in handler.authority.reports()]
    return {"reports": reports, "calls": handler.authority.calls}


def _described(report: Received) -> dict[str, Any]:
    root = parse(report.document) if report.document else None
    return {
        "report_id": report.report_id,
        "fate": report.fate,
        "incident_type": root.findtext("incidentSummary/incidentType") if root is not None else "",
        "files": [
            {"md5": file.md5, "size_bytes": file.size_bytes, "described": file.details is not None}
            for file in report.files
        ],
    }


def _fault(handler: _Handler, told: dict[str, Any]) -> Any:
    handler.authority.fail(told["call"], Fault(told["fault"]), int(told.get("times", 1)))
    return {"ok": True}


def _advance(handler: _Handler, told: dict[str, Any]) -> Any:
    handler.clock.ahead_ms += int(told["ms"])
    return {"now_ms": handler.clock()}


def _release(handler: _Handler, told: dict[str, Any]) -> Any:
    """Let every held answer go; what is held after this waits for the next release."""
    del told
    handler.release.set()
    handler.release.clear()
    return {"ok": True}


_CONTROLS: dict[tuple[str, str], Control] = {
    ("GET", "/control/state"): _state,
    ("POST", "/control/faults"): _fault,
    ("POST", "/control/clock"): _advance,
    ("POST", "/control/release"): _release,
}
