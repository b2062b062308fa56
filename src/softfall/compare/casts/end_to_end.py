"""What the casts of all end-to-end encrypted options share: the real services, the real devices.

Guarantees: every party is the product's own code in a process of its own, over TLS; limits that
would stop one device from sending hundreds of pictures in a minute are raised, and nothing else.
What stands first in the class is each option's own; a step that an option adds is a method here.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from softfall.compare.blast import Loot
from softfall.compare.casts.cast import (
    CUSTODIAN,
    DEALER,
    DEVICES,
    HONEST_DEVICES,
    PROVIDER,
    Fate,
    Place,
    Progress,
    StaffClient,
)
from softfall.compare.declared import Declared
from softfall.compare.processes import PartyProcess, Stage
from softfall.compare.results import BlastRadius, Setup
from softfall.edge.tls import init_tls

# One device sends hundreds of pictures in a minute here; no person does.
REQUESTS_PER_MINUTE = 1_000_000
MANY = 1_000_000_000
COMPARE_SECONDS = 14.0  # all options share one machine here; a device waits 15
DELIVERED = "delivered"
HELD = "held"


class EndToEndCast:
    """Provider, custodian, four devices, and whoever else the option needs."""

    name: str
    option: str
    summary: str
    submits = True
    limits: Sequence[str]
    declared: Declared
    parameters: Mapping[str, int | str | float]
    deals: bool  # whether candidates go to `confirm`, which takes a dealer

    def __init__(self) -> None:
        self.parties: dict[str, PartyProcess] = {}
        self._place: Place | None = None
        self._dealer_url = ""
        self._staff: StaffClient | None = None

    def begin(self, stage: Stage, place: Place) -> None:
        """Start the custodian, which publishes the list; the dealer; and the devices."""
        self._place = place
        init_tls(place.folder / "tls", datetime.now(UTC))
        if self.deals:
            self._start(stage, DEALER, "dealer", settings=self._with_data(DEALER))
            self._dealer_url = self.parties[DEALER].ready()["ready"]
        settings = self._with_data(CUSTODIAN) | {
            "dealer_url": self._dealer_url,
            "confirms_per_hour": MANY,
            "evaluations_per_hour": MANY,
            "tokens_per_day": MANY,
            "requests_per_minute": REQUESTS_PER_MINUTE,
        }
        task = {"list": str(place.list_file), "option": self.option}
        self._start(
            stage, CUSTODIAN, "custodian", settings=settings | self._custodian_more(), **task
        )
        for role, account in DEVICES.items():
            self._start(
                stage,
                role,
                "device" if role in HONEST_DEVICES else "patched-device",
                account=account,
                authority=str(self._authority()),
                data=str(place.folder / role.replace(" ", "-")),
            )

    def finish(self, stage: Stage, progress: Progress) -> list[Setup]:
        """Wait for the custodian's epoch, start the provider, connect the devices."""
        assert self._place is not None
        published = self.parties[CUSTODIAN].ready(progress)
        self._start_more(stage, published)
        url, fetched_seconds = self._start_provider(stage, published["ready"])
        told = [self._connect(role, url, published) for role in DEVICES]
        return [
            Setup(
                role=CUSTODIAN,
                received_bytes=self._place.list_file.stat().st_size,
                seconds=published["import_seconds"] + published["publish_seconds"],
                what=self.custodian_setup,
            ),
            *self._more_setup(fetched_seconds, told),
        ]

    def fate(self, message_id: str) -> Fate | None:
        """The last move of the envelope's life, if it is one that decides."""
        assert self._staff is not None
        found = self._staff.get(f"/v1/staff/envelopes/{message_id}/life")
        moves = found["moves"] if found is not None else []
        if not moves or moves[-1]["end"] not in (DELIVERED, HELD):
            return None
        last = moves[-1]
        decided_ms = float(last["at_ms"] - moves[0]["at_ms"])
        return Fate(last["end"] == DELIVERED, last["end"] == HELD, last["why"], decided_ms)

    def worst_compromise(self, loot: Loot) -> BlastRadius | None:
        """What the worst single compromise of the option gives away."""
        raise NotImplementedError

    custodian_setup: str

    def _custodian_more(self) -> dict[str, Any]:
        """Settings of the custodian that the option adds."""
        return {}

    def _provider_more(self) -> dict[str, Any]:
        """Settings of the provider that the option adds."""
        return {}

    def _connection(self, published: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a device is given beside its provider and its custodian's key."""
        del published
        return {}

    def _start_more(self, stage: Stage, published: Mapping[str, Any]) -> None:
        """Parties that need the custodian's epoch before they can begin."""

    def _more_setup(
        self, fetched_seconds: float, devices: Sequence[Mapping[str, Any]]
    ) -> list[Setup]:
        """What the other parties received before the first message.

        fetched_seconds: until the provider judged by the epoch. devices: their answers to being
        connected, in the order of DEVICES.
        """
        raise NotImplementedError

    def _connect(self, role: str, url: str, published: Mapping[str, Any]) -> Mapping[str, Any]:
        self.parties[role].ready()
        answer: dict[str, Any] = self.parties[role].ask(
            "connect",
            url=url,
            custodian_key=published["public_key"],
            **self._connection(published),
        )
        return answer

    def _start_provider(self, stage: Stage, custodian_url: str) -> tuple[str, float]:
        """Where it listens, and the seconds until it judges by the epoch."""
        assert self._place is not None
        settings = self._with_data(PROVIDER) | {
            "option": self.option,
            "custodian_url": custodian_url,
            "dealer_url": self._dealer_url,
            "staff_token": self._place.staff_token,
            "requests_per_minute": REQUESTS_PER_MINUTE,
            "media_per_minute": REQUESTS_PER_MINUTE,
            "tokens_per_account_per_day": MANY,
            "clearances_per_day": MANY,
            "report_compare_seconds": COMPARE_SECONDS,
            "list_mib_per_hour": REQUESTS_PER_MINUTE,
        }
        self._start(stage, PROVIDER, "provider", settings=settings | self._provider_more())
        url = self.parties[PROVIDER].ready()["ready"]
        self._staff = StaffClient(url, self._authority(), self._place.staff_token)
        return url, self._staff.wait_for("/v1/service", lambda found: bool(found["epoch"]))

    def _start(self, stage: Stage, role: str, kind: str, **task: Any) -> None:
        assert self._place is not None
        views = str(self._place.views)
        self.parties[role] = stage.start(
            f"{self.name} {role}", kind, {"role": role, "views": views, **task}
        )

    def _with_data(self, role: str) -> dict[str, Any]:
        """A service's settings: where its data and its certificates are."""
        assert self._place is not None
        folder = self._place.folder
        return {"data_dir": str(folder / role), "tls_dir": str(folder / "tls")}

    def _authority(self) -> Path:
        assert self._place is not None
        return self._place.folder / "tls" / "ca.crt"
