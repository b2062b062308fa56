"""Where ratchet state rests between two messages: named drawers of bytes, changed all or nothing.

The port between the ratchets (this folder) and whoever keeps their state (a device's encrypted
store; a dict in tests). The ratchets read a state, advance it, and put it back only once they
succeeded, so that a refused message changes nothing. The keeper's transaction makes it last.
"""

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from softfall.errors import OperatorError

_T = TypeVar("_T")
KeyPart = str | bytes


class StateDamaged(OperatorError):
    """The device's stored state was altered or cut short."""

    remedy = "Put back a backup of the whole folder, or set the device up anew."


class Cells(Protocol):
    """Drawers of (key -> bytes). A key is a tuple of texts and byte strings."""

    @property
    def pickle_key(self) -> bytes:
        """32 bytes under which ratchets are pickled."""

    def get(self, drawer: str, *key: KeyPart) -> bytes | None:
        """The value, or None where there is none."""

    def put(self, drawer: str, *key: KeyPart, value: bytes) -> None:
        """Set the value; a new key goes behind all others of its drawer."""

    def delete(self, drawer: str, *key: KeyPart) -> None:
        """Remove the key; nothing happens where there is none."""

    def items(self, drawer: str) -> Iterable[tuple[tuple[KeyPart, ...], bytes]]:
        """Every (key, value) of the drawer, oldest key first."""


def unpickle(restore: Callable[[str, bytes], _T], pickled: bytes, cells: Cells) -> _T:
    """A ratchet from its pickle. Raises StateDamaged."""
    try:
        return restore(pickled.decode(), cells.pickle_key)
    except ValueError:  # every vodozemac error is one, and UnicodeDecodeError too
        raise StateDamaged("a stored ratchet can't be read") from None
