"""Outage vouchers: proof, in a device's hands, that the provider could not reach the custodian.

Guarantees: a voucher is good for one envelope of the account it was given to, for a few minutes.
Without one nobody can claim an outage to send media unmatched.
Refuses: forged, foreign, old and used vouchers, as `VoucherRefused`.
Limit: whoever can cause an outage (or spend the custodian's quota) gets vouchers; what they are
worth is `custodian_outage_rule`.
"""

import hashlib
import hmac
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from softfall.errors import RefusedError
from softfall.messaging.envelope import DIGEST, MILLISECONDS
from softfall.provider.tables import vouchers_used
from softfall.wire import Bytes, Field, MalformedMessage, Message, Party

LIFETIME_MS = 10 * 60 * 1000
NONCE_BYTES = 16

VOUCHER = Message(
    "voucher",
    Party.DEVICE,
    (
        Field("nonce", Bytes(NONCE_BYTES, NONCE_BYTES), "makes the voucher good for one envelope"),
        Field("issued_at_ms", MILLISECONDS, "the provider's clock"),
        Field("mac", DIGEST, "HMAC-SHA256 over the account, the nonce and the time"),
    ),
    max_bytes=80,
)


class VoucherRefused(RefusedError):
    """The outage voucher is not good for this envelope."""

    remedy = "Ask the custodian's question again; the answer is tags, or a fresh voucher."


def issue(key: bytes, account: str, nonce: bytes, now_ms: int) -> bytes:
    """A voucher for one account. key: 32 bytes; nonce: 16 fresh random bytes."""
    mac = _mac(key, account, nonce, now_ms)
    return VOUCHER.encode({"nonce": nonce, "issued_at_ms": now_ms, "mac": mac})


def verify(key: bytes, account: str, voucher: bytes, now_ms: int) -> bytes:
    """The nonce of a good voucher; whether it was used is `spend`'s to say.

    Raises VoucherRefused.
    """
    try:
        values: dict[str, Any] = VOUCHER.decode(voucher)
    except MalformedMessage:
        raise VoucherRefused("the outage voucher is not one") from None
    nonce, issued_at_ms = values["nonce"], values["issued_at_ms"]
    if not hmac.compare_digest(values["mac"], _mac(key, account, nonce, issued_at_ms)):
        raise VoucherRefused("the outage voucher is forged, or another account's")
    if not 0 <= now_ms - issued_at_ms <= LIFETIME_MS:
        raise VoucherRefused("the outage voucher is too old")
    return bytes(nonce)


def spend(tx: Connection, nonce: bytes, now_ms: int) -> None:
    """Use a voucher up, in the transaction that accepts its envelope. Raises VoucherRefused."""
    used = tx.execute(select(vouchers_used.c.nonce).where(vouchers_used.c.nonce == nonce)).first()
    if used is not None:
        raise VoucherRefused("the outage voucher was used for another envelope")
    tx.execute(insert(vouchers_used).values(nonce=nonce, used_at_ms=now_ms))


def forget(tx: Connection, now_ms: int) -> None:
    """Delete the record of vouchers that are too old to be shown again."""
    tx.execute(delete(vouchers_used).where(vouchers_used.c.used_at_ms < now_ms - LIFETIME_MS))


def _mac(key: bytes, account: str, nonce: bytes, issued_at_ms: int) -> bytes:
    head = b"softfall outage voucher v1|" + issued_at_ms.to_bytes(8, "big") + nonce
    return hmac.digest(key, head + account.encode(), hashlib.sha256)
