"""The list on its way into the enclave: committed to in public, sealed to one attested key.

Guarantees: what the signed manifest names (through the commitment's digest) is the list that the
enclave opens, to the last bit; the digest is salted, so that it confirms nobody's guess of a list.
Refuses: `opened_list` gives None for anything else.
Leaves to others: whether the key is an enclave's (`attestation`), and whose manifest it is.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

from softfall.crypto import hpke
from softfall.lists.manifest import Manifest
from softfall.options.enclave import wire
from softfall.wire import MalformedMessage, Value

_LIST: Final = b"softfall enclave list v1|"
_SEAL: Final = b"softfall enclave list seal v1|"


def commitment(epoch: int, salt: bytes, rows: bytes) -> bytes:
    """The public `enclave_list_commitment` to 32-byte rows. salt: 32 secret bytes."""
    return wire.LIST_COMMITMENT.encode(
        {
            "version": wire.VERSION,
            "epoch": epoch,
            "entries": len(rows) // wire.HASH_BYTES,
            "digest": _digest(epoch, salt + rows),
        }
    )


def sealed_list(epoch: int, salt: bytes, rows: bytes, manifest: bytes, public_key: bytes) -> bytes:
    """The `enclave_list` for one attested key. Raises BadSealKey."""
    return wire.LIST_SEALED.encode(
        {
            "version": wire.VERSION,
            "manifest": manifest,
            "commitment": commitment(epoch, salt, rows),
            "sealed": hpke.seal(salt + rows, public_key, _info(epoch)),
        }
    )


def opened_list(values: Mapping[str, Value], manifest: Manifest, secret: bytes) -> bytes | None:
    """The rows of an `enclave_list` whose manifest is verified; None if they do not fit it."""
    told = wire.octets(values, "commitment")
    try:
        said = wire.decode(wire.LIST_COMMITMENT, told)
        text = hpke.unseal(wire.octets(values, "sealed"), secret, _info(manifest.epoch))
    except (MalformedMessage, hpke.NotSealedToThis):
        return None
    rows = text[wire.SALT_BYTES :]
    fits = (
        hmac.compare_digest(hashlib.sha256(told).digest(), manifest.artefact_sha256),
        hmac.compare_digest(wire.octets(said, "digest"), _digest(manifest.epoch, text)),
        said["epoch"] == manifest.epoch,
        said["entries"] == manifest.entries == len(rows) // wire.HASH_BYTES,
        len(text) == wire.SALT_BYTES + manifest.entries * wire.HASH_BYTES,
    )
    return rows if all(fits) else None


def _digest(epoch: int, text: bytes) -> bytes:
    return hashlib.sha256(_LIST + str(epoch).encode() + b"|" + text).digest()


def _info(epoch: int) -> bytes:
    return _SEAL + str(epoch).encode()
