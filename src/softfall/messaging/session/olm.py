"""Olm for two: an account's keys, sessions with each peer, one ratchet step at a time.

Guarantees: a message decrypts only in a session whose identity key is the sender's pinned one;
each message once (a replay finds its key gone); out of order within Olm's window; several sessions
a peer, as arise when both start at once. A step that fails leaves the stored state as it was.
Refuses: `Undecryptable`, whatever the reason: nothing of the message is used.
Limit: Olm keeps the keys of about 40 skipped messages a chain; a message held back longer than
that many later ones can't be opened any more.
Source: Olm (Matrix), by vodozemac; X3DH and the double ratchet, Marlinspike, Perrin 2016.
"""

from collections.abc import Mapping
from typing import Any

import vodozemac

from softfall.errors import InputError, PeerError
from softfall.messaging.identity import Identity, SignedKey, one_time_key_statement
from softfall.messaging.session.cells import Cells, StateDamaged, unpickle
from softfall.wire import Bytes, Field, ListOf, Message, Party

PREKEY = 0
NORMAL = 1
MAX_SESSIONS = 8  # a peer's; the one that was last heard on comes first

_ACCOUNT = "olm account"
_PAIRS = "olm sessions"
_SESSIONS = Message(
    "olm sessions",
    Party.DEVICE,
    (Field("pickles", ListOf(Bytes(1, 65_536), 0, MAX_SESSIONS), "each session, sealed again"),),
    max_bytes=1_000_000,
)


class Undecryptable(PeerError):
    """A ciphertext that no session with its named sender opens: forged, replayed, or too old."""

    remedy = "Nothing of it was used; ask the sender to write again if a message is missed."


class NoSession(InputError):
    """There is no session with this account yet."""

    remedy = "Claim one of the account's one-time keys and open a session with it first."


class BadOneTimeKey(PeerError):
    """A claimed one-time key is not a usable public key."""

    remedy = "Claim another; if it happens again the other app is broken or cheating."


class Olm:
    """One account's Olm state, kept in `cells`; call within the keeper's transaction."""

    def __init__(self, cells: Cells, account: str) -> None:
        self._cells = cells
        self.account = account

    def create(self) -> None:
        """Make the account's long-term keys."""
        self._put_account(vodozemac.Account())

    @property
    def identity(self) -> Identity:
        """This account's public keys."""
        account = self._get_account()
        return Identity(
            self.account, account.curve25519_key.to_base64(), account.ed25519_key.to_base64()
        )

    def sign_identity(self) -> str:
        """The signature that registration asks for."""
        return self._get_account().sign(self.identity.statement).to_base64()

    def make_one_time_keys(self, count: int) -> list[SignedKey]:
        """Fresh signed keys to publish. Never handed out again, whatever becomes of them."""
        account = self._get_account()
        account.generate_one_time_keys(count)
        keys = [(key_id, key.to_base64()) for key_id, key in _by_id(account.one_time_keys)]
        signed = [
            SignedKey(key_id, key, _sign(account, self.account, key_id, key))
            for key_id, key in keys
        ]
        # Marked before they are sent: a key lost on the way costs nothing, while one published
        # twice could be claimed twice.
        account.mark_keys_as_published()
        self._put_account(account)
        return signed

    def has_session(self, peer: str) -> bool:
        """Whether a message to `peer` can be encrypted now."""
        return bool(self._pickles(peer))

    def open_session(self, peer: Identity, one_time_key: str) -> None:
        """Start a session from verified, pinned keys. Raises BadOneTimeKey."""
        try:
            session = self._get_account().create_outbound_session(
                vodozemac.Curve25519PublicKey.from_base64(peer.curve25519),
                vodozemac.Curve25519PublicKey.from_base64(one_time_key),
            )
        except ValueError:
            raise BadOneTimeKey(f"no session can start from a key of {peer.account}") from None
        self._put_first(peer.account, session, self._pickles(peer.account))

    def forget(self, peer: str) -> None:
        """Drop every session with a peer, whose identity has changed."""
        self._cells.delete(_PAIRS, peer)

    def encrypt(self, peer: str, plaintext: bytes) -> tuple[int, bytes]:
        """(kind, ciphertext) in the session that was last heard on. Raises NoSession."""
        pickles = self._pickles(peer)
        if not pickles:
            raise NoSession(f"there is no session with {peer}")
        session = self._restore(pickles[0])
        kind, body = session.encrypt(plaintext).to_parts()
        self._put_first(peer, session, pickles[1:])
        return kind, body

    def decrypt(self, sender: Identity, kind: int, body: bytes) -> bytes:
        """The plaintext of one message from the pinned `sender`. Raises Undecryptable."""
        try:
            message = vodozemac.AnyOlmMessage.from_parts(kind, body)
        except (ValueError, OverflowError):
            raise Undecryptable("the ciphertext is not an Olm message") from None
        pickles = self._pickles(sender.account)
        opened = message.to_pre_key()
        for place, pickle in enumerate(pickles):
            session = self._restore(pickle)
            if opened is not None and session.session_id != opened.session_id():
                continue
            try:
                plaintext = session.decrypt(message)
            except ValueError:
                continue
            self._put_first(sender.account, session, pickles[:place] + pickles[place + 1 :])
            return plaintext
        if opened is None:
            raise Undecryptable(f"no session with {sender.account} opens this message")
        return self._accept(sender, opened, pickles)

    def _accept(
        self, sender: Identity, opened: vodozemac.PreKeyMessage, pickles: list[bytes]
    ) -> bytes:
        account = self._get_account()
        try:
            # vodozemac compares the identity key inside the message with the pinned one.
            session, plaintext = account.create_inbound_session(
                vodozemac.Curve25519PublicKey.from_base64(sender.curve25519), opened
            )
        except ValueError:
            raise Undecryptable(f"{sender.account} can't start a session with this") from None
        self._put_account(account)  # the one-time key is used up
        self._put_first(sender.account, session, pickles)
        return plaintext

    def _get_account(self) -> vodozemac.Account:
        pickle = self._cells.get(_ACCOUNT)
        if pickle is None:
            raise StateDamaged("the account's keys are missing")
        return unpickle(vodozemac.Account.from_pickle, pickle, self._cells)

    def _put_account(self, account: vodozemac.Account) -> None:
        self._cells.put(_ACCOUNT, value=account.pickle(self._cells.pickle_key).encode())

    def _pickles(self, peer: str) -> list[bytes]:
        body = self._cells.get(_PAIRS, peer)
        if body is None:
            return []
        values: dict[str, Any] = _SESSIONS.decode(body)
        return list(values["pickles"])

    def _restore(self, pickle: bytes) -> vodozemac.Session:
        return unpickle(vodozemac.Session.from_pickle, pickle, self._cells)

    def _put_first(self, peer: str, session: vodozemac.Session, others: list[bytes]) -> None:
        pickle = session.pickle(self._cells.pickle_key).encode()
        kept = [pickle, *others][:MAX_SESSIONS]
        self._cells.put(_PAIRS, peer, value=_SESSIONS.encode({"pickles": list(kept)}))


def _by_id(
    keys: Mapping[str, vodozemac.Curve25519PublicKey],
) -> list[tuple[str, vodozemac.Curve25519PublicKey]]:
    return sorted(keys.items(), key=lambda item: item[0])


def _sign(account: vodozemac.Account, name: str, key_id: str, key: str) -> str:
    return account.sign(one_time_key_statement(name, key_id, key)).to_base64()
