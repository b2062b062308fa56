"""Provider, custodian and dealer as real processes, over sockets, and one way between two of them.

The way from provider to custodian may lead through a gate in this process, which passes everything
on and can be told what to do before or after it passes a request on.
"""

import contextlib
import copy
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI, Request, Response

from softfall.edge.serve import serve
from softfall.edge.tls import TlsFiles, client_context
from softfall.lists.manifest import Manifest
from softfall.options.confirm.device import make_shares
from softfall.options.confirm.provider import Confirming
from softfall.options.contract import ScanSecret
from softfall.testing.patched import Cheat

from .cast import App
from .process import Served
from .split_epoch import random_hash
from .test_kill import join
from .test_serve import ask, current_manifest, publish, question, tokens

LISTED = random_hash(seed=1)

OnPass = Callable[[str], None]


class Town:
    """Three services that know of each other, and one listed hash (entry 1)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.dealer = Served(folder, "dealer")
        self.custodian = Served(folder, "custodian", dealer_url=self.dealer.url)
        self.provider = Served(
            folder,
            staff_token="t",
            custodian_url=self.custodian.url,
            dealer_url=self.dealer.url,
        )
        publish(folder, LISTED)

    def start(self, *services: Served) -> None:
        for service in services or (self.dealer, self.custodian, self.provider):
            service.start()
            service.wait_until_ready()

    def stop(self) -> None:
        for service in (self.provider, self.custodian, self.dealer):
            if service.process is not None and service.process.poll() is None:
                service.stop()

    def another_provider(self, folder: Path, through: str) -> "Town":
        """The same custodian and dealer, with a provider on another folder."""
        other = copy.copy(self)
        (folder / "tls").symlink_to(self.folder / "tls")
        other.provider = Served(
            folder, staff_token="t", custodian_url=through, dealer_url=self.dealer.url
        )
        return other

    def stop_provider(self) -> None:
        if self.provider.process is not None and self.provider.process.poll() is None:
            self.provider.stop()

    def people(self, *names: str) -> tuple[App, App, Manifest]:
        sender, recipient = (join(self.provider, name) for name in names)
        return sender, recipient, current_manifest(sender.http)

    def send(
        self, sender: App, to: str, manifest: Manifest, bits: bytes, cheat: Cheat | None = None
    ) -> bytes:
        """A picture of this hash; the envelope's id."""
        pending = question(manifest, bits, cheat)
        assert pending.request is not None
        (token,) = tokens(sender, manifest, 1)
        answer = ask(sender, token, pending.request.body)
        while answer.status_code == 503:  # the machine may be busy: as an app does
            answer = ask(sender, token, pending.request.body)
        made, _ = pending.finish(answer.content)
        submission = {"option": made.option, "epoch": made.epoch, "body": made.body}
        envelope_id = secrets.token_bytes(16)
        body = sender.media(to, submission=submission, envelope_id=envelope_id)
        assert sender.post(body).status_code == 202
        return envelope_id

    def fate(self, envelope_id: bytes) -> str:
        """`delivered`, or the kind of hold, once it is judged."""
        path = f"/v1/staff/envelopes/{envelope_id.hex()}/life"
        headers = {"authorization": "Bearer t"}
        with self.provider.client() as http:
            for _ in range(600):
                end = http.get(path, headers=headers).json()["moves"][-1]["end"]
                if end != "received":
                    break
                time.sleep(0.05)
            if end != "held":
                return str(end)
            holds = http.get("/v1/staff/holds", headers=headers).json()["holds"]
        return next(str(h["kind"]) for h in holds if h["envelope_id"] == envelope_id.hex())


@contextlib.contextmanager
def gate(tls_dir: Path, custodian: Callable[[], str]) -> Iterator["Gate"]:
    """A way to the custodian that is open while the block lasts; gives its gate."""
    made = Gate(tls_dir, custodian)
    files = TlsFiles.of(tls_dir, "custodian")
    ready, stop = threading.Event(), threading.Event()

    def tell(url: str) -> None:
        made.url = url
        ready.set()

    def run() -> None:
        serve(
            made.app, "127.0.0.1", 0, files.certificate, files.key, files.authority,
            on_ready=tell, stop=stop,
        )  # fmt: skip

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert ready.wait(60)
        yield made
    finally:
        stop.set()
        thread.join()


class Gate:
    """Passes on what it is asked, as the provider; `before` and `after` are told each path."""

    def __init__(self, tls_dir: Path, custodian: Callable[[], str]) -> None:
        self.url = ""
        self.before: OnPass = lambda path: None
        self.after: OnPass = lambda path: None
        self.passed: list[str] = []
        self._tls_dir = tls_dir
        self._custodian = custodian
        self.app = FastAPI()
        self.app.add_api_route("/{path:path}", self._pass_on, methods=["GET", "POST"])

    async def _pass_on(self, path: str, request: Request) -> Response:
        self.before(path)
        body = await request.body()
        context = client_context(self._tls_dir, "provider")
        async with httpx.AsyncClient(verify=context, base_url=self._custodian()) as http:
            answer = await http.request(
                request.method,
                f"/{path}",
                content=body,
                params=request.query_params,
                headers={"authorization": request.headers.get("authorization", "")},
            )
        self.passed.append(path)
        self.after(path)
        return Response(answer.content, answer.status_code, media_type="application/cbor")


def shares_of(manifest: Manifest, bits: bytes) -> bytes:
    secret = ScanSecret(secrets.token_bytes(32), manifest.option, manifest.epoch)
    return make_shares(bits, secret, secret.key(bits), manifest.confirm_key).body


def step_with(dealt: Any, manifest: Manifest, bits: bytes) -> Confirming:
    shares = shares_of(manifest, bits)
    return Confirming(dealt, shares, manifest.option, manifest.epoch, 1)
