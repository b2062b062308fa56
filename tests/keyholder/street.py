"""A real dealer and keyholder as processes, and a provider's side that calls them over HTTPS."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import httpx

from softfall.edge.custodian_key import write_custodian_key
from softfall.edge.dealt_fetching import HomomorphicDealerClient
from softfall.edge.keyholder_tokens import read_keyholder_token
from softfall.edge.tls import client_context
from softfall.keyholder.keys import create_key
from softfall.lists import manifest as manifests
from softfall.lists.manifest import Manifest
from softfall.options.contract import Submission
from softfall.options.homomorphic import wire
from softfall.options.homomorphic.dealt_wire import capacity_of
from softfall.options.homomorphic.material import DealtProvider
from softfall.options.homomorphic.parameters import Mode
from softfall.options.homomorphic.provider import Asked, Outcome, Run
from tests.options.homomorphic.parties import (
    CUSTODIAN,
    EPOCH,
    SECRET,
    SIGNER,
    Parties,
    random_hashes,
    secret_of,
)
from tests.provider.process import Served

DAY_MS = 86_400_000
PATIENCE_SECONDS = 60
LISTED = dict(enumerate(random_hashes(60, seed=3), start=1))
BEGIN_ANEW = {"MaterialUnknown", "MaterialSpent", "RunUnknown", "RunExpired"}
_T = TypeVar("_T")


class Refused(Exception):
    """The keyholder answered with this error."""


class Street:
    """The two services, and all that passes between them and a provider."""

    def __init__(
        self,
        folder: Path,
        mode: Mode = Mode.ONE_BIT,
        environment: Mapping[str, str] | None = None,
        **settings: Any,
    ) -> None:
        self.folder = folder
        self.parties = Parties(dict(LISTED), mode)
        self.dealer = Served(folder, "dealer", requests_per_minute=1_000_000)
        write_custodian_key(folder / "custodian.pub", SIGNER)
        self.data_dir = folder / "keyholder"
        create_key(self.data_dir, lambda count: SECRET[:count])
        self.keyholder = Served(
            folder,
            "keyholder",
            environment=environment,
            custodian_key_file=folder / "custodian.pub",
            dealer_url=self.dealer.url,
            **settings,
        )
        self.halves: list[tuple[int, bytes]] = []

    @contextlib.contextmanager
    def running(self) -> Iterator["Street"]:
        try:
            for served in (self.dealer, self.keyholder):
                served.start()
            for served in (self.dealer, self.keyholder):
                served.wait_until_ready()
            yield self
        finally:
            self.http.close()
            for served in (self.keyholder, self.dealer):
                if served.process is not None and served.process.poll() is None:
                    served.stop()

    def restart(self) -> None:
        """kill -9, and again."""
        self.keyholder.kill()
        self.keyholder.start()
        self.keyholder.wait_until_ready()

    @cached_property
    def http(self) -> httpx.Client:
        return self.client()

    def client(self) -> httpx.Client:
        context = client_context(self.folder / "tls", "provider")
        shown = {"authorization": f"Bearer {read_keyholder_token(self.folder / 'tls')}"}
        return httpx.Client(base_url=self.keyholder.url, verify=context, headers=shown, timeout=30)

    def call(self, method: str, path: str, body: bytes | None = None) -> httpx.Response:
        answer = self.http.request(method, path, content=body)
        if answer.is_error:
            raise Refused(answer.json()["error"])
        return answer

    def state(self) -> dict[str, Any]:
        return dict(self.call("GET", "/v1/state").json())

    def carried(self) -> bytes:
        now_ms = time.time_ns() // 1_000_000
        told = Manifest(
            option="homomorphic",
            epoch=EPOCH,
            public_key=b"",
            artefact_sha256=bytes(32),
            entries=len(LISTED),
            published_at_ms=now_ms // DAY_MS * DAY_MS,  # the same again, for this test
            expires_at_ms=now_ms // DAY_MS * DAY_MS + 30 * DAY_MS,
            parameters=self.parties.parameters.encode(),
        )
        return wire.LIST_CARRIED.encode(
            {
                "version": wire.VERSION,
                "manifest": manifests.sign(told, CUSTODIAN.sign),
                "list_version": self.parties.versions[-1],
            }
        )

    def carry(self) -> None:
        """The newest list version, and what the keyholder says is missing of it."""
        for digest in self.call("POST", "/v1/lists", self.carried()).json()["missing"]:
            content = self.parties.shelf.files[bytes.fromhex(digest)]
            self.call("PUT", f"/v1/hints/{digest}", content)

    @cached_property
    def dealing(self) -> HomomorphicDealerClient:
        return HomomorphicDealerClient(self.dealer.url, self.folder / "tls", "provider")

    def half(self) -> DealtProvider:
        """Fresh material of the provider's."""
        if not self.halves:
            capacity = capacity_of(self.parties.version.rows)
            self.halves += self.dealing.fetch(self.parties.mode, capacity, 4)
        return DealtProvider.decode(self.halves.pop(0)[1])

    def submit(self, bits: bytes, label: str = "") -> Submission:
        return self.parties.send(bits, secret_of(label))[0]

    def run(self, *submissions: Submission) -> Run:
        asked = [Asked.read(submission.body) for submission in submissions]
        return Run(self.parties.prepared, asked, [self.half() for _ in asked])

    def outcomes(self, *submissions: Submission) -> list[Outcome]:
        run = self.run(*submissions)
        begun = self.call("POST", "/v1/begin", run.begin()).content
        finish = run.go_on(begun)
        finished = self.call("POST", "/v1/finish", finish).content if finish else None
        return run.results(finished)

    def persistent_outcomes(self, *submissions: Submission) -> list[Outcome]:
        """As a provider that begins anew with fresh material, until it gets its verdict."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return self.outcomes(*submissions)
            except Refused as refused:
                if str(refused) not in BEGIN_ANEW or time.monotonic() > deadline:
                    raise

    def on_disk(self) -> bytes:
        """All that the keyholder keeps."""
        files = [path for path in self.data_dir.rglob("*") if path.is_file()]
        return b"".join(path.read_bytes() for path in files)


def until(look: Callable[[], _T]) -> _T:
    """What `look` finds, once it finds something; the last of it, where it never does."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return found
