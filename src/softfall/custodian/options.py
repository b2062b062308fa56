"""The options that this custodian can publish epochs for, as one table.

Guarantees: an option's code is loaded only once it is asked for; the device's half never is.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

from softfall.config import CustodianSettings
from softfall.errors import InputError
from softfall.lists.manifest import Signer
from softfall.options.contract import CustodianHalf, Prepared, Progress
from softfall.wire import Message

Preparer = Callable[[Iterable[tuple[int, bytes]], Progress], Prepared]

ENTRIES_TO_COME = 10_000  # what an epoch's deltas may add before a map needs wider numbers


class OptionUnknown(InputError):
    """No option of this name is kept here."""

    remedy = "Ask for one of the options that docs/options.md names; `split` is always kept."


@runtime_checkable
class SegmentedHalf(CustodianHalf, Protocol):
    """The custodian's half of an option whose devices keep the list: `prepare` makes its base."""

    def extend(
        self,
        added: Sequence[tuple[int, bytes]],
        withdrawn: Sequence[int],
        list_version: int,
        progress: Progress,
    ) -> bytes:
        """The segment that leads from the version before to this one (1 after the base).

        added: (entry number, 32-byte PDQ); withdrawn: entry numbers; both in order of number.
        """


@dataclass(frozen=True, slots=True)
class Workshop:
    """What an option needs whose list lies in files. folder: where they lie, and nothing else.

    random_bytes: from the system's source. signer: by the custodian's identity key.
    now_ms: since 1970.
    """

    folder: Path
    random_bytes: Callable[[int], bytes]
    signer: Signer
    now_ms: int


@dataclass(frozen=True, slots=True)
class KeptOption:
    """One option as the custodian runs it.

    derive_secret: from (32 fresh random bytes, epoch) to the epoch's secret key.
    make_half: from (epoch, secret key, parameters) to the custodian's half. None where it is made
    in a workshop, for one epoch's list at a time, by lay_out: (epoch, parameters, workshop).
    parameters: what a new epoch is published with; an older one keeps its manifest's own.
    request: what devices ask, relayed; it has a field `epoch`. None where they ask nothing.
    configured: makes the parameters of a new epoch where they depend on this custodian: from its
    settings and its 32-byte identity key.
    sized: makes them from (parameters, highest entry number) where they depend on the list's size.
    confirms: whether its candidates go to `confirm`, so that its epochs need a key for it.
    """

    name: str
    derive_secret: Callable[[bytes, int], bytes]
    make_half: Callable[[int, bytes, bytes], CustodianHalf] | None
    parameters: bytes
    request: Message | None
    confirms: bool = True
    configured: Callable[[CustodianSettings, bytes], bytes] | None = None
    sized: Callable[[bytes, int], bytes] | None = None
    lay_out: Callable[[int, bytes, Workshop], Preparer] | None = None

    def half(self, epoch: int, secret: bytes, parameters: bytes) -> CustodianHalf:
        """The custodian's half of one epoch. Raises OptionUnknown where it answers nobody."""
        if self.make_half is None:
            raise OptionUnknown(f"nothing is asked about option {self.name}")
        return self.make_half(epoch, secret, parameters)

    def preparer(self, epoch: int, secret: bytes, workshop: Workshop) -> Preparer:
        """What makes a new epoch's artefact from its entries."""
        if self.lay_out is not None:
            return self.lay_out(epoch, self.parameters, workshop)
        return self.half(epoch, secret, self.parameters).prepare

    def epoch_of(self, body: bytes) -> int:
        """Which epoch a request is for. Raises MalformedMessage, OptionUnknown."""
        if self.request is None:
            raise OptionUnknown(f"nothing is asked about option {self.name}")
        epoch = self.request.decode(body)["epoch"]
        assert isinstance(epoch, int)
        return epoch

    def planned(self, settings: CustodianSettings, identity_key: bytes) -> "KeptOption":
        """The option as its next epoch is published.

        Raises EnclavesUnstated, for `enclave`; KeyholderKeyUnusable, for `homomorphic`.
        """
        if self.configured is None:
            return self
        return replace(self, parameters=self.configured(settings, identity_key))

    def fitting(self, highest_number: int) -> "KeptOption":
        """The option as a list up to this entry number, and some more to come, needs it."""
        if self.sized is None:
            return self
        return replace(self, parameters=self.sized(self.parameters, highest_number))


