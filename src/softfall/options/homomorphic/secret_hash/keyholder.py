"""The keyholder's half of the research mode: it takes the noise off what it can't place.

Guarantees: it sees scores under uniform masks, and then in a fresh uniform order; never a query,
a weight or a direction.
Refuses: capsules that do not open as committed, another epoch's messages, another serial's
(MalformedMessage).
Limit, printed: how often each score occurs is a trace of picture and list (as the permuted mode).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from softfall.crypto import columns, shuffling
from softfall.crypto.shuffling import ABSENT, Hiding
from softfall.options.dealt import serial_bytes
from softfall.options.homomorphic.material import DealtKeyholder, PermutedKeyholder
from softfall.options.homomorphic.sealing import opened_seed
from softfall.options.homomorphic.secret_hash import lattice, wire
from softfall.options.homomorphic.secret_hash.lattice import F64Array
from softfall.wire import MalformedMessage, Value


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept between the two questions about one picture; it serves once."""

    serial: int
    half: Hiding = field(repr=False)


class SecretHashKeyholder:
    """One epoch at the keyholder.

    hint: of the epoch's weights, from the custodian. secrets: its HPKE secrets. threshold: the
    cosine from which a score is a match.
    """

    def __init__(
        self, epoch: int, hint: list[F64Array], secrets: Sequence[bytes], threshold: float
    ) -> None:
        self.epoch = epoch
        self._hint = hint
        self._secrets = secrets
        self._level = lattice.level_of(threshold)

    def begin(self, body: bytes, dealt: DealtKeyholder) -> tuple[bytes, Kept]:
        """The `secret_hash_begun` to a `secret_hash_begin`, and what to keep of it.

        Raises MalformedMessage, AlreadySpent.
        """
        values = wire.decode(wire.BEGIN, body)
        if values["epoch"] != self.epoch or values["serial"] != serial_bytes(dealt.serial):
            raise MalformedMessage("the run is of another epoch or serial")
        seed = opened_seed(
            wire.octets(values, "capsule"),
            wire.octets(values, "commitment"),
            self._secrets,
            self.epoch,
        )
        if seed is None:
            raise MalformedMessage("the capsule does not open as committed")
        half = dealt.spend()
        if not isinstance(half, PermutedKeyholder):
            raise MalformedMessage("the material is dealt for another mode")
        hiding = lattice.unmasking(self._hint, seed)
        sent = wire.octets(values, "masked")
        if len(sent) != 2 * len(hiding):
            raise MalformedMessage("masked must be of as many rows as the list has")
        own = half.hiding()
        hidden = shuffling.hidden(lattice.opened(sent, hiding), own)
        head: dict[str, Value] = {"version": wire.VERSION, "serial": serial_bytes(dealt.serial)}
        begun = wire.BEGUN.encode({**head, "values": columns.packed(hidden)})
        return begun, Kept(dealt.serial, own)

    def finish(self, body: bytes, kept: Kept) -> bytes:
        """The `secret_hash_finished` to a `secret_hash_finish`. Raises MalformedMessage."""
        values = wire.decode(wire.FINISH, body)
        if values["serial"] != serial_bytes(kept.serial):
            raise MalformedMessage("what was kept is of another serial")
        levels = self.levels(wire.octets(values, "values"), kept.half)
        head: dict[str, Value] = {"version": wire.VERSION, "serial": serial_bytes(kept.serial)}
        return wire.FINISHED.encode({**head, "match": int((levels >= self._level).any())})

    @staticmethod
    def levels(values: bytes, half: Hiding) -> columns.U16Array:
        """What the keyholder sees: the scores' levels in their new order, absent rows left out."""
        received = columns.unpacked(values, len(half.added))
        levels = shuffling.distances(received, half)
        return np.asarray(levels[levels != ABSENT])
