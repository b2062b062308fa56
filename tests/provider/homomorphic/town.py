"""Provider, custodian, dealer and keyholder as real processes, over sockets; and a list to change.

The way from provider to keyholder may lead through a gate in this process.
"""

import copy
import secrets
import time
from pathlib import Path

import httpx
import numpy as np

from softfall.config import CustodianSettings
from softfall.custodian.catalogue import Catalogue, Statement
from softfall.custodian.keys import create_identity, load_identity
from softfall.custodian.publish import publish_changes, publish_epoch
from softfall.edge.custodian_key import write_custodian_key
from softfall.edge.tls import client_context
from softfall.keyholder import keys
from softfall.lists.manifest import Manifest
from softfall.media.pdq import PdqHash, Unhashable
from softfall.options.contract import ScanSecret, Submission
from softfall.options.homomorphic.device import HomomorphicDevice
from softfall.options.homomorphic.parameters import HomomorphicParameters
from softfall.provider.clock import system_clock
from tests.provider.cast import App
from tests.provider.process import Served
from tests.provider.split_epoch import random_hash
from tests.provider.test_kill import join
from tests.provider.test_serve import current_manifest

LISTED = random_hash(seed=1)
MARGINS = np.ones(256, np.float32)


def altered(bits: bytes, distance_bits: int, seed: int = 3) -> bytes:
    """A hash this far from another."""
    flipped = np.unpackbits(np.frombuffer(bits, np.uint8))
    flipped[np.random.default_rng(seed).choice(256, distance_bits, replace=False)] ^= 1
    return np.packbits(flipped).tobytes()


