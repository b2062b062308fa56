"""What the casts of all baselines share: one provider, four devices, nobody else.

A baseline says which processes play it, what its provider does with the list, and what its worst
single compromise is.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from softfall.compare.blast import Loot
from softfall.compare.casts.cast import (
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

PAIR_PASSWORD = "agreed upon elsewhere"  # noqa: S105 - what a colluding pair shares


class BaselineCast:
    """One provider and four devices. What stands first is each baseline's own."""

    name: str
    option: str
    summary: str
    submits: bool
    limits: Sequence[str]
    declared: Declared
    parameters: Mapping[str, int | str | float]
    provider_setup: str

    def __init__(self) -> None:
        self.parties: dict[str, PartyProcess] = {}
        self._place: Place | None = None
        self._staff: StaffClient | None = None

    def begin(self, stage: Stage, place: Place) -> None:
        """Start the provider, with the list, and the devices."""
        self._place = place
        init_tls(place.folder / "tls", datetime.now(UTC))
        self.parties[PROVIDER] = stage.start(
            f"{self.name} {PROVIDER}",
            f"{self._kind}-provider",
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
            self.parties[role] = stage.start(f"{self.name} {role}", f"{self._kind}-device", task)

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
                what=self.provider_setup,
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

    def worst_compromise(self, loot: Loot) -> BlastRadius | None:
        """What the baseline's one provider gives away."""
        raise NotImplementedError

    @property
    def _kind(self) -> str:
        return self.name.replace("_", "-")

    def _authority(self) -> Path:
        assert self._place is not None
        return self._place.folder / "tls" / "ca.crt"
