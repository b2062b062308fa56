"""A small epoch of one option with real devices and all halves in this process.

For what the large run can't show: time moves on, epochs follow one another, a provider serves two
lists, a custodian signs what it should not.
Guarantees: real devices, halves, manifests, seals and proofs; the provider is `softfall.testing`'s,
which takes in, judges and delivers by the real provider's own functions. A handful of entries.
Limits: `on_device`'s map is handed to the device, not fetched; no sockets.
"""

import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from softfall.device.device import HONEST, Device, Parts
from softfall.device.options import HalfPorts
from softfall.device.surroundings import REAL
from softfall.errors import InputError
from softfall.lists.manifest import Manifest, read
from softfall.options.confirm.keys import make_keys
from softfall.options.contract import DeviceHalf, ProviderPorts
from softfall.options.enclave import wire as enclave_wire
from softfall.options.homomorphic import wire as homomorphic_wire
from softfall.options.on_device import segment
from softfall.options.on_device import wire as on_device_wire
from softfall.options.on_device.custodian import BASE_VERSION, OnDeviceCustodian, derive_secret
from softfall.options.on_device.map_view import MapView
from softfall.options.on_device.parameters import DEFAULT_PARAMETERS
from softfall.options.on_device.provider import OnDeviceProvider
from softfall.options.split import wire as split_wire
from softfall.testing.confirming import SmallConfirm
from softfall.testing.enclave import SmallEnclave
from softfall.testing.epochs import DAY_MS, NoPorts, SmallCustodian, SmallEpoch
from softfall.testing.homomorphic import SmallKeyholder, publish
from softfall.testing.provider import InMemoryProvider
from softfall.wire import Message

SUBMISSIONS: Final[Mapping[str, Message]] = {
    "split": split_wire.SUBMISSION,
    "on_device": on_device_wire.SUBMISSION,
    "enclave": enclave_wire.SEALED,
    "homomorphic": homomorphic_wire.QUERY,
}
EPOCH_DAYS: Final = 30.0
FIRST_ADDED: Final = 1001


class NoStreet(InputError):
    """An option that has no small epoch."""

    remedy = f"Ask for one of: {', '.join(SUBMISSIONS)}."


@dataclass(frozen=True)
class InUse:
    """An epoch, and what its provider needs to serve it."""

    epoch: SmallEpoch
    ports: ProviderPorts = field(default_factory=NoPorts)
    attest: Callable[[bytes], bytes] | None = None
    enclave: SmallEnclave | None = None


@dataclass(frozen=True, slots=True)
class Submitted:
    """What the provider was handed with one picture."""

    epoch: int
    body: bytes = field(repr=False)
    file_bytes: int = 0


