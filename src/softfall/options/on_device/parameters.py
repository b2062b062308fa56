"""How an epoch of `on_device` is cut up and packed; every party reads the same signed bytes.

Guarantees: parameters are public, fixed for an epoch, and travel in its signed manifest.
Refuses: numbers that no map can have, as BadMapParameters.
Source: docs/experiments/on-device.md has the figures behind the default.
"""

from dataclasses import dataclass, replace
from typing import Final

from softfall.errors import InputError
from softfall.options.on_device import wire
from softfall.options.on_device.static_function import MAX_VALUE_BITS
from softfall.options.tags.parameters import DEFAULT_SEED, TagParameters, low_frequency_positions
from softfall.options.tags.wire import decode, number, octets


class BadMapParameters(InputError):
    """Parameters that no map can have."""

    remedy = "Keep 1 to 28 code bits, at most 16 check bits, 32 together, and 1 to 16 slots."


@dataclass(frozen=True, slots=True)
class OnDeviceParameters:
    """One epoch's parameters.

    tags: pieces, probes, and how many tables must name an entry. code_bits: an entry number below
    2^code_bits. check_bits: zeros behind it. slots: entries that one table finds for one piece;
    further ones (the higher numbers) are found by their other tables alone. lag_versions: how many
    versions the map of an honest sender may be behind its recipient's. Raises BadMapParameters.
    """

    tags: TagParameters
    code_bits: int
    check_bits: int
    slots: int
    lag_versions: int

    def __post_init__(self) -> None:
        limits = (
            (1 <= self.code_bits <= 28, "an entry number must have 1 to 28 bits"),
            (0 <= self.check_bits <= wire.MAX_CHECK_BITS, "there may be at most 16 check bits"),
            (self.value_bits <= MAX_VALUE_BITS, "a value must have at most 32 bits"),
            (1 <= self.slots <= wire.MAX_SLOTS, "a piece must have 1 to 16 slots"),
            (0 <= self.lag_versions <= 2**16, "a sender may be at most 65536 versions behind"),
        )
        for holds, rule in limits:
            if not holds:
                raise BadMapParameters(rule)

    @property
    def value_bits(self) -> int:
        """Bits of a value in the map."""
        return self.code_bits + self.check_bits

    def with_room_for(self, highest_number: int) -> "OnDeviceParameters":
        """The same with the fewest code bits, at least as many as now, that name this entry too."""
        return replace(self, code_bits=max(self.code_bits, highest_number.bit_length()))

    def encode(self) -> bytes:
        """The bytes that the manifest and each segment carry."""
        return wire.PARAMETERS.encode(
            {
                "version": wire.VERSION,
                "tags": self.tags.encode(),
                "code_bits": self.code_bits,
                "check_bits": self.check_bits,
                "slots": self.slots,
                "lag_versions": self.lag_versions,
            }
        )

    @classmethod
    def decode(cls, body: bytes) -> "OnDeviceParameters":
        """What `encode` wrote. Raises MalformedMessage, BadParameters or BadMapParameters."""
        values = decode(wire.PARAMETERS, body)
        names = ("code_bits", "check_bits", "slots", "lag_versions")
        tags = TagParameters.decode(octets(values, "tags"))
        return cls(tags, *(number(values, name) for name in names))


DEFAULT_PARAMETERS: Final = OnDeviceParameters(
    tags=TagParameters(
        k_bits=25,
        probes=16,
        hits=2,
        positions=low_frequency_positions(DEFAULT_SEED, tables=4, k_bits=25),
    ),
    code_bits=20,
    check_bits=2,
    slots=2,
    lag_versions=14,
)
