"""`Cells` in a dictionary, and accounts that have met."""

from collections.abc import Iterable

from softfall.messaging.identity import Identity
from softfall.messaging.session.cells import KeyPart
from softfall.messaging.session.olm import Olm


class Drawers:
    """The port, with nothing behind it."""

    pickle_key = bytes(32)

    def __init__(self) -> None:
        self.kept: dict[tuple[str, tuple[KeyPart, ...]], bytes] = {}

    def get(self, drawer: str, *key: KeyPart) -> bytes | None:
        return self.kept.get((drawer, key))

    def put(self, drawer: str, *key: KeyPart, value: bytes) -> None:
        self.kept[drawer, key] = value

    def delete(self, drawer: str, *key: KeyPart) -> None:
        self.kept.pop((drawer, key), None)

    def items(self, drawer: str) -> Iterable[tuple[tuple[KeyPart, ...], bytes]]:
        return [(key, value) for (where, key), value in self.kept.items() if where == drawer]


def person(name: str) -> Olm:
    olm = Olm(Drawers(), name)
    olm.create()
    return olm


def introduce(sender: Olm, recipient: Olm) -> Identity:
    """A session from sender to recipient; the sender's identity, as the recipient pins it."""
    (key,) = recipient.make_one_time_keys(1)
    sender.open_session(recipient.identity, key.key)
    return sender.identity
