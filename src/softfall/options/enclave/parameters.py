"""Which enclaves an epoch allows, and what is sealed to them: public, signed in its manifest.

Guarantees: the pinned roots, the allowed measurements, the cache lifetime and the list's signer
travel in the manifest that the custodian signs, so nobody between can add an enclave of their own.
Refuses: an allow-list that allows nothing, and registers of zeros, which are those of an enclave in
debug mode that its host can read.
Source: AWS, "Nitro Enclaves Attestation Process"; PCR meanings, AWS Nitro Enclaves user guide.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from softfall.errors import InputError
from softfall.options.enclave import wire
from softfall.wire import MalformedMessage, Value

AWS_NITRO_ROOT_G1: Final = bytes.fromhex(
    "641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b"
)
HARDWARE_ROOTS: Final[Mapping[bytes, str]] = {AWS_NITRO_ROOT_G1: "AWS Nitro Enclaves Root-G1"}
DEFAULT_CACHE_LIFETIME_MS: Final = 3600 * 1000


class BadEnclaveParameters(InputError):
    """Parameters that no epoch of `enclave` can have."""

    remedy = "Pin a root and allow at least one measurement, none of zeros; see docs/options.md."


class Policy(Enum):
    """What leaves the device, sealed. The value is its number on the wire."""

    HASH = 0
    LUMINANCE = 1

    @property
    def content_bytes(self) -> int:
        """How many bytes are sealed, for every picture."""
        return {Policy.HASH: wire.HASH_BYTES, Policy.LUMINANCE: wire.PLANE_BYTES}[self]


@dataclass(frozen=True, slots=True)
class Measurement:
    """One allowed enclave: its registers, 48 bytes each. pcr8 None: whoever signed the image."""

    pcr0: bytes
    pcr1: bytes
    pcr2: bytes
    pcr8: bytes | None = None

    @property
    def registers(self) -> dict[int, bytes]:
        """The registers that must be equal, by their index."""
        named = {0: self.pcr0, 1: self.pcr1, 2: self.pcr2, 8: self.pcr8}
        return {index: value for index, value in named.items() if value is not None}


@dataclass(frozen=True, slots=True)
class TdxMeasurement:
    """One allowed TDX guest: MRTD and the four run-time registers, 48 bytes each."""

    mrtd: bytes
    rtmrs: tuple[bytes, bytes, bytes, bytes]


@dataclass(frozen=True, slots=True)
class TdxPolicy:
    """statuses: the TCB statuses good enough, as Intel names them ("UpToDate", ...)."""

    statuses: tuple[str, ...]
    measurements: tuple[TdxMeasurement, ...]


@dataclass(frozen=True, slots=True)
class EnclaveParameters:
    """One epoch's parameters.

    list_signer: the custodian's 32-byte Ed25519 identity key. roots: SHA-256 of certificates in
    DER. cache_lifetime_ms: how long after it was made a document may be used.
    Raises BadEnclaveParameters.
    """

    list_signer: bytes
    roots: tuple[bytes, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    policy: Policy = Policy.HASH
    cache_lifetime_ms: int = DEFAULT_CACHE_LIFETIME_MS
    tdx: TdxPolicy | None = None

    def __post_init__(self) -> None:
        registers = [pcr for m in self.measurements for pcr in m.registers.values()]
        guests = self.tdx.measurements if self.tdx else ()
        limits = (
            (bool(self.roots) == bool(self.measurements), "roots and measurements go together"),
            (bool(self.roots) or self.tdx is not None, "at least one enclave must be allowed"),
            (all(map(any, registers)), "a register of zeros is that of a debug enclave"),
            (all(any(guest.mrtd) for guest in guests), "an MRTD of zeros is no measurement"),
            (self.cache_lifetime_ms > 0, "a document must be usable for some time"),
        )
        for holds, rule in limits:
            if not holds:
                raise BadEnclaveParameters(rule)
        try:
            self.encode()
        except MalformedMessage as error:
            raise BadEnclaveParameters(error.what) from None

    def encode(self) -> bytes:
        """The bytes that the manifest carries."""
        return wire.PARAMETERS.encode(
            {
                "version": wire.VERSION,
                "policy": self.policy.value,
                "roots": list(self.roots),
                "measurements": [_measurement_values(m) for m in self.measurements],
                "cache_lifetime_ms": self.cache_lifetime_ms,
                "list_signer": self.list_signer,
                "tdx": None if self.tdx is None else _tdx_values(self.tdx),
            }
        )

    @classmethod
    def decode(cls, body: bytes) -> "EnclaveParameters":
        """The parameters that `encode` wrote. Raises MalformedMessage or BadEnclaveParameters."""
        values: dict[str, Any] = wire.decode(wire.PARAMETERS, body)
        return cls(
            list_signer=values["list_signer"],
            roots=tuple(values["roots"]),
            measurements=tuple(Measurement(**m) for m in values["measurements"]),
            policy=Policy(values["policy"]),
            cache_lifetime_ms=values["cache_lifetime_ms"],
            tdx=None if values["tdx"] is None else _tdx(values["tdx"]),
        )


def _measurement_values(measurement: Measurement) -> dict[str, Value]:
    return {name: getattr(measurement, name) for name in Measurement.__dataclass_fields__}


def _tdx_values(tdx: TdxPolicy) -> dict[str, Value]:
    guests: list[Value] = [
        {"mrtd": guest.mrtd, **{f"rtmr{i}": rtmr for i, rtmr in enumerate(guest.rtmrs)}}
        for guest in tdx.measurements
    ]
    return {"statuses": list(tdx.statuses), "measurements": guests}


def _tdx(values: dict[str, Any]) -> TdxPolicy:
    guests = tuple(
        TdxMeasurement(m["mrtd"], (m["rtmr0"], m["rtmr1"], m["rtmr2"], m["rtmr3"]))
        for m in values["measurements"]
    )
    return TdxPolicy(tuple(values["statuses"]), guests)
