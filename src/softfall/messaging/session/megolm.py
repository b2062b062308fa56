"""Megolm for groups: one ratchet a sender and conversation, its key handed to each member by Olm.

Guarantees: a group message is believed from the one whose Olm session brought the key, and from
nobody else who has it; each (session, index) opens for one envelope only, so that a replay under
another id is refused; the session is made anew when the members change, after `MAX_MESSAGES`, and
after `MAX_AGE_MS`, so that who left reads nothing more and who joins reads nothing old.
Refuses: `GroupKeyMissing` (it may still come), `GroupMessageReplayed`, `Undecryptable`.
Source: Megolm (Matrix), by vodozemac; the attribution and replay rules from its specification's
own list of limitations.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import vodozemac

from softfall.errors import PeerError, UnavailableError
from softfall.messaging.envelope import ADDRESS, GROUP_BODY, GROUP_KEY, MAX_MEMBERS, MILLISECONDS
from softfall.messaging.session.cells import Cells, unpickle
from softfall.messaging.session.olm import NoSession, Undecryptable
from softfall.wire import Bytes, Field, ListOf, Message, Party, Uint

MAX_MESSAGES = 100
MAX_AGE_MS = 7 * 24 * 3600 * 1000
MAX_INBOUND = 64  # sessions kept of one sender in one conversation, newest first

_OUT = "megolm sending"
_IN = "megolm receiving"
_SEEN = "megolm seen"
_OUTBOUND = Message(
    "megolm sending",
    Party.DEVICE,
    (
        Field("pickle", Bytes(1, 65_536), "the ratchet"),
        Field("members", ListOf(ADDRESS, 1, MAX_MEMBERS), "who may read it, in order of name"),
        Field("told", ListOf(ADDRESS, 0, MAX_MEMBERS), "who was sent its key"),
        Field("made_at_ms", MILLISECONDS, "when it was made"),
        Field("sent", Uint(MAX_MESSAGES), "messages so far"),
    ),
    max_bytes=100_000,
)
_INBOUND = Message(
    "megolm receiving",
    Party.DEVICE,
    (Field("pickles", ListOf(Bytes(1, 4096), 0, MAX_INBOUND), "each session, newest first"),),
    max_bytes=300_000,
)


class GroupKeyMissing(UnavailableError):
    """The key of this group session has not come (yet)."""

    remedy = "It opens by itself once the sender's key arrives; ask the sender to write again."


class GroupMessageReplayed(PeerError):
    """A group message came again inside another envelope."""

    remedy = "Nothing of it was used; the provider or a member replayed it."


@dataclass(frozen=True, slots=True)
class Prepared:
    """A group session ready to send: its key (a `group key`), and who has still to be sent it."""

    key: bytes
    to_tell: tuple[str, ...]


class Megolm:
    """One account's group sessions, kept in `cells`; call within the keeper's transaction."""

    def __init__(self, cells: Cells) -> None:
        self._cells = cells

    def prepare(self, conversation: str, members: Sequence[str], now_ms: int) -> Prepared:
        """The session for exactly these other members, made anew where a rule says so."""
        wanted = sorted(members)
        state = self._outbound(conversation)
        if state is None or not _still_good(state, wanted, now_ms):
            state = {
                "pickle": self._pickle(vodozemac.GroupSession()),
                "members": wanted,
                "told": [],
                "made_at_ms": now_ms,
                "sent": 0,
            }
            self._put_outbound(conversation, state)
        session = unpickle(vodozemac.GroupSession.from_pickle, state["pickle"], self._cells)
        key = GROUP_KEY.encode(
            {
                "conversation": conversation,
                "session_id": session.session_id,
                "session_key": session.session_key.to_base64(),
            }
        )
        return Prepared(key, tuple(name for name in wanted if name not in state["told"]))

    def told(self, conversation: str, members: Sequence[str]) -> None:
        """Note that these were sent the key (in the transaction that writes the outbox)."""
        state = self._required(conversation)
        state["told"] = sorted({*state["told"], *members})
        self._put_outbound(conversation, state)

    def forget_sending(self, conversation: str) -> None:
        """Start anew next time: an envelope that carried the key never went out."""
        self._cells.delete(_OUT, conversation)

    def forget_sending_to(self, member: str) -> None:
        """Start anew in every conversation with a member whose keys have changed."""
        for key, body in list(self._cells.items(_OUT)):
            values: dict[str, Any] = _OUTBOUND.decode(body)
            if member in values["members"]:
                self._cells.delete(_OUT, *key)

    def encrypt(self, conversation: str, plaintext: bytes) -> bytes:
        """The `group body` of one message. Raises NoSession before `prepare`."""
        state = self._required(conversation)
        session = unpickle(vodozemac.GroupSession.from_pickle, state["pickle"], self._cells)
        ciphertext = session.encrypt(plaintext).to_bytes()
        state["pickle"] = self._pickle(session)
        state["sent"] += 1
        self._put_outbound(conversation, state)
        return GROUP_BODY.encode({"session_id": session.session_id, "ciphertext": ciphertext})

    def accept_key(self, sender: str, conversation: str, body: bytes) -> str:
        """Take the `group key` that came by Olm from `sender`; the session's id.

        Raises MalformedMessage, Undecryptable.
        """
        values: dict[str, Any] = GROUP_KEY.decode(body)
        if values["conversation"] != conversation:
            raise Undecryptable("the group key is for another conversation")
        try:
            session = vodozemac.InboundGroupSession(vodozemac.SessionKey(values["session_key"]))
        except ValueError:
            raise Undecryptable("the group key is not one") from None
        if session.session_id != values["session_id"]:
            raise Undecryptable("the group key names another session")
        known = self._inbound(sender, conversation)
        same = [old.session_id == session.session_id for old in known]
        if not any(same):  # a key given again, perhaps from a later index, changes nothing
            self._put_inbound(sender, conversation, [session, *known])
        return session.session_id

    def decrypt(self, sender: str, conversation: str, body: bytes, envelope_id: bytes) -> bytes:
        """The plaintext of one `group body` by `sender`.

        Raises MalformedMessage, GroupKeyMissing, GroupMessageReplayed, Undecryptable.
        """
        values: dict[str, Any] = GROUP_BODY.decode(body)
        sessions = self._inbound(sender, conversation)
        place = next(
            (i for i, old in enumerate(sessions) if old.session_id == values["session_id"]), None
        )
        if place is None:
            raise GroupKeyMissing(f"the group key of {sender} has not come")
        try:
            opened = sessions[place].decrypt(
                vodozemac.MegolmMessage.from_bytes(values["ciphertext"])
            )
        except ValueError:
            raise Undecryptable("the group message does not open") from None
        index = opened.message_index.to_bytes(4, "big")
        seen = self._cells.get(_SEEN, sender, values["session_id"], index)
        if seen not in (None, envelope_id):
            raise GroupMessageReplayed("this group message came before in another envelope")
        self._cells.put(_SEEN, sender, values["session_id"], index, value=envelope_id)
        # The ratchet is put back as it was: Megolm's receiving side opens any later index from
        # the first one known, and messages come out of order when one of them is held.
        return opened.plaintext

    def _required(self, conversation: str) -> dict[str, Any]:
        state = self._outbound(conversation)
        if state is None:
            raise NoSession("the group session has not been prepared")
        return state

    def _outbound(self, conversation: str) -> dict[str, Any] | None:
        body = self._cells.get(_OUT, conversation)
        return None if body is None else dict(_OUTBOUND.decode(body))

    def _put_outbound(self, conversation: str, state: Mapping[str, Any]) -> None:
        self._cells.put(_OUT, conversation, value=_OUTBOUND.encode(state))

    def _inbound(self, sender: str, conversation: str) -> list[vodozemac.InboundGroupSession]:
        body = self._cells.get(_IN, sender, conversation)
        if body is None:
            return []
        values: dict[str, Any] = _INBOUND.decode(body)
        restore = vodozemac.InboundGroupSession.from_pickle
        return [unpickle(restore, pickle, self._cells) for pickle in values["pickles"]]

    def _put_inbound(
        self, sender: str, conversation: str, sessions: list[vodozemac.InboundGroupSession]
    ) -> None:
        pickles = [self._pickle(session) for session in sessions[:MAX_INBOUND]]
        self._cells.put(
            _IN, sender, conversation, value=_INBOUND.encode({"pickles": list(pickles)})
        )

    def _pickle(self, session: vodozemac.GroupSession | vodozemac.InboundGroupSession) -> bytes:
        return session.pickle(self._cells.pickle_key).encode()


def _still_good(state: Mapping[str, Any], members: Sequence[str], now_ms: int) -> bool:
    young = 0 <= now_ms - int(state["made_at_ms"]) < MAX_AGE_MS
    return bool(state["members"] == list(members)) and int(state["sent"]) < MAX_MESSAGES and young
