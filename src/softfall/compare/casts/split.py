"""`split`'s cast: provider, custodian, dealer, devices: all the real code, a process each."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from softfall.compare.blast import Loot
from softfall.compare.casts import tag_theft
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
from softfall.compare.casts.limits import limits_of
from softfall.compare.casts.split_declared import DECLARED
from softfall.compare.processes import PartyProcess, Stage
from softfall.compare.recorder import read_exchanges
from softfall.compare.results import BlastRadius, Setup
from softfall.edge.tls import init_tls
from softfall.options import contract
from softfall.options.confirm import dealer
from softfall.options.confirm import device as confirm_device
from softfall.options.confirm import provider as confirm_provider
from softfall.options.split import custodian, device, provider, wire
from softfall.options.split.parameters import DEFAULT_PARAMETERS

# One device sends hundreds of pictures in a minute here; no person does.
REQUESTS_PER_MINUTE = 1_000_000
MANY = 1_000_000_000
DELIVERED = "delivered"
HELD = "held"


class Split:
    """One provider, one custodian, one dealer, four devices."""

    name = "split"
    summary = (
        "end-to-end encrypted; devices hash, the provider matches blind tags, and `confirm` decides"
    )
    submits = True
    limits: Sequence[str] = limits_of(
        contract, device, provider, custodian, wire, confirm_device, confirm_provider, dealer
    )
    declared = DECLARED

    def __init__(self) -> None:
        self.parties: dict[str, PartyProcess] = {}
        self.parameters: dict[str, int | str | float] = {
            "k_bits": DEFAULT_PARAMETERS.k_bits,
            "tables": DEFAULT_PARAMETERS.tables,
            "probes": DEFAULT_PARAMETERS.probes,
            "hits": DEFAULT_PARAMETERS.hits,
        }
        self._place: Place | None = None
        self._dealer_url = ""
        self._staff: StaffClient | None = None

    def begin(self, stage: Stage, place: Place) -> None:
        """Start the dealer; the custodian, which publishes the list; and the devices."""
        self._place = place
        init_tls(place.folder / "tls", datetime.now(UTC))
        self.parties[DEALER] = stage.start(
            f"{self.name} {DEALER}",
            "dealer",
            {
                "role": DEALER,
                "views": str(place.views),
                "settings": {
                    "data_dir": str(place.folder / "dealer"),
                    "tls_dir": str(place.folder / "tls"),
                },
            },
        )
        self._dealer_url = self.parties[DEALER].ready()["ready"]
        self.parties[CUSTODIAN] = stage.start(
            f"{self.name} {CUSTODIAN}",
            "custodian",
            {
                "role": CUSTODIAN,
                "views": str(place.views),
                "list": str(place.list_file),
                "settings": {
                    "data_dir": str(place.folder / "custodian"),
                    "tls_dir": str(place.folder / "tls"),
                    "dealer_url": self._dealer_url,
                    "confirms_per_hour": MANY,
                    "evaluations_per_hour": MANY,
                    "tokens_per_day": MANY,
                    "requests_per_minute": REQUESTS_PER_MINUTE,
                },
            },
        )
        for role, account in DEVICES.items():
            self.parties[role] = stage.start(
                f"{self.name} {role}",
                "device" if role in HONEST_DEVICES else "patched-device",
                {
                    "role": role,
                    "views": str(place.views),
                    "account": account,
                    "authority": str(self._authority()),
                    "data": str(place.folder / role.replace(" ", "-")),
                },
            )

    def finish(self, stage: Stage, progress: Progress) -> list[Setup]:
        """Wait for the custodian's epoch, start the provider, connect the devices."""
        place = self._place
        assert place is not None
        published = self.parties[CUSTODIAN].ready(progress)
        url, fetched_seconds = self._start_provider(stage, place, published["ready"])
        for role in DEVICES:
            self.parties[role].ready()
            self.parties[role].ask("connect", url=url, custodian_key=published["public_key"])
        exchanges, _ = read_exchanges(place.views, PROVIDER)
        received = sum(each.received_bytes for each in exchanges if "/artefacts/" in each.path)
        published_seconds = published["import_seconds"] + published["publish_seconds"]
        return [
            Setup(
                role=CUSTODIAN,
                received_bytes=place.list_file.stat().st_size,
                seconds=published_seconds,
                what="takes the list in, makes the epoch's key and every entry's tags",
            ),
            Setup(
                role=PROVIDER,
                received_bytes=received,
                seconds=fetched_seconds,
                what="fetches the epoch's tags, checks and loads them",
            ),
            Setup(role="device", received_bytes=0, seconds=0.0, what="gets nothing of the list"),
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

    def worst_compromise(self, loot: Loot) -> BlastRadius:
        """The custodian's keys of the epoch, and a provider that kept every submission."""
        logged = []
        for submission in tag_theft.logged_submissions(loot, self.name):
            values: dict[str, Any] = wire.SUBMISSION.decode(submission["body"])
            tags = np.frombuffer(values["tags"], ">u8").tolist()
            logged.append(tag_theft.Logged(submission["epoch"], frozenset(tags), values["shares"]))
        return tag_theft.radius(loot, self.name, logged, DEFAULT_PARAMETERS)

    def _start_provider(self, stage: Stage, place: Place, custodian_url: str) -> tuple[str, float]:
        """Where it listens, and the seconds until it judges by the epoch."""
        self.parties[PROVIDER] = stage.start(
            f"{self.name} {PROVIDER}",
            "provider",
            {
                "role": PROVIDER,
                "views": str(place.views),
                "settings": {
                    "data_dir": str(place.folder / "provider"),
                    "tls_dir": str(place.folder / "tls"),
                    "option": self.name,
                    "custodian_url": custodian_url,
                    "dealer_url": self._dealer_url,
                    "staff_token": place.staff_token,
                    "requests_per_minute": REQUESTS_PER_MINUTE,
                    "media_per_minute": REQUESTS_PER_MINUTE,
                    "tokens_per_account_per_day": MANY,
                },
            },
        )
        url = self.parties[PROVIDER].ready()["ready"]
        self._staff = StaffClient(url, self._authority(), place.staff_token)
        return url, self._staff.wait_for("/v1/service", lambda found: bool(found["epoch"]))

    def _authority(self) -> Path:
        assert self._place is not None
        return self._place.folder / "tls" / "ca.crt"
