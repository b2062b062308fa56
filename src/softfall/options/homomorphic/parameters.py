"""What an epoch of `homomorphic` is published with: public, signed in its manifest.

Guarantees: the seed of the public elements, the keyholder's key, the mode, and whether entries are
named travel in the manifest that the custodian signs, so nobody between can put a keyholder of
their own there, or have more answered than was published.
Refuses: keys and seeds of another size, as BadHomomorphicParameters.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from softfall.crypto import hpke
from softfall.errors import InputError
from softfall.options.homomorphic import wire
from softfall.wire import MalformedMessage

NAME: Final = "homomorphic"
REPLAY_BUDGET: Final = 8
"""How often one query may be run in its epoch, whoever asks: the keyholder counts."""


class BadHomomorphicParameters(InputError):
    """Parameters that no epoch of `homomorphic` can have."""

    remedy = "Give a 32-byte seed and the keyholder's public key, as `softfall keys show` has it."


class Mode(Enum):
    """How the two parties find the one bit. The value is its number on the wire.

    ONE_BIT: the keyholder learns nothing. PERMUTED: less is dealt, and the keyholder sees the
    distances, in an order of their own; if it also has the list, it can confirm a guessed picture.
    """

    ONE_BIT = 0
    PERMUTED = 1


@dataclass(frozen=True, slots=True)
class HomomorphicParameters:
    """One epoch's parameters.

    public_seed: 32 random bytes, fresh for the epoch. keyholder_key: its 1,216-byte HPKE key.
    names_entry: whether the provider learns, after a match, which entries matched. It costs a bit a
    row, which a provider that cheats can turn into the picture's hash: off unless it is asked for.
    Raises BadHomomorphicParameters.
    """

    public_seed: bytes
    keyholder_key: bytes
    mode: Mode = Mode.ONE_BIT
    names_entry: bool = False

    def __post_init__(self) -> None:
        if len(self.keyholder_key) != hpke.PUBLIC_BYTES:
            raise BadHomomorphicParameters(f"a keyholder's key has {hpke.PUBLIC_BYTES} bytes")
        if len(self.public_seed) != wire.SEED_BYTES:
            raise BadHomomorphicParameters(f"a public seed has {wire.SEED_BYTES} bytes")

    def encode(self) -> bytes:
        """The bytes that the manifest carries."""
        return wire.PARAMETERS.encode(
            {
                "version": wire.VERSION,
                "public_seed": self.public_seed,
                "keyholder_key": self.keyholder_key,
                "mode": self.mode.value,
                "names_entry": int(self.names_entry),
            }
        )

    @classmethod
    def decode(cls, body: bytes) -> "HomomorphicParameters":
        """The parameters that `encode` wrote. Raises MalformedMessage."""
        try:
            values: dict[str, Any] = wire.decode(wire.PARAMETERS, body)
        except MalformedMessage as error:
            raise MalformedMessage(f"the epoch's parameters: {error.what}") from None
        return cls(
            values["public_seed"],
            values["keyholder_key"],
            Mode(values["mode"]),
            bool(values["names_entry"]),
        )
