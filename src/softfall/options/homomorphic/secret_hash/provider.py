"""The provider's half of the research mode: it scores what it can't read by a hash nobody knows.

Guarantees: the provider sees uniform values, and at the end one bit a picture.
Refuses: malformed queries and answers, and another epoch's (MalformedMessage, MalformedPlane).
Limits: as `homomorphic`'s permuted mode; it holds the secret directions' weights of each entry.
"""

from softfall.crypto import columns, shuffling
from softfall.crypto.shuffling import Shuffling
from softfall.options.dealt import serial_bytes
from softfall.options.homomorphic.material import DealtProvider, PermutedProvider
from softfall.options.homomorphic.secret_hash import lattice, wire
from softfall.options.homomorphic.secret_hash.projection import I8Array
from softfall.wire import MalformedMessage, Value


class SecretHashProvider:
    """One epoch at the provider. weights: (n, 4096) int8, from the custodian, n of 16s."""

    def __init__(self, epoch: int, weights: I8Array) -> None:
        self.epoch = epoch
        self.rows = len(weights)
        self._prepared = lattice.prepare(weights)

    def run(self, query: bytes, dealt: DealtProvider) -> "Run":
        """Score one `secret_hash_query`. Raises MalformedMessage, MalformedPlane, AlreadySpent."""
        values = wire.decode(wire.QUERY, query)
        if values["epoch"] != self.epoch:
            raise MalformedMessage("the query is of another epoch")
        half = dealt.spend()
        if not isinstance(half, PermutedProvider):
            raise MalformedMessage("the material is dealt for another mode")
        asked = lattice.read_query(wire.octets(values, "query"))
        masks = half.masks(self.rows)
        begin = wire.BEGIN.encode(
            {
                "version": wire.VERSION,
                "epoch": self.epoch,
                "serial": serial_bytes(dealt.serial),
                "capsule": values["capsule"],
                "commitment": values["commitment"],
                "masked": lattice.masked(lattice.products(self._prepared, asked), masks),
            }
        )
        return Run(begin, dealt.serial, masks, half.shuffling())


class Run:
    """One picture's run. begin: `secret_hash_begin`, for the keyholder."""

    def __init__(self, begin: bytes, serial: int, masks: columns.U16Array, half: Shuffling) -> None:
        self.begin = begin
        self._serial = serial
        self._masks = masks
        self._half = half

    def go_on(self, begun: bytes) -> bytes:
        """The `secret_hash_finish` that follows the keyholder's first answer. MalformedMessage."""
        values = wire.decode(wire.BEGUN, begun)
        self._require_own(values["serial"])
        capacity = len(self._half.order)
        received = columns.unpacked(wire.octets(values, "values"), capacity)
        moved = shuffling.shuffled(received, self._masks, self._half)
        head: dict[str, Value] = {"version": wire.VERSION, "serial": serial_bytes(self._serial)}
        return wire.FINISH.encode({**head, "values": columns.packed(moved)})

    def matched(self, finished: bytes) -> bool:
        """The bit. Raises MalformedMessage."""
        values = wire.decode(wire.FINISHED, finished)
        self._require_own(values["serial"])
        return values["match"] == 1

    def _require_own(self, serial: object) -> None:
        if serial != serial_bytes(self._serial):
            raise MalformedMessage("the answer is of another serial")