class Street:
    """One option's people. Raises NoStreet for an option that has no halves."""

    def __init__(self, option: str, folder: Path) -> None:
        if option not in SUBMISSIONS:
            raise NoStreet(f"{option} has no epochs")
        self.option = option
        self.custodian = SmallCustodian()
        self.provider = InMemoryProvider(None)
        self.keyholder = SmallKeyholder()
        self.people: dict[str, Device] = {}
        self._folder = folder
        self._bases: dict[bytes, segment.Segment] = {}
        self._maps: dict[bytes, MapView] = {}
        self._enclaves = 0
        self._authority = folder / "ca.crt"
        self._authority.write_text("not used in memory", "ascii")

    def publish(self, number: int, listed: Sequence[bytes] = ()) -> InUse:
        """An epoch over these 32-byte hashes, signed by the street's one custodian."""
        if self.option == "enclave":
            enclave = self.make_enclave()
            return InUse(enclave.publish(number, *listed), enclave, enclave.attest, enclave)
        if self.option == "on_device":
            return InUse(self._on_device(number, listed))
        if self.option == "homomorphic":
            return InUse(publish(number, self.custodian, self.keyholder, listed))
        return InUse(self.custodian.publish(number, listed))

    def grow(self, epoch: InUse, listed: Sequence[bytes]) -> None:
        """`on_device`: devices now hold version 1 of this epoch, which lists these hashes too.

        Made anew from the base each time, as if no version 1 had been before. Raises NoStreet.
        """
        half = epoch.epoch.custodian_half
        if not isinstance(half, OnDeviceCustodian):
            raise NoStreet(f"{self.option} has no list that grows within an epoch")
        base = read(epoch.epoch.manifest).artefact_sha256
        entries = list(enumerate(listed, start=FIRST_ADDED))
        delta = half.extend(entries, (), BASE_VERSION + 1, lambda done, of: None)
        self._maps[base] = MapView([self._bases[base], segment.decode(delta)])

    def make_enclave(self) -> SmallEnclave:
        """An enclave of its own, with a software root of its own."""
        self._enclaves += 1
        folder = self._folder / f"attester-{self._enclaves}"
        return SmallEnclave(folder, self.custodian)

    def use(self, epoch: InUse) -> None:
        """What the provider serves, and judges by, from now on."""
        self.provider.epoch = epoch.epoch
        self.provider.ports = epoch.ports
        self.provider.attest = epoch.attest

    def person(self, name: str, parts: Parts = HONEST) -> Device:
        """A real device, made and registered when first asked for."""
        if name not in self.people:
            self.people[name] = Device.create(
                self._folder / name,
                secrets.token_bytes(32),
                name,
                "https://provider.example",
                self._authority,
                self.custodian.public_key,
                parts=self.parts(parts),
            )
        return self.people[name]

    def parts(self, honest: Parts = HONEST) -> Parts:
        """A device's parts, on this street."""
        make_half = honest.make_half

        def with_map(manifest: Manifest, ports: HalfPorts) -> DeviceHalf:
            ports.map_view = lambda told: self._maps[told.artefact_sha256]
            return make_half(manifest, ports)

        return replace(honest, connect=self.provider.connect, make_half=with_map)

    def submitted(self, sender: Device, to: str, data: bytes) -> Submitted:
        """Send a picture; what the provider was handed with it. Raises as `send_photo`."""
        sent = sender.send_photo(to, data)
        outgoing = self.provider.passed[sender.account, sent.envelope_id].outgoing
        submission, digest = outgoing.submission, outgoing.attachment
        if submission is None or digest is None:
            raise NoStreet("nothing was submitted with a picture")
        size = len(self.provider.files[digest])
        return Submitted(submission.epoch, submission.body, size)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for device in self.people.values():
            device.close()

    def _on_device(self, number: int, listed: Sequence[bytes]) -> SmallEpoch:
        half = OnDeviceCustodian(number, derive_secret(REAL.random_bytes(32), number))
        entries: list[Any] = list(enumerate(listed, start=1))
        prepared = half.prepare(entries, lambda done, of: None)
        keys = make_keys(REAL.random_bytes(32), half.name, number)
        now_ms = REAL.now_ms()
        told = Manifest(
            option=half.name,
            epoch=number,
            public_key=prepared.public_key,
            artefact_sha256=hashlib.sha256(prepared.artefact).digest(),
            entries=len(listed),
            published_at_ms=now_ms,
            expires_at_ms=now_ms + int(EPOCH_DAYS * DAY_MS),
            parameters=DEFAULT_PARAMETERS.encode(),
            token_key=self.custodian.mint.public_key,
            confirm_key=keys.public,
        )
        base = segment.decode(prepared.artefact)
        self._bases[told.artefact_sha256] = base
        self._maps[told.artefact_sha256] = MapView([base])
        return SmallEpoch(
            option=half.name,
            number=number,
            manifest=self.custodian.sign(told),
            custodian_half=half,
            provider_half=OnDeviceProvider(number, DEFAULT_PARAMETERS),
            mint=self.custodian.mint,
            confirm=SmallConfirm(keys, dict(entries)),
        )
