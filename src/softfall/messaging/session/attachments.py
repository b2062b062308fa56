"""One encrypted file: AES-256-GCM under a key of its own, bound to that key and to its content.

Guarantees: a file opens to the plaintext whose SHA-256 the sender committed to, under the key
committed to, or not at all. The file itself begins with the commitment to its key.
Refuses: `AttachmentTampered`, whichever of the four checks fails; no plaintext comes out.
Why: AES-GCM does not commit to its key; a published attack shows one file that opens as two
pictures (Dodis, Grubbs, Ristenpart, Woodage 2018). A report could then show another picture than
the recipient saw.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from softfall.errors import PeerError
from softfall.messaging.envelope import ATTACHMENT
from softfall.messaging.franking import key_commitment
from softfall.wire import Value

KEY_BYTES = 32
NONCE_BYTES = 12
_LABEL = b"softfall attachment v1"
_COMMITMENT_BYTES = 32


class AttachmentTampered(PeerError):
    """The encrypted file is not the one that the sender's message describes."""

    remedy = "Show nothing of it; the file, its key or its description was changed."


@dataclass(frozen=True, slots=True)
class SealedAttachment:
    """values: the fields of an `attachment` message (secret). body: what is uploaded."""

    values: dict[str, Value] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def ciphertext_sha256(self) -> bytes:
        """Which file to fetch."""
        return hashlib.sha256(self.body).digest()


def seal(plaintext: bytes, mime: str, key: bytes, nonce: bytes) -> SealedAttachment:
    """Encrypt one file. key: 32 fresh random bytes; nonce: 12; both used once."""
    commitment = key_commitment(key)
    body = commitment + AESGCM(key).encrypt(nonce, plaintext, _LABEL + commitment)
    values: dict[str, Value] = {
        "key": key,
        "nonce": nonce,
        "plaintext_sha256": hashlib.sha256(plaintext).digest(),
        "ciphertext_sha256": hashlib.sha256(body).digest(),
        "key_commitment": commitment,
        "size_bytes": len(plaintext),
        "mime": mime,
    }
    return SealedAttachment(ATTACHMENT.accept(values, ATTACHMENT.name), body)


def unseal(values: Mapping[str, Value], body: bytes) -> bytes:
    """The plaintext of a fetched file, every check passed. Raises AttachmentTampered."""
    facts: dict[str, Any] = dict(values)
    commitment = key_commitment(facts["key"])
    checks = (
        (hashlib.sha256(body).digest(), facts["ciphertext_sha256"], "it is another file"),
        (commitment, facts["key_commitment"], "its key is not the one committed to"),
        (commitment, body[:_COMMITMENT_BYTES], "it was not made for this key"),
    )
    for found, told, reason in checks:
        if not hmac.compare_digest(found, told):
            raise AttachmentTampered(f"the attachment was refused: {reason}")
    try:
        plaintext = AESGCM(facts["key"]).decrypt(
            facts["nonce"], body[_COMMITMENT_BYTES:], _LABEL + commitment
        )
    except InvalidTag:
        raise AttachmentTampered("the attachment was refused: it was altered") from None
    digest = hashlib.sha256(plaintext).digest()
    if len(plaintext) != facts["size_bytes"] or not hmac.compare_digest(
        digest, facts["plaintext_sha256"]
    ):
        raise AttachmentTampered("the attachment was refused: it opens as something else")
    return plaintext
