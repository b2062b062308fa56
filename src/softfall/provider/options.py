"""Which option this provider offers, as one table: its half, and the messages that it relays.

Guarantees: an option's code is loaded only where it is configured; the device's half never is.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from softfall.lists.manifest import Manifest
from softfall.options.contract import Evidence, ProviderHalf
from softfall.options.frames.provider import with_frames
from softfall.wire import Message

OUTAGE = "outage"
NONE = "none"


# From an epoch and its queries to an outcome each; what they are is the option's own to know.
Matching = Callable[[int, Any], Any]


@dataclass(frozen=True, slots=True)
class OfferedOption:
    """One option as the provider runs it.

    make_half: from (epoch, artefact bytes) to the provider's half.
    request, reply: what devices ask the custodian through the provider; `request` has an `epoch`.
    None where they ask it nothing. needs_enclave: whether its half asks the enclave.
    evidence: how a reported opening is checked; None where reports prove nothing of a submission.
    from_manifest: makes the half of an option that judges without an artefact; none is fetched.
    with_keyholder: likewise, of an option that asks the keyholder: from (manifest, what matches its
    queries). matching(...) makes it one of the former kind.
    confirms: whether its candidates go to `confirm`, which takes a dealer.
    clears: whether devices ask about candidates before they send them.
    """

    name: str
    make_half: Callable[[int, bytes], ProviderHalf] | None
    request: Message | None
    reply: Message | None
    evidence: Evidence | None = None
    from_manifest: Callable[[Manifest], ProviderHalf] | None = None
    needs_enclave: bool = False
    confirms: bool = False
    clears: bool = False
    with_keyholder: Callable[[Manifest, Matching], ProviderHalf] | None = None

    @property
    def needs_keyholder(self) -> bool:
        """Whether its half asks the keyholder, with a list of its own."""
        return self.with_keyholder is not None

    def matching(self, match: Matching) -> "OfferedOption":
        """The option with what matches its queries, for an option that asks the keyholder."""
        make = self.with_keyholder
        assert make is not None, "only such an option is asked"
        return replace(self, from_manifest=lambda manifest: make(manifest, match))

    def half(self, manifest: Manifest, artefact: bytes) -> ProviderHalf:
        """The half for one epoch, videos included. artefact: empty where none is needed."""
        if self.from_manifest is not None:
            return with_frames(self.from_manifest(manifest))
        assert self.make_half is not None, "an option has one of the two"
        return with_frames(self.make_half(manifest.epoch, artefact))


def _split() -> OfferedOption:
    from softfall.options.split import opening
    from softfall.options.split.provider import SplitProvider
    from softfall.options.tags.wire import REPLY, REQUEST

    evidence = Evidence(opening.disprove, opening.differs)
    return OfferedOption(SplitProvider.name, SplitProvider, REQUEST, REPLY, evidence, confirms=True)


def _enclave() -> OfferedOption:
    from softfall.options.enclave import opening
    from softfall.options.enclave.parameters import EnclaveParameters
    from softfall.options.enclave.provider import EnclaveProvider

    def make_half(manifest: Manifest) -> EnclaveProvider:
        return EnclaveProvider(manifest.epoch, EnclaveParameters.decode(manifest.parameters))

    return OfferedOption(
        EnclaveProvider.name,
        None,
        None,
        None,
        Evidence(opening.disprove, opening.differs),
        from_manifest=make_half,
        needs_enclave=True,
    )


def _homomorphic() -> OfferedOption:
    from functools import partial

    from softfall.options.homomorphic import opening
    from softfall.options.homomorphic.parameters import HomomorphicParameters
    from softfall.options.homomorphic.provider import HomomorphicProvider

    def make_half(manifest: Manifest, match: Matching) -> HomomorphicProvider:
        parameters = HomomorphicParameters.decode(manifest.parameters)
        return HomomorphicProvider(manifest.epoch, parameters, partial(match, manifest.epoch))

    return OfferedOption(
        HomomorphicProvider.name,
        None,
        None,
        None,
        Evidence(opening.disprove, opening.differs),
        with_keyholder=make_half,
    )


def _on_device() -> OfferedOption:
    from softfall.options.on_device import opening
    from softfall.options.on_device.parameters import OnDeviceParameters
    from softfall.options.on_device.provider import OnDeviceProvider
    from softfall.options.tags.wire import REPLY, REQUEST

    def make_half(manifest: Manifest) -> OnDeviceProvider:
        return OnDeviceProvider(manifest.epoch, OnDeviceParameters.decode(manifest.parameters))

    return OfferedOption(
        OnDeviceProvider.name,
        None,
        REQUEST,
        REPLY,
        Evidence(opening.disprove, opening.differs),
        from_manifest=make_half,
        confirms=True,
        clears=True,
    )


_OFFERED: Mapping[str, Callable[[], OfferedOption]] = {
    "enclave": _enclave,
    "homomorphic": _homomorphic,
    "on_device": _on_device,
    "split": _split,
}


def offered(name: str) -> OfferedOption | None:
    """The option of this name; None for `none`."""
    return None if name == NONE else _OFFERED[name]()
