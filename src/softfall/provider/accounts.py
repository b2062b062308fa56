"""Accounts: a name, two public identity keys signed by their owner, and a token's digest.

Guarantees: a name belongs to the first who registers it; of the token only the SHA-256 is kept; an
account's keys never change. A device that chose its own token may ask again: the same keys and the
same token are the same answer, so an answer lost on the way locks nobody out.
Refuses: keys whose signature does not verify, a taken name, a name that could be read as more than
one field of what is signed.
What a device signs is in messaging/identity.py, which both sides share.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass

from sqlalchemy import Connection, insert, or_, select

from softfall.errors import InputError, RefusedError
from softfall.messaging.identity import Identity, verify_identity
from softfall.provider.tables import accounts
from softfall.store.transactions import Database

TOKEN_BYTES = 32

# No "|": it separates the fields of what is signed. No blanks or controls: names are shown.
_NAME = re.compile(r"[A-Za-z0-9@:._=/+-]{1,64}")
_REPEATED = ("name", "curve25519", "ed25519", "token_sha256")  # what a repeated request repeats


class BadAccountName(InputError):
    """The account's name has characters that names may not have, or is too long."""

    remedy = "Use 1 to 64 of: letters, digits, and @ : . _ = / + -"


class AccountTaken(RefusedError):
    """The name belongs to somebody already."""

    remedy = "Register under another name; names are not handed on."


class NotAuthenticated(RefusedError):
    """The request carries no token that this service gave out."""

    remedy = "Send `Authorization: Bearer TOKEN`, with the token from registration."


class RegistrationClosed(RefusedError):
    """Registration needs a token, and the one shown is not it."""

    remedy = "Ask the service's operator for the registration token."


@dataclass(frozen=True, slots=True)
class Account:
    """Who is asking: the row number in our tables, and the name."""

    row: int
    name: str


def register(db: Database, identity: Identity, signature: str, now_ms: int, token: str = "") -> str:
    """A new account's bearer token, shown this once.

    token: the device's own choice of at least 32 random bytes, so that it may ask again if the
    answer was lost on the way; made here unless given.
    Raises BadAccountName, KeySignatureBroken, AccountTaken.
    """
    name = identity.account
    if _NAME.fullmatch(name) is None:
        raise BadAccountName("the account's name is not one that this service takes")
    verify_identity(identity, signature)
    token = token or secrets.token_urlsafe(TOKEN_BYTES)
    row = {
        "name": name,
        "curve25519": identity.curve25519,
        "ed25519": identity.ed25519,
        "signature": signature,
        "token_sha256": token_digest(token),
        "created_at_ms": now_ms,
        "next_sequence": 1,
    }
    with db.write() as tx:
        same = or_(accounts.c.name == name, accounts.c.token_sha256 == row["token_sha256"])
        known = tx.execute(select(accounts).where(same)).mappings().all()
        if not known:
            tx.execute(insert(accounts).values(row))
        elif any(told[fact] != row[fact] for told in known for fact in _REPEATED):
            raise AccountTaken("this account name is taken")
    return token


def authenticate(db: Database, token: str) -> Account:
    """Whose token this is. Raises NotAuthenticated."""
    with db.read() as tx:
        found = tx.execute(
            select(accounts.c.row, accounts.c.name).where(
                accounts.c.token_sha256 == token_digest(token)
            )
        ).first()
    if found is None:
        raise NotAuthenticated("the token is not one of this service's")
    return Account(found.row, found.name)


def identity_of(tx: Connection, account: Account) -> tuple[Identity, str]:
    """An account's public keys, and its own signature over them."""
    row = tx.execute(select(accounts).where(accounts.c.row == account.row)).one()
    return Identity(row.name, row.curve25519, row.ed25519), row.signature


def find(tx: Connection, name: str) -> Account | None:
    """The account of a name, if there is one."""
    found = tx.execute(select(accounts.c.row).where(accounts.c.name == name)).first()
    return None if found is None else Account(found.row, name)


def token_digest(token: str) -> bytes:
    """What is kept of a token: it has 256 random bits, so a plain digest can't be searched."""
    return hashlib.sha256(b"softfall token v1|" + token.encode()).digest()
