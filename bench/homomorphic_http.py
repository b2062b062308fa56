"""One encrypted picture among 100,000 entries, with every party a real process over loopback HTTPS.

Custodian, provider, keyholder and dealer as `softfall serve` starts them, each with its own store;
dealt material lies ready, as it does in service. Timed is one message from the sender's hash on:
encrypted, posted, taken in and on the provider's disk, multiplied, both round trips to the
keyholder, decided, and in the recipient's waiting hands. The attachment was uploaded before.
Of it the provider's and the keyholder's own part is told by the provider's `/metrics`.
"""

import base64
import hashlib
import re
import secrets
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path
from statistics import median

import httpx
import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.figures import ROUNDS, Check, Figure
from bench.homomorphic_services import Installation
from bench.live import fill
from softfall.custodian.catalogue import Catalogue
from softfall.custodian.publish import publish_epoch
from softfall.edge.tls import client_context
from softfall.lists.manifest import Manifest
from softfall.media.pdq import PdqHash
from softfall.messaging.envelope import ENVELOPE, MAILBOX
from softfall.options.contract import ScanSecret
from softfall.options.homomorphic.device import HomomorphicDevice
from softfall.options.homomorphic.parameters import HomomorphicParameters

ENTRIES = 100_000
WARM_UP = 3
STOCK = 24
READY_SECONDS = 300.0
STAFF = "bench"
MARGINS = np.full(256, 40, np.float32)
STEPS = ("multiply", "keyholder begins", "compare", "keyholder finishes")

CHANGED = {
    "provider": {"homomorphic_stock": STOCK, "staff_token": STAFF},
    "keyholder": {"stock": STOCK},
}


def figures() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        place = Installation(Path(folder), CHANGED)
        fill(place.custodian_dir, ENTRIES)
        manifest = publish_epoch(place.custodian, "homomorphic", lambda done, total: None)
        for service in ("dealer", "custodian", "keyholder", "provider"):
            running.enter_context(place.serving(service))
        place.wait_for_version(0, READY_SECONDS)
        context = client_context(place.tls_dir)
        http = running.enter_context(
            httpx.Client(base_url=place.url("provider"), verify=context, timeout=60)
        )
        people = _People(http, manifest)
        _wait_for_stock(http)
        for _ in range(WARM_UP):
            people.send(secrets.token_bytes(32))
        before = _steps(http)
        times_ms = [people.send(secrets.token_bytes(32)) for _ in range(ROUNDS)]
        after = _steps(http)
        held = people.is_held(_listed(place))
    return _told(times_ms, {step: after[step] - before[step] for step in STEPS}, held)


class _People:
    """A sender and a recipient, by bare HTTP: what travels is as large as an app's."""

    def __init__(self, http: httpx.Client, manifest: Manifest) -> None:
        self._http = http
        self._manifest = manifest
        self._half = HomomorphicDevice(
            manifest.epoch, HomomorphicParameters.decode(manifest.parameters)
        )
        self._sender, self._recipient = (self._join(name) for name in ("ada", "ben"))
        self._delivered = 0

    def send(self, bits: bytes) -> float:
        """How long one picture takes from its hash to the recipient, in ms."""
        attachment = self._upload()
        start = time.perf_counter()
        self._post(bits, attachment)
        query = {"after": self._delivered, "wait_seconds": 20}
        answer = self._http.get("/v1/mailbox", params=query, headers=self._recipient)
        took_ms = (time.perf_counter() - start) * 1000
        deliveries = MAILBOX.decode(answer.content)["deliveries"]
        assert isinstance(deliveries, list)
        if len(deliveries) != 1:
            raise RuntimeError("an unlisted picture was not delivered")
        self._delivered += 1
        return took_ms

    def is_held(self, bits: bytes) -> bool:
        """Whether a picture with this hash ends up held as confirmed."""
        self._post(bits, self._upload())
        staff = {"authorization": f"Bearer {STAFF}"}
        for _ in range(600):
            holds = self._http.get("/v1/staff/holds", headers=staff).json()["holds"]
            if holds:
                return [hold["kind"] for hold in holds] == ["confirmed"]
            time.sleep(0.05)
        return False

    def _post(self, bits: bytes, attachment: bytes) -> None:
        secret = ScanSecret(secrets.token_bytes(32), self._half.name, self._manifest.epoch)
        made, _ = self._half.begin(PdqHash(bits, 100, MARGINS), secret).finish(None)
        body = ENVELOPE.encode(
            {
                "version": 1,
                "envelope_id": secrets.token_bytes(16),
                "conversation": "bench",
                "payloads": [{"recipient": "ben", "kind": 1, "body": secrets.token_bytes(1000)}],
                "group_body": b"",
                "commitment": bytes(32),
                "submission": {"option": made.option, "epoch": made.epoch, "body": made.body},
                "attachment": attachment,
                "sent_at_ms": time.time_ns() // 1_000_000,
            }
        )
        self._http.post("/v1/envelopes", content=body, headers=self._sender).raise_for_status()

    def _upload(self) -> bytes:
        body = secrets.token_bytes(1000)
        digest = hashlib.sha256(body).digest()
        path = f"/v1/attachments/{digest.hex()}"
        self._http.put(path, content=body, headers=self._sender).raise_for_status()
        return digest

    def _join(self, name: str) -> dict[str, str]:
        key = Ed25519PrivateKey.generate()
        own, curve = _unpadded(key.public_key().public_bytes_raw()), _unpadded(bytes(32))
        said = f"softfall account v1|{name}|{curve}|{own}"
        told = {
            "account": name,
            "curve25519": curve,
            "ed25519": own,
            "signature": _unpadded(key.sign(said.encode())),
        }
        answer = self._http.post("/v1/accounts", json=told).raise_for_status()
        return {"authorization": f"Bearer {answer.json()['token']}"}


def _wait_for_stock(http: httpx.Client) -> None:
    """Until there is dealt material for all that is timed, at the provider and so at the dealer."""
    for _ in range(600):
        if int(http.get("/v1/health").json()["dealt"]) >= WARM_UP + ROUNDS + 1:
            return
        time.sleep(0.1)
    raise RuntimeError("no dealt material came")


def _steps(http: httpx.Client) -> dict[str, float]:
    """Seconds that each step of all runs took so far."""
    text = http.get("/metrics").text
    pattern = r'softfall_homomorphic_seconds_sum\{step="([a-z ]+)"\} ([0-9.e+-]+)'
    return {**dict.fromkeys(STEPS, 0.0), **{k: float(v) for k, v in re.findall(pattern, text)}}


def _listed(place: Installation) -> bytes:
    with closing(Catalogue.open(place.custodian_dir)) as catalogue:
        return catalogue.show_all([1])[1].pdq


def _told(times_ms: list[float], steps_s: dict[str, float], held: bool) -> list[Figure]:
    check = Check(held, "each unlisted picture was delivered, a listed one was held")
    key = "homomorphic.http"
    return [
        check.figure(
            key,
            f"one picture among {ENTRIES:,}, from its hash to the recipient, over loopback HTTP",
            median(times_ms),
            "ms",
        ),
        *(
            check.figure(
                f"{key}.{step.replace(' ', '_')}",
                f"of it, at the provider: {step} (mean of {ROUNDS})",
                1000 * steps_s[step] / ROUNDS,
                "ms",
            )
            for step in STEPS
        ),
    ]


def _unpadded(raw: bytes) -> str:
    return base64.b64encode(raw).decode().rstrip("=")
