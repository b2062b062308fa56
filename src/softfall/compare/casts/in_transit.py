"""The baseline's cast: a provider that reads everything, and devices with nothing to hide it by."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from softfall.compare.baselines.in_transit import device, provider
from softfall.compare.baselines.in_transit.wire import INBOX, SENT
from softfall.compare.casts.cast import (
    DEVICES,
    HONEST_DEVICES,
    PROVIDER,
    Fate,
    Place,
    Progress,
    StaffClient,
)
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
from softfall.compare.processes import PartyProcess, Stage
from softfall.compare.results import Setup
from softfall.edge.tls import init_tls
from softfall.lists.entries import MATCH_RADIUS_BITS

PAIR_PASSWORD = "agreed upon elsewhere"  # noqa: S105 - what a colluding pair shares

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


class InTransit:
    """One provider and four devices."""

    name = "in_transit"
    summary = "as today: encrypted on the way only, the provider reads and matches everything"
    submits = False
    limits: Sequence[str] = limits_of(provider, device)
    declared = DECLARED

    def __init__(self) -> None:
        self.parties: dict[str, PartyProcess] = {}
        self.parameters: dict[str, int | str | float] = {"radius_bits": MATCH_RADIUS_BITS}
        self._place: Place | None = None
        self._staff: StaffClient | None = None

    def begin(self, stage: Stage, place: Place) -> None:
        """Start the provider with the list, and the devices."""
        self._place = place
        init_tls(place.folder / "tls", datetime.now(UTC))
        self.parties[PROVIDER] = stage.start(
            f"{self.name} {PROVIDER}",
            "in-transit-provider",
            {
                "role": PROVIDER,
                "views": str(place.views),
                "data": str(place.folder / "provider"),
                "tls": str(place.folder / "tls"),
                "list": str(place.list_file),
                "staff_token": place.staff_token,
            },
        )
        for role, account in DEVICES.items():
            task = {
                "role": role,
                "views": str(place.views),
                "account": account,
                "authority": str(self._authority()),
            }
            if role not in HONEST_DEVICES:
                task["password"] = PAIR_PASSWORD
            self.parties[role] = stage.start(f"{self.name} {role}", "in-transit-device", task)

    def finish(self, stage: Stage, progress: Progress) -> list[Setup]:
        """Wait for the provider, and connect the devices."""
        assert self._place is not None
        told = self.parties[PROVIDER].ready()
        self._staff = StaffClient(told["ready"], self._authority(), self._place.staff_token)
        for role in DEVICES:
            self.parties[role].ready()
            self.parties[role].ask("connect", url=told["ready"])
        return [
            Setup(
                role=PROVIDER,
                received_bytes=told["list_bytes"],
                seconds=told["index_seconds"],
                what="receives the list itself and indexes it",
            ),
            Setup(role="device", received_bytes=0, seconds=0.0, what="receives nothing"),
        ]

    def fate(self, message_id: str) -> Fate | None:
        """As the provider decided before it answered."""
        assert self._staff is not None
        found = self._staff.get(f"/v1/staff/messages/{message_id}")
        if found is None:
            return None
        return Fate(found["state"] == "delivered", found["state"] == "held", found["reason"], 0.0)

    def _authority(self) -> Path:
        assert self._place is not None
        return self._place.folder / "tls" / "ca.crt"