def _split() -> KeptOption:
    from softfall.options.split.custodian import SplitCustodian, derive_secret
    from softfall.options.split.parameters import DEFAULT_PARAMETERS
    from softfall.options.tags.parameters import TagParameters
    from softfall.options.tags.wire import REQUEST

    def make_half(epoch: int, secret: bytes, parameters: bytes) -> SplitCustodian:
        return SplitCustodian(epoch, secret, TagParameters.decode(parameters))

    return KeptOption(
        SplitCustodian.name, derive_secret, make_half, DEFAULT_PARAMETERS.encode(), REQUEST
    )


def _enclave() -> KeptOption:
    from softfall.custodian.enclave_allowed import allowed_parameters
    from softfall.options.enclave.custodian import EnclaveCustodian, derive_secret
    from softfall.options.enclave.parameters import EnclaveParameters

    def make_half(epoch: int, secret: bytes, parameters: bytes) -> EnclaveCustodian:
        return EnclaveCustodian(epoch, secret, EnclaveParameters.decode(parameters))

    return KeptOption(
        EnclaveCustodian.name,
        derive_secret,
        make_half,
        parameters=b"",
        request=None,
        confirms=False,  # the enclave compares the hash itself: its answer is exact
        configured=allowed_parameters,
    )


def _on_device() -> KeptOption:
    from softfall.options.on_device.custodian import OnDeviceCustodian, derive_secret
    from softfall.options.on_device.parameters import DEFAULT_PARAMETERS, OnDeviceParameters
    from softfall.options.tags.wire import REQUEST

    def make_half(epoch: int, secret: bytes, parameters: bytes) -> OnDeviceCustodian:
        return OnDeviceCustodian(epoch, secret, OnDeviceParameters.decode(parameters))

    def sized(parameters: bytes, highest_number: int) -> bytes:
        known = OnDeviceParameters.decode(parameters)
        return known.with_room_for(highest_number + ENTRIES_TO_COME).encode()

    return KeptOption(
        OnDeviceCustodian.name,
        derive_secret,
        make_half,
        DEFAULT_PARAMETERS.encode(),
        REQUEST,
        sized=sized,
    )


def _homomorphic() -> KeptOption:
    from softfall.custodian.homomorphic_allowed import derive_secret, new_parameters
    from softfall.custodian.homomorphic_files import EpochFiles
    from softfall.options.homomorphic.custodian import HomomorphicCustodian
    from softfall.options.homomorphic.parameters import HomomorphicParameters

    def lay_out(epoch: int, parameters: bytes, workshop: Workshop) -> Preparer:
        half = HomomorphicCustodian(
            epoch,
            HomomorphicParameters.decode(parameters),
            EpochFiles(workshop.folder),
            workshop.random_bytes,
            workshop.signer,
        )
        return lambda entries, progress: half.prepare(entries, progress, workshop.now_ms)

    return KeptOption(
        HomomorphicCustodian.name,
        derive_secret,
        make_half=None,
        parameters=b"",
        request=None,
        confirms=False,  # the two parties compare the hash itself: their answer is exact
        configured=new_parameters,
        lay_out=lay_out,
    )


_KEPT: Mapping[str, Callable[[], KeptOption]] = {
    "split": _split,
    "enclave": _enclave,
    "on_device": _on_device,
    "homomorphic": _homomorphic,
}


def kept(name: str) -> KeptOption:
    """The option of this name. Raises OptionUnknown."""
    if name not in _KEPT:
        raise OptionUnknown("no such option is kept here")
    return _KEPT[name]()


def kept_options() -> tuple[str, ...]:
    """The names of all options that are kept."""
    return tuple(_KEPT)
