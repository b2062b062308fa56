"""The back door's cast: an end-to-end encrypted messenger that escrows every message's key."""

from softfall.compare.baselines.backdoor import device, provider, sealing
from softfall.compare.baselines.backdoor.sealing import NotThisKey, open_by_escrow
from softfall.compare.baselines.backdoor.store import EscrowStore
from softfall.compare.baselines.backdoor.wire import INBOX, PUBLIC_KEY, REGISTRATION, SENT
from softfall.compare.blast import Loot, Message
from softfall.compare.casts.baseline import BaselineCast
from softfall.compare.casts.limits import limits_of
from softfall.compare.declared import (
    REPLY,
    REQUEST,
    Cbor,
    Declaration,
    Declared,
    Json,
    Nature,
    Nothing,
)
from softfall.compare.results import BlastRadius
from softfall.crypto.hpke import NotSealedToThis

_SEALED = {"body": Nature.ESCROWED, "wrap": Nature.SEALED, "escrow": Nature.ESCROWED}
_OWN = {"deliveries.body": Nature.OWN, "deliveries.wrap": Nature.OWN}

DECLARED = Declared(
    [
        Declaration("provider", "device", REQUEST, route, form, Nature.ROUTING, meaning)
        for route, form, meaning in (
            ("POST /v1/accounts", Cbor(REGISTRATION), "who registers, with a public key"),
            ("GET /v1/escrow", Nothing(), "that a device asks for the escrow's public key"),
            ("GET /v1/accounts/{name}/key", Nothing(), "who begins to talk with whom"),
            (
                "POST /v1/messages",
                Cbor(SENT, _SEALED),
                "ciphertext, and each message's key sealed to the provider itself",
            ),
            ("GET /v1/mailbox", Nothing(), "who asks for mail, and when"),
        )
    ]
    + [
        Declaration("device", "provider", REPLY, route, form, Nature.ROUTING, meaning)
        for route, form, meaning in (
            ("POST /v1/accounts", Json("token", frozenset({"token"})), "the account's token"),
            ("GET /v1/escrow", Cbor(PUBLIC_KEY), "what to seal every message's key to"),
            ("GET /v1/accounts/{name}/key", Cbor(PUBLIC_KEY), "another device's public key"),
            (
                "POST /v1/messages",
                Json("accepted", frozenset({"accepted"})),
                "the one answer to every message",
            ),
            ("GET /v1/mailbox", Cbor(INBOX, _OWN), "its own messages, sealed to it"),
        )
    ]
)


class Backdoor(BaselineCast):
    """One provider and four devices."""

    name = option = "backdoor"
    summary = "end-to-end encrypted, with every message's key escrowed at the provider"
    submits = True
    limits = limits_of(provider, device, sealing)
    declared = DECLARED
    parameters = {"escrow": "MLKEM768-X25519"}  # noqa: RUF012 - never changed
    provider_setup = "makes its escrow key; receives no list"

    def worst_compromise(self, loot: Loot) -> BlastRadius:
        """The escrow's key, and what lies in the provider's store: everything that it ever kept."""
        store = EscrowStore(loot.place.folder / "provider")
        secret = store.escrow_secret
        opened, kept = [], 0
        for message in store.everything():
            kept += 1
            try:
                content = open_by_escrow(message.body, message.escrow, secret)
            except (NotSealedToThis, NotThisKey):
                continue  # a patched app escrowed something else
            opened.append(Message(content.text, content.picture))
        store.close()
        return loot.radius(
            "the escrow's one key, with the provider's store",
            "every message that was ever kept, opened with that key",
            opened,
            kept,
        )
