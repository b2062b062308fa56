"""Keys that the provider makes for itself: rotating ones for receipts, one for outage vouchers.

Guarantees: a receipt key stamps for `receipt_key_days` and can be verified for the report window
after; then it is deleted, and what it stamped can no longer be proved. Key numbers are never
used twice.
Limit: the keys lie in the provider's own database; who reads that file can stamp receipts.
"""

import secrets

from sqlalchemy import Connection, delete, insert, select

from softfall.messaging.franking import RECEIPT_KEY_BYTES
from softfall.provider.tables import receipt_keys, service_keys


def stamping_key(tx: Connection, now_ms: int, rotate_after_ms: int) -> tuple[int, bytes]:
    """The number and the 32 bytes of the key that stamps now; a new one if the last is too old."""
    newest = tx.execute(
        select(receipt_keys).order_by(receipt_keys.c.key_id.desc()).limit(1)
    ).first()
    if newest is not None and now_ms - newest.created_at_ms < rotate_after_ms:
        return newest.key_id, newest.key
    key = secrets.token_bytes(RECEIPT_KEY_BYTES)
    made = tx.execute(
        insert(receipt_keys).values(key=key, created_at_ms=now_ms).returning(receipt_keys.c.key_id)
    ).scalar_one()
    return made, key


def verifying_keys(tx: Connection) -> dict[int, bytes]:
    """Every receipt key that is kept, by number."""
    return {row.key_id: row.key for row in tx.execute(select(receipt_keys))}


def forget_receipt_keys(tx: Connection, created_before_ms: int) -> None:
    """Delete keys whose every receipt is out of the report window."""
    tx.execute(delete(receipt_keys).where(receipt_keys.c.created_at_ms < created_before_ms))


def service_key(tx: Connection, name: str) -> bytes:
    """The service's own 32-byte key of this name, made when first asked for."""
    key = tx.execute(select(service_keys.c.key).where(service_keys.c.name == name)).scalar()
    if key is None:
        key = secrets.token_bytes(32)
        tx.execute(insert(service_keys).values(name=name, key=key))
    return key
