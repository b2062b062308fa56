"""The key directory: each account's signed one-time keys, and a fallback for when they run out.

Guarantees: a one-time key is given out once, however many ask at the same time and whatever is
killed: it is marked in the transaction that claims it, and stays known, so that a device which
missed an answer and publishes it again does not put it back. Every key given out carries its
owner's signature, so the directory can withhold keys but not invent them.
Refuses: keys not signed by their owner, another key under an id in use, more than `MAX_KEYS`.
Limit: the fallback key is given out again and again; forward secrecy of first messages suffers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, select, update

from softfall.errors import InputError, RefusedError, UnavailableError
from softfall.messaging.identity import Identity, SignedKey, verify_one_time_key
from softfall.provider.accounts import Account, find, identity_of
from softfall.provider.tables import fallback_keys, one_time_keys
from softfall.store.transactions import Database

MAX_KEYS = 100


class UnknownAccount(InputError):
    """No account has this name."""

    remedy = "Check the name; the account must register before it can be written to."


class NoKeysLeft(UnavailableError):
    """The account has no key left to start a session with."""

    remedy = "Try again once the other device has been online and has published keys."


class KeyIdReused(RefusedError):
    """Another key is published under this id already."""

    remedy = "Publish each one-time key under an id of its own."


class TooManyKeys(RefusedError):
    """The account has as many one-time keys published as it may have."""

    remedy = f"Publish no more than {MAX_KEYS} at a time; GET /v1/keys/count tells how many."


@dataclass(frozen=True, slots=True)
class Claimed:
    """What is needed to start a session: identity, its signature, and one signed key."""

    identity: Identity
    signature: str
    one_time_key: SignedKey


def publish(
    db: Database, owner: Account, keys: Sequence[SignedKey], fallback: SignedKey | None
) -> int:
    """Add one-time keys and set the fallback key; the number now published.

    Publishing the same key again is harmless. All or nothing.
    Raises KeySignatureBroken, KeyIdReused, TooManyKeys.
    """
    with db.read() as tx:
        identity, _ = identity_of(tx, owner)
    for key in [*keys, *([fallback] if fallback else [])]:
        verify_one_time_key(identity, key)
    with db.write() as tx:
        for key in keys:
            _add(tx, owner, key)
        if fallback is not None:
            tx.execute(delete(fallback_keys).where(fallback_keys.c.account == owner.row))
            tx.execute(insert(fallback_keys).values(account=owner.row, **_columns(fallback)))
        published = _count(tx, owner)
        if published > MAX_KEYS:
            raise TooManyKeys(f"at most {MAX_KEYS} one-time keys may be published")
    return published


def count(db: Database, owner: Account) -> int:
    """How many one-time keys of an account have not been claimed."""
    with db.read() as tx:
        return _count(tx, owner)


def claim(db: Database, name: str, now_ms: int) -> Claimed:
    """Take one one-time key of an account, oldest first, or its fallback key.

    Raises UnknownAccount, NoKeysLeft.
    """
    with db.write() as tx:
        account = find(tx, name)
        if account is None:
            raise UnknownAccount("no account has this name")
        key = _take(tx, account, now_ms)
        if key is None:
            raise NoKeysLeft("this account has no keys left")
        identity, signature = identity_of(tx, account)
    return Claimed(identity, signature, key)


def look_up(db: Database, name: str) -> tuple[Identity, str]:
    """An account's public identity and its own signature over it. Raises UnknownAccount."""
    with db.read() as tx:
        account = find(tx, name)
        if account is None:
            raise UnknownAccount("no account has this name")
        return identity_of(tx, account)


def _add(tx: Connection, owner: Account, key: SignedKey) -> None:
    known = tx.execute(
        select(one_time_keys.c.key).where(
            one_time_keys.c.account == owner.row, one_time_keys.c.key_id == key.key_id
        )
    ).scalar()
    if known is None:
        tx.execute(insert(one_time_keys).values(account=owner.row, **_columns(key)))
    elif known != key.key:
        raise KeyIdReused("another key is published under one of these ids")


def _take(tx: Connection, account: Account, now_ms: int) -> SignedKey | None:
    oldest = select(func.min(one_time_keys.c.row)).where(_left(account)).scalar_subquery()
    found = tx.execute(
        update(one_time_keys)
        .where(one_time_keys.c.row == oldest)
        .values(claimed_at_ms=now_ms)
        .returning(one_time_keys.c.key_id, one_time_keys.c.key, one_time_keys.c.signature)
    ).first()
    if found is None:
        found = tx.execute(
            select(fallback_keys.c.key_id, fallback_keys.c.key, fallback_keys.c.signature).where(
                fallback_keys.c.account == account.row
            )
        ).first()
    return None if found is None else SignedKey(found.key_id, found.key, found.signature)


def _count(tx: Connection, owner: Account) -> int:
    counted = tx.execute(select(func.count()).where(_left(owner))).scalar_one()
    return int(counted)


def _left(owner: Account) -> ColumnElement[bool]:
    return and_(one_time_keys.c.account == owner.row, one_time_keys.c.claimed_at_ms.is_(None))


def _columns(key: SignedKey) -> dict[str, str]:
    return {"key_id": key.key_id, "key": key.key, "signature": key.signature}
