"""The provider's staff route for enactments, played by a small HTTP server that may misbehave."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from softfall.casework.enactor import ROUTE

# What to do with a request: a status and a body, or None to hang up without an answer.
Behaviour = Callable[[dict[str, Any]], tuple[int, object] | None]


class FakeProvider:
    """Keeps what it did by its id, once each; `behave` may refuse, or answer nonsense, first.

    hang_up_after: how many times it does what it is asked, and hangs up instead of saying so.
    """

    def __init__(self) -> None:
        self.done: dict[str, dict[str, Any]] = {}
        self.order: list[str] = []
        self.asked = 0
        self.behave: Behaviour | None = None
        self.hang_up_after = 0
        self.late: list[object] = []
        self.tokens: set[str | None] = set()
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                outer.tokens.add(self.headers.get("authorization"))
                answer = outer.answer(self.path, body)
                if answer is None:
                    self.close_connection = True
                    self.connection.close()
                    return
                status, told = answer
                text = json.dumps(told).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, object] | None:
        assert path == ROUTE
        with self._lock:
            self.asked += 1
            if self.behave is not None:
                return self.behave(body)
            name = body["enactment_id"]
            assert self.done.setdefault(name, body) == body
            if name not in self.order:
                self.order.append(name)
            if self.hang_up_after > 0:
                self.hang_up_after -= 1
                return None
            return 200, {"enactment_id": name, "late": self.late}

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
