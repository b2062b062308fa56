"""From a report to its answer: real devices and a real provider over TLS, a console of the test."""

import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from softfall.config import DeviceSettings
from softfall.custodian.keys import create_identity
from softfall.device.device import Device
from softfall.device.outcomes import Notice
from softfall.device.transport import RefusedByService
from softfall.edge.tls import init_tls
from tests.provider.console_server import console_server
from tests.provider.fake_console import FakeConsole
from tests.provider.process import Served

KEY = bytes(range(32))
STAFF = {"authorization": "Bearer t"}
DAY_MS = 86_400_000


class Street:
    """Real devices, a real provider, and what reached the console."""

    def __init__(self, folder: Path, provider: Served, console: FakeConsole, key: bytes) -> None:
        self.folder = folder
        self.provider = provider
        self.console = console
        self.key = key
        self.open: list[Device] = []

    def join(self, name: str) -> Device:
        authority = self.folder / "tls" / "ca.crt"
        home = self.folder / "homes" / name
        settings = DeviceSettings(country="ie")
        made = Device.create(home, KEY, name, self.provider.url, authority, self.key, settings)
        self.open.append(made)
        return made

    def decide(self, **changes: Any) -> None:
        values = {
            "enactment_id": secrets.token_hex(16),
            "case_id": "c1",
            "decided_by": "mo",
            "round": "decision",
            "outcome": "warn",
            "reason": "words for staff only",
            "subject": "ada",
        }
        with self.provider.client() as http:
            answer = http.post("/v1/staff/enactments", json=values | changes, headers=STAFF)
        assert answer.status_code == 200, answer.text


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    init_tls(tmp_path / "tls")
    key = create_identity(tmp_path / "custodian").public_key
    with console_server(tmp_path / "tls", FakeConsole()) as console:
        provider = Served(tmp_path, option="none", staff_token="t", console_url=console.url)
        provider.start()
        provider.wait_until_ready()
        made = Street(tmp_path, provider, console.fake, key)
        yield made
        for device in made.open:
            device.close()
        provider.stop()


def next_of(device: Device) -> list[Any]:
    """What comes next; delivery takes a moment."""
    for _ in range(20):
        arrivals = device.sync(2.0)
        if arrivals:
            return arrivals
    raise AssertionError("nothing came")


def until(met: Any) -> None:
    for _ in range(3000):
        if met():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come to that")


def test_an_anonymous_report_is_answered_and_its_decision_appealed(street: Street) -> None:
    ada, ben = street.join("ada"), street.join("ben")
    sent = ada.send_text("ben", "see you at the lake")
    next_of(ben)
    told = ben.report([sent.envelope_id], "threat", anonymous=True, block=True, in_danger_now=True)
    reference = f"report:{told.report_id}:0"
    until(lambda: reference in street.console.cases)
    case = street.console.cases[reference]
    assert (case.reporter, case.child_at_risk_now) == (None, True)
    assert "ben" not in case.model_dump_json()
    assert ada.sync() == [], "nobody has decided"
    street.decide(
        account_action="warn",
        reports=[reference],
        appeal_until_ms=int(time.time() * 1000) + DAY_MS,
    )
    (answer,) = next_of(ben)
    assert isinstance(answer, Notice)
    assert (answer.title, answer.report_id) == ("Your report made a difference", told.report_id)
    assert answer.help[0].country == "IE"
    (warning,) = next_of(ada)
    assert isinstance(warning, Notice)
    assert warning.kind == "warned"
    assert "ben" not in repr(warning)
    assert "words for staff" not in repr(warning)
    assert ada.appeal(warning.notice_id, "It was a joke.").appealed
    until(lambda: bool(street.console.appeals))
    (made,) = street.console.appeals.values()
    assert (made.account, made.case_id, made.text) == ("ada", "c1", "It was a joke.")
    street.decide(round="appeal", outcome="no action")
    (upheld,) = next_of(ada)
    assert isinstance(upheld, Notice)
    assert upheld.title == "Your appeal was right"
    assert [notice.kind for notice in ada.notices()] == ["warned", "appeal decided"]


def test_a_restricted_account_is_refused_by_name_and_reads_on(street: Street) -> None:
    ada, ben = street.join("ada"), street.join("ben")
    ada.send_text("ben", "hello")
    next_of(ben)
    street.decide(outcome="restrict", account_action="restrict", restrict_days=2)
    with pytest.raises(RefusedByService) as refused:
        ada.send_text("ben", "hello again")
    assert refused.value.name == "AccountRestricted"
    ben.send_text("ada", "are you there?")
    arrivals = next_of(ada)
    while len(arrivals) < 2:
        arrivals += next_of(ada)
    assert {type(arrival).__name__ for arrival in arrivals} == {"Shown", "Notice"}
    street.decide(round="appeal", outcome="no action", account_action="lift")
    ada.send_text("ben", "back again")
    assert [arrival.text for arrival in next_of(ben)] == ["back again"]
