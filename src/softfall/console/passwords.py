"""Passwords of staff: hashed by Argon2id, checked with the same work whether or not there is one.

Guarantees: a password is kept as Argon2id's encoded hash alone (46 MiB, one pass, a salt of its
own); an unknown name costs the same work as a wrong password; at most `AT_ONCE` are worked on at a
time, so that a flood of log-ins can't take all memory.
Refuses, as `PasswordUnfit`: fewer than 12 characters, more than 1024 bytes, one character repeated,
or the person's own name. No rule on kinds of characters: length is what counts.
Source: RFC 9106; OWASP Password Storage Cheat Sheet; NIST SP 800-63B, 5.1.1.2.
"""

import secrets
import threading
import unicodedata
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type

from softfall.errors import InputError

MIN_CHARACTERS: Final = 12
MAX_BYTES: Final = 1024
AT_ONCE: Final = 4


class PasswordUnfit(InputError):
    """A new password that would be easy to guess, or is too long to be hashed."""

    remedy = "Choose at least 12 characters (a few words together do well), not the name itself."


def owasp() -> PasswordHasher:
    """Argon2id with OWASP's first choice of parameters."""
    return PasswordHasher(time_cost=1, memory_cost=47_104, parallelism=1, type=Type.ID)


class Passwords:
    """Hashing and checking, with the parameters of `hasher`."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or owasp()
        self._room = threading.BoundedSemaphore(AT_ONCE)
        self._decoy = self._hasher.hash(secrets.token_urlsafe(32))

    def hash(self, password: str, name: str) -> str:
        """The encoded hash of a new password of `name`. Raises PasswordUnfit."""
        plain = _normal(password)
        if len(plain) < MIN_CHARACTERS:
            raise PasswordUnfit(f"a password has at least {MIN_CHARACTERS} characters")
        if len(plain.encode("utf-8", "surrogatepass")) > MAX_BYTES:
            raise PasswordUnfit(f"a password has at most {MAX_BYTES} bytes")
        if len(set(plain)) == 1 or plain.lower() == name.lower():
            raise PasswordUnfit("this password would be the first to be tried")
        with self._room:
            return self._hasher.hash(plain.encode("utf-8", "surrogatepass"))

    def fits(self, encoded: str | None, password: str) -> bool:
        """Whether `password` is the one; the same work where there is none to compare with."""
        plain = _normal(password).encode("utf-8", "surrogatepass")
        if len(plain) > MAX_BYTES:
            plain = b""
        with self._room:
            try:
                return self._hasher.verify(encoded or self._decoy, plain) and encoded is not None
            except (VerificationError, InvalidHashError):
                return False

    def outdated(self, encoded: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(encoded)

    def again(self, password: str) -> str:
        """The hash of a password that has just been found to fit, with today's parameters."""
        with self._room:
            return self._hasher.hash(_normal(password).encode("utf-8", "surrogatepass"))


def drawn_password() -> str:
    """A random password of about 100 bits, to be handed over once."""
    return "-".join(secrets.token_hex(2) for _ in range(6))


def _normal(password: str) -> str:
    """The same characters, however the keyboard composed them."""
    return unicodedata.normalize("NFC", password)
