"""The baseline's cast: a provider that reads everything, and devices with nothing to hide it by."""

from typing import Any

from softfall.compare.baselines.in_transit import device, provider
from softfall.compare.baselines.in_transit.wire import INBOX, SENT
from softfall.compare.blast import Loot, Message
from softfall.compare.casts.baseline import BaselineCast
from softfall.compare.casts.cast import PROVIDER
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
    Octets,
)
from softfall.compare.results import BlastRadius
from softfall.lists.entries import MATCH_RADIUS_BITS

_READABLE = {
    "text": Nature.READABLE,
    "picture": Nature.READABLE,
}
_OWN = {"deliveries.text": Nature.OWN, "deliveries.picture": Nature.OWN}
_ACCEPTED = Json("accepted", frozenset({"accepted"}))
_THROUGH = Json("through", frozenset({"through"}))

DECLARED = Declared(
    [
        Declaration("provider", "device", REQUEST, route, form, Nature.ROUTING, meaning)
        for route, form, meaning in (
            ("POST /v1/accounts", Json("account", frozenset({"account"})), "who registers"),
            ("POST /v1/messages", Cbor(SENT, _READABLE), "every word and every picture"),
            ("GET /v1/mailbox", Nothing(), "who asks for mail, and when"),
            ("POST /v1/mailbox/ack", _THROUGH, "what has arrived"),
        )
    ]
    + [
        Declaration(
            "provider",
            "custodian",
            REPLY,
            "GET /the-list",
            Octets("list"),
            Nature.LIST,
            "every hash of the list, from its keeper",
        )
    ]
    + [
        Declaration("device", "provider", REPLY, route, form, Nature.ROUTING, meaning)
        for route, form, meaning in (
            ("POST /v1/accounts", Json("token", frozenset({"token"})), "the account's token"),
            ("POST /v1/messages", _ACCEPTED, "the one answer to every message"),
            ("GET /v1/mailbox", Cbor(INBOX, _OWN), "its own messages"),
            ("POST /v1/mailbox/ack", _THROUGH, "that the provider noted it"),
        )
    ]
)


class InTransit(BaselineCast):
    """One provider and four devices."""

    name = option = "in_transit"
    summary = "as today: encrypted on the way only, the provider reads and matches everything"
    submits = False
    limits = limits_of(provider, device)
    declared = DECLARED
    parameters = {"radius_bits": MATCH_RADIUS_BITS}  # noqa: RUF012 - never changed
    provider_setup = "receives the list itself and indexes it"

    def worst_compromise(self, loot: Loot) -> BlastRadius:
        """Whoever gets into the provider reads what passes."""
        recording = loot.recordings[PROVIDER]
        opened = []
        for exchange in recording.exchanges:
            if (exchange.method, exchange.path) == ("POST", "/v1/messages"):
                values: dict[str, Any] = SENT.decode(recording.body(exchange))
                opened.append(Message(values["text"], values["picture"]))
        return loot.radius(
            "the provider's own server",
            "every message that it received, read as it came",
            opened,
            len(opened),
        )
