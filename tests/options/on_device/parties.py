"""The three halves of `on_device` in one process, over a small list and its map."""

from collections.abc import Sequence
from dataclasses import dataclass

from softfall.media.pdq import PdqHash, Unhashable
from softfall.options.confirm.keys import make_keys
from softfall.options.contract import ScanSecret, Submission, Verdict
from softfall.options.on_device import segment
from softfall.options.on_device.custodian import OnDeviceCustodian, derive_secret
from softfall.options.on_device.device import OnDeviceDevice
from softfall.options.on_device.map_view import MapView
from softfall.options.on_device.parameters import OnDeviceParameters
from softfall.options.on_device.provider import OnDeviceProvider
from softfall.options.tags.opening import TagRows
from softfall.options.tags.parameters import TagParameters, random_positions
from tests.options.split.parties import NoPorts

# The tests' own, so that they hold whatever the default becomes.
PARAMETERS = OnDeviceParameters(
    tags=TagParameters(
        k_bits=20, probes=4, hits=2, positions=random_positions("tests", tables=4, k_bits=20)
    ),
    code_bits=16,
    check_bits=6,
    slots=2,
    lag_versions=2,
)
FIRST = 100


def quiet(done: int, total: int) -> None:
    """Nobody watches the progress."""


@dataclass
class Parties:
    """An epoch in force; entry number i + FIRST is `listed[i]`."""

    listed: Sequence[PdqHash]
    epoch: int = 5
    seed: bytes = bytes(31) + b"\x07"
    parameters: OnDeviceParameters = PARAMETERS

    def __post_init__(self) -> None:
        secret = derive_secret(self.seed, self.epoch)
        self.custodian = OnDeviceCustodian(self.epoch, secret, self.parameters)
        entries = [(FIRST + i, media.bits) for i, media in enumerate(self.listed)]
        self.prepared = self.custodian.prepare(entries, quiet)
        self.view = MapView([segment.decode(self.prepared.artefact)])
        self.provider = OnDeviceProvider(self.epoch, self.parameters)
        self.confirm = make_keys(b"c" * 32, "on_device", self.epoch)
        self.device = self.device_with(lambda: self.view)

    def device_with(self, current_map: object) -> OnDeviceDevice:
        """A device of this epoch with a map of its own."""
        return OnDeviceDevice(
            self.epoch,
            self.prepared.public_key,
            self.parameters,
            self.confirm.public,
            current_map,  # type: ignore[arg-type]
        )

    def extend(self, added: Sequence[tuple[int, PdqHash]], withdrawn: Sequence[int]) -> bytes:
        """The next version's delta, which is put into force."""
        entries = [(number, media.bits) for number, media in added]
        version = self.view.list_version + 1
        delta = self.custodian.extend(entries, withdrawn, version, quiet)
        self.view = MapView([*self.view._segments, segment.decode(delta)])
        return delta

    def secret(self, attachment_key: bytes = b"k" * 32) -> ScanSecret:
        return ScanSecret(attachment_key, "on_device", self.epoch)

    def send(
        self,
        media: PdqHash | Unhashable,
        secret: ScanSecret | None = None,
        device: OnDeviceDevice | None = None,
    ) -> tuple[Submission, bytes]:
        pending = (device or self.device).begin(media, secret or self.secret())
        return pending.finish(self.custodian.answer(pending.request.body))

    def rows(self, media: PdqHash | Unhashable) -> TagRows:
        """A picture's tags."""
        pending = self.device.begin(media, self.secret())
        return pending.asked.finish(self.custodian.answer(pending.request.body))[1]

    def judge(self, media: PdqHash | Unhashable) -> Verdict:
        submission, _ = self.send(media)
        return self.provider.judge(submission, NoPorts())
