"""The sealed body: made alike by sender and recipient, opened by the enclave alone.

Guarantees: key, commitment and body are functions of (content, scan secret, policy): the recipient
recomputes them. HPKE, which is randomised, carries only the 32-byte key. The commitment is an HMAC
under that very key over epoch, policy and body, so a body opens under one key and as one content:
two keys that fit one commitment would be a collision of SHA-256. Under one policy all bodies have
one size, with or without a hash.
Refuses: `opened` gives None for a key or a body that the commitment is not for.
Source: encrypt, then HMAC with a key-committing tag: "Message Franking via Committing
Authenticated Encryption", Grubbs, Lu, Ristenpart 2017, section 5; "How to Abuse and Fix
Authenticated Encryption Without Key Commitment", Albertini et al. 2022. AES-GCM, which commits to
nothing, is used for neither. AES-256-CTR (NIST SP 800-38A) from a zero counter: a key serves once,
because it derives from the attachment's key and from the content itself.
"""

import hmac
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CTR

from softfall.crypto import hpke
from softfall.options.contract import ScanSecret, Submission
from softfall.options.enclave import wire
from softfall.options.enclave.parameters import Policy
from softfall.wire import Value

NAME: Final = "enclave"

_STAND_IN: Final = b"softfall enclave stand-in v1"
_BODY_KEY: Final = b"softfall enclave body key v1"
_CIPHER: Final = b"softfall enclave cipher v1"
_COMMITMENT: Final = b"softfall enclave commitment v1|"
_CAPSULE: Final = b"softfall enclave capsule v1|"


@dataclass(frozen=True, slots=True)
class Body:
    """What is sealed of one picture: the key, and what it makes."""

    key: bytes = field(repr=False)
    commitment: bytes
    body: bytes


def make_body(content: bytes | None, secret: ScanSecret, policy: Policy) -> Body:
    """The body of a picture's content, or of a stand-in (None) that matches nothing."""
    scan_key = secret.key(_STAND_IN if content is None else content)
    key = hmac.digest(scan_key, _BODY_KEY, "sha256")
    text = _stand_in(scan_key, policy) if content is None else content
    body = _cipher(key, text)
    return Body(key, _commitment(key, body, secret.epoch, policy), body)


def opened(key: bytes, commitment: bytes, body: bytes, epoch: int, policy: Policy) -> bytes | None:
    """The content, or None where key, body and commitment do not belong together."""
    if not hmac.compare_digest(_commitment(key, body, epoch, policy), commitment):
        return None
    return _cipher(key, body)


def submission(made: Body, capsule: bytes, key_digest: bytes, epoch: int) -> Submission:
    """The submission, byte for byte; sender and recipient make the same."""
    values: dict[str, Value] = {
        "version": wire.VERSION,
        "key_digest": key_digest,
        "capsule": capsule,
        "commitment": made.commitment,
        "body": made.body,
    }
    return Submission(NAME, epoch, wire.SEALED.encode(values))


def make_capsule(key: bytes, public_key: bytes, epoch: int, policy: Policy) -> bytes:
    """A body's key, sealed to an enclave; different each time (HPKE is randomised)."""
    return hpke.seal(key, public_key, _capsule_info(epoch, policy))


def open_capsule(capsule: bytes, secret: bytes, epoch: int, policy: Policy) -> bytes:
    """The key in a capsule. Raises NotSealedToThis."""
    key = hpke.unseal(capsule, secret, _capsule_info(epoch, policy))
    if len(key) != wire.KEY_BYTES:
        raise hpke.NotSealedToThis("what opens is no key")
    return key


def _capsule_info(epoch: int, policy: Policy) -> bytes:
    return _CAPSULE + f"{epoch}|{policy.value}".encode()


def _commitment(key: bytes, body: bytes, epoch: int, policy: Policy) -> bytes:
    head = _COMMITMENT + f"{epoch}|{policy.value}|".encode()
    return hmac.digest(key, head + body, "sha256")


def _cipher(key: bytes, text: bytes) -> bytes:
    """AES-256-CTR under a key of its own; it is its own inverse."""
    encryptor = Cipher(AES256(hmac.digest(key, _CIPHER, "sha256")), CTR(bytes(16))).encryptor()
    return encryptor.update(text) + encryptor.finalize()


def _stand_in(scan_key: bytes, policy: Policy) -> bytes:
    """Pseudorandom bits, which lie within 31 of no entry; or a black plane, which has no hash."""
    if policy is Policy.HASH:
        return hmac.digest(scan_key, _STAND_IN, "sha256")
    return bytes(policy.content_bytes)
