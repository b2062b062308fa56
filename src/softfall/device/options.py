"""Which options this device can serve, as one table: from an epoch's manifest to its half."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from softfall.errors import RefusedError
from softfall.lists.manifest import Manifest
from softfall.options.contract import DeviceHalf

OUTAGE = "outage"
NONE = "none"


@dataclass
class HalfPorts:
    """What a half may need of its device besides the epoch's manifest.

    attested: the verified, cached attestation of the enclave that the manifest allows.
    map_view: the on-device map of the manifest's epoch.
    None where the device has no such thing; the option's own entry in the table says so by name.
    """

    attested: Callable[[Manifest], Any] | None = None
    map_view: Callable[[Manifest], Any] | None = None


HalfFactory = Callable[[Manifest, HalfPorts], DeviceHalf]


class OptionMissing(RefusedError):
    """The service matches media by an option that this device does not have."""

    remedy = "Update the app; pictures are not sent unmatched by mistake. Text goes as ever."


def _split(manifest: Manifest, ports: HalfPorts) -> DeviceHalf:
    from softfall.options.split.device import SplitDevice
    from softfall.options.tags.parameters import TagParameters

    del ports
    parameters = TagParameters.decode(manifest.parameters)
    return SplitDevice(manifest.epoch, manifest.public_key, parameters, manifest.confirm_key)


def _enclave(manifest: Manifest, ports: HalfPorts) -> DeviceHalf:
    from softfall.options.enclave.device import EnclaveDevice
    from softfall.options.enclave.parameters import EnclaveParameters

    attested = ports.attested
    if attested is None:
        raise OptionMissing("this device can't verify an enclave")
    parameters = EnclaveParameters.decode(manifest.parameters)
    return EnclaveDevice(manifest.epoch, parameters, lambda: attested(manifest))


def _homomorphic(manifest: Manifest, ports: HalfPorts) -> DeviceHalf:
    from softfall.options.homomorphic.device import HomomorphicDevice
    from softfall.options.homomorphic.parameters import HomomorphicParameters

    del ports
    parameters = HomomorphicParameters.decode(manifest.parameters)
    return HomomorphicDevice(manifest.epoch, parameters)


def _on_device(manifest: Manifest, ports: HalfPorts) -> DeviceHalf:
    from softfall.options.on_device.device import OnDeviceDevice
    from softfall.options.on_device.parameters import OnDeviceParameters

    map_view = ports.map_view
    if map_view is None:
        raise OptionMissing("this device was made without the on-device list's root")
    parameters = OnDeviceParameters.decode(manifest.parameters)
    return OnDeviceDevice(
        manifest.epoch,
        manifest.public_key,
        parameters,
        manifest.confirm_key,
        lambda: map_view(manifest),
    )


OPTIONS: Mapping[str, HalfFactory] = {
    "enclave": _enclave,
    "homomorphic": _homomorphic,
    "on_device": _on_device,
    "split": _split,
}


def make_half(manifest: Manifest, ports: HalfPorts) -> DeviceHalf:
    """The device's half for one epoch. Raises OptionMissing."""
    if manifest.option not in OPTIONS:
        raise OptionMissing(f"the service's option {manifest.option!r} is not one of this device")
    return OPTIONS[manifest.option](manifest, ports)
