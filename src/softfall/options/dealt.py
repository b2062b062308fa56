"""What every option that uses dealt randomness shares: serials, seeds, and serving once.

Guarantees: `Once.spend` hands its value out once, whichever thread asks, and refuses ever after, as
AlreadySpent; what holds it can be neither copied nor pickled, so nobody spends a twin.
`stream_key` yields an independent key for each purpose, serial and seed, so that no two columns of
dealt material, of one serial or of two, ever come from the same stream.
Refuses: a serial out of range (MalformedMessage).
Leaves to others: erasing a serial from the store that it came from, on disk, before it is used.
Why: a mask that is used twice gives away the difference of what it hid.

`confirm` and `homomorphic` deal alike and threshold differently. `confirm` looks at one distance:
a whole truth table of 512 bits costs it 64 bytes, and no second round trip. `homomorphic` looks at
a million: there the table is split into its lower and upper part (`crypto/comparing`), six bytes a
row for one more round trip.
"""

import hashlib
from collections.abc import Iterator
from typing import Final, Generic, NoReturn, TypeVar

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from softfall.errors import RefusedError
from softfall.wire import MalformedMessage

SERIAL_BYTES: Final = 8
MAX_SERIAL: Final = 2**63 - 1
SEED_BYTES: Final = 32

_ZEROS: Final = bytes(1 << 16)

T = TypeVar("T")


class AlreadySpent(RefusedError):
    """Material that serves once was to be used a second time."""

    remedy = "Begin again with fresh material from the dealer; a serial is never used twice."


class Once(Generic[T]):
    """A value that can be taken out once. Taking is atomic; copying and pickling are refused."""

    __slots__ = ("_held", "serial")

    def __init__(self, serial: int, value: T) -> None:
        self.serial = serial
        self._held = [value]

    def spend(self) -> T:
        """The value, the first time. Raises AlreadySpent."""
        try:
            return self._held.pop()
        except IndexError:
            raise AlreadySpent(f"serial {self.serial} is spent") from None

    def __reduce__(self) -> NoReturn:
        raise TypeError("what serves once has no copies")


class Stream:
    """Pseudorandom bytes of one key, in order. Source: AES-256 in counter mode, NIST SP 800-38A."""

    def __init__(self, key: bytes) -> None:
        """key: 32 bytes, from `stream_key`, used for one stream alone."""
        self._encryptor = Cipher(algorithms.AES256(key), modes.CTR(bytes(16))).encryptor()

    def fill(self, target: memoryview) -> None:
        """The next bytes, into all of a writable, contiguous view of bytes."""
        for start, stop in _steps(len(target)):
            self._encryptor.update_into(_ZEROS[: stop - start], target[start:stop])


def stream_key(purpose: bytes, serial: int, seed: bytes) -> bytes:
    """32 bytes: the key of one stream. purpose: a label that no other stream of the seed has.

    Raises MalformedMessage for a serial out of range.
    """
    about = b"softfall dealt stream v1|" + serial_bytes(serial) + seed
    return hashlib.sha256(about + b"|" + purpose).digest()


def serial_bytes(number: int) -> bytes:
    """A serial as it travels. Raises MalformedMessage unless it is 0 to 2^63 - 1."""
    if not 0 <= number <= MAX_SERIAL:
        raise MalformedMessage("a serial must be 0 to 2^63 - 1")
    return number.to_bytes(SERIAL_BYTES, "big")


def serial_of(octets: bytes) -> int:
    """A serial as it came, of 8 bytes. Raises MalformedMessage above 2^63 - 1."""
    number = int.from_bytes(octets, "big")
    if number > MAX_SERIAL:
        raise MalformedMessage(f"serial must be at most {MAX_SERIAL}")
    return number


def _steps(size_bytes: int) -> Iterator[tuple[int, int]]:
    for start in range(0, size_bytes, len(_ZEROS)):
        yield start, min(start + len(_ZEROS), size_bytes)