class Town:
    """Four services that know of each other, and a list of a few entries, `listed` the first."""

    def __init__(
        self, folder: Path, listed: bytes = LISTED, entries: int = 40, **provider: object
    ) -> None:
        self.folder = folder
        self.dealer = Served(folder, "dealer")
        self.custodian = Served(
            folder,
            "custodian",
            dealer_url=self.dealer.url,
            keyholder_key_file=str(folder / "keyholder" / keys.PUBLIC_FILE),
        )
        self.keyholder = Served(
            folder,
            "keyholder",
            dealer_url=self.dealer.url,
            custodian_key_file=str(folder / "keyholder" / "custodian.pub"),
            stock=4,
        )
        self.provider = self.make_provider(folder, **provider)
        self.settings = CustodianSettings(
            data_dir=folder / "custodian",
            tls_dir=folder / "tls",
            keyholder_key_file=folder / "keyholder" / keys.PUBLIC_FILE,
            homomorphic_names_entry=True,
        )
        create_identity(self.settings.data_dir)
        keys.create_key(folder / "keyholder")
        self.custodian_key = load_identity(self.settings.data_dir).public_key
        write_custodian_key(folder / "keyholder" / "custodian.pub", self.custodian_key)
        self.add(listed, *(random_hash(seed=1000 + number) for number in range(entries - 1)))
        self.publish()

    def make_provider(self, folder: Path, **changes: object) -> Served:
        """A provider of this town, on a folder of its own."""
        values: dict[str, object] = {
            "option": "homomorphic",
            "staff_token": "t",
            "custodian_url": self.custodian.url,
            "dealer_url": self.dealer.url,
            "keyholder_url": self.keyholder.url,
            "homomorphic_stock": 4,
            "delivery_jitter_ms": 0,
        }
        return Served(folder, "provider", **{**values, **changes})

    def add(self, *listed: bytes) -> None:
        catalogue = Catalogue.open(self.settings.data_dir)
        for pdq in listed:
            catalogue.add(Statement(pdq, "source"), system_clock())
        catalogue.close()

    def withdraw(self, listed: bytes) -> None:
        catalogue = Catalogue.open(self.settings.data_dir)
        catalogue.withdraw(listed, None, system_clock())
        catalogue.close()

    def publish(self) -> None:
        publish_epoch(self.settings, "homomorphic", lambda done, total: None)

    def publish_changes(self) -> int:
        told = publish_changes(self.settings, lambda done, total: None, option="homomorphic")
        return told.version

    def beside(self, provider: Served) -> "Town":
        """The same town, seen by another provider."""
        other = copy.copy(self)
        other.provider = provider
        return other

    @property
    def services(self) -> tuple[Served, ...]:
        return (self.dealer, self.custodian, self.keyholder, self.provider)

    def start(self, *services: Served) -> None:
        for service in services or self.services:
            service.start()
        for service in services or self.services:
            service.wait_until_ready()

    def stop(self) -> None:
        for service in reversed(self.services):
            if service.process is not None and service.process.poll() is None:
                service.stop()

    def health(self) -> dict[str, object]:
        with self.provider.client() as http:
            told: dict[str, object] = http.get("/v1/health").json()
        return told

    def wait_for_list(self, version: int = 0) -> None:
        """Until the provider judges by this list version, and has dealt material for it."""
        for _ in range(1200):
            told = self.health()
            if told["list_version"] == version and int(str(told["dealt"])) > 0:
                return
            time.sleep(0.05)
        raise AssertionError(self.logs())

    def logs(self) -> str:
        return "\n".join(
            f"== {service.service}\n{service.log.read_text()[-3000:]}" for service in self.services
        )

    def people(self, *names: str) -> tuple[App, App, Manifest]:
        sender, recipient = (join(self.provider, name) for name in names)
        return sender, recipient, current_manifest(sender.http)

    def send(self, sender: App, to: str, manifest: Manifest, bits: bytes | None) -> bytes:
        """A picture of this hash (None: without one); the envelope's id."""
        return self.post(sender, to, submitted(manifest, bits))

    def post(self, sender: App, to: str, made: Submission) -> bytes:
        submission = {"option": made.option, "epoch": made.epoch, "body": made.body}
        envelope_id = secrets.token_bytes(16)
        body = sender.media(to, submission=submission, envelope_id=envelope_id)
        answer = sender.post(body)
        assert answer.status_code == 202, answer.text
        return envelope_id

    def fate(self, envelope_id: bytes, seconds: float = 60.0) -> str:
        """`delivered`, or the kind of hold, once it is judged."""
        hold = self.hold(envelope_id, seconds)
        return str(hold["kind"]) if "kind" in hold else str(hold["end"])

    def hold(self, envelope_id: bytes, seconds: float = 60.0) -> dict[str, object]:
        """The hold of an envelope, once it is judged; else where it ended."""
        path = f"/v1/staff/envelopes/{envelope_id.hex()}/life"
        headers = {"authorization": "Bearer t"}
        end = "received"
        with self.provider.client() as http:
            deadline = time.monotonic() + seconds
            while end == "received" and time.monotonic() < deadline:
                end = http.get(path, headers=headers).json()["moves"][-1]["end"]
                time.sleep(0.05)
            if end != "held":
                return {"end": end}
            holds = http.get("/v1/staff/holds", headers=headers).json()["holds"]
        return next(hold for hold in holds if hold["envelope_id"] == envelope_id.hex())

    def figure(self, service: Served, name: str) -> float:
        """One figure of a service, its labels included in the name."""
        context = client_context(self.folder / "tls", "provider")
        lines = httpx.get(service.url + "/metrics", verify=context).text.splitlines()
        return float(next(line.split()[-1] for line in lines if line.startswith(name + " ")))


def submitted(manifest: Manifest, bits: bytes | None) -> Submission:
    """What an honest device submits of the picture with this hash."""
    parameters = HomomorphicParameters.decode(manifest.parameters)
    media: PdqHash | Unhashable = (
        Unhashable("flat", 0) if bits is None else PdqHash(bits, 80, MARGINS)
    )
    secret = ScanSecret(secrets.token_bytes(32), manifest.option, manifest.epoch)
    half = HomomorphicDevice(manifest.epoch, parameters)
    submission, _ = half.begin(media, secret).finish(None)
    return submission
