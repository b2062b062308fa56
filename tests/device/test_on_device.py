"""`on_device` from end to end: real devices, provider, custodian and dealer, over real sockets."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from softfall.config import CustodianSettings, DeviceSettings
from softfall.custodian.catalogue import Catalogue
from softfall.custodian.clock import wall_ms
from softfall.custodian.keys import create_identity
from softfall.custodian.list_keys import root_path
from softfall.custodian.publish import publish_changes, publish_epoch
from softfall.device.device import HONEST, Device, Parts
from softfall.device.outcomes import CHECKED, CHECKED_HERE, UNCHECKED_OUTAGE, Quarantined, Shown
from softfall.device.outgoing import Outgoing, PictureBlocked
from softfall.errors import SoftfallError
from softfall.lists.entries import Statement
from softfall.options.contract import DeviceHalf, Submission
from tests.provider.process import Served

from .pictures import ASTRONAUT, CHINA, FLAT, FLOWER, hash_of, jpeg
from .test_real_services import shown_next

STAFF = "a staff token"
KEY = bytes(range(32))


@dataclass
class Village:
    """Everybody who takes part in `on_device`."""

    folder: Path
    custodian_key: bytes
    services: dict[str, Served]
    open: dict[str, Device] = field(default_factory=dict)

    @property
    def keeping(self) -> CustodianSettings:
        return CustodianSettings(data_dir=self.folder / "custodian", tls_dir=self.folder / "tls")

    def join(
        self, name: str, parts: Parts = HONEST, settings: DeviceSettings | None = None
    ) -> Device:
        self.open[name] = Device.create(
            self.folder / "homes" / name,
            KEY,
            name,
            self.services["provider"].url,
            self.folder / "tls" / "ca.crt",
            self.custodian_key,
            settings or DeviceSettings(media_wait_seconds=5.0),
            list_root=root_path(self.keeping.data_dir, 1).read_bytes(),
            parts=parts,
        )
        return self.open[name]

    def list_more(self, *pictures: bytes) -> None:
        catalogue = Catalogue.open(self.keeping.data_dir)
        for picture in pictures:
            catalogue.add(Statement(hash_of(picture).bits, "test"), wall_ms())
        catalogue.close()

    def staff(self, path: str) -> Any:
        with self.services["provider"].client() as http:
            headers = {"authorization": f"Bearer {STAFF}"}
            answer = http.get(f"/v1/staff/{path}", headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture(scope="module")
def village(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Village]:
    folder = tmp_path_factory.mktemp("village")
    dealer = Served(folder, "dealer")
    custodian = Served(folder, "custodian", dealer_url=dealer.url)
    provider = Served(
        folder,
        option="on_device",
        custodian_url=custodian.url,
        dealer_url=dealer.url,
        staff_token=STAFF,
        custodian_outage_rule="deliver",
        requests_per_minute=1_000_000,
    )
    identity = create_identity(folder / "custodian")
    made = Village(
        folder,
        identity.public_key,
        {"dealer": dealer, "custodian": custodian, "provider": provider},
    )
    made.list_more(jpeg(CHINA))
    publish_epoch(made.keeping, "on_device", lambda done, of: None)
    for service in made.services.values():
        service.start()
    for service in made.services.values():
        service.wait_until_ready()
    wait_for_epoch(provider)
    yield made
    for device in made.open.values():
        device.close()
    for service in reversed(made.services.values()):
        service.stop()


def wait_for_epoch(provider: Served) -> None:
    deadline = time.monotonic() + 60
    with provider.client() as http:
        while not http.get("/v1/health").json().get("epoch") and time.monotonic() < deadline:
            time.sleep(0.1)


def first_photo(sender: Device, to: str, data: bytes) -> Any:
    """Sent once the services have found each other and the list is here."""
    deadline = time.monotonic() + 40
    while True:
        try:
            sender.update_list()
            return sender.send_photo(to, data)
        except Exception:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.3)


def test_an_unlisted_photograph_goes_out_and_is_checked_by_its_recipient(village: Village) -> None:
    ada, ben = village.join("ada"), village.join("ben")
    assert first_photo(ada, "ben", jpeg(FLOWER)).checked == CHECKED
    (photo,) = shown_next(ben)
    assert isinstance(photo, Shown)
    assert (photo.picture, photo.checked) == (jpeg(FLOWER), CHECKED)
    ada.send_photo("ben", FLAT)  # a picture without a hash
    (photo,) = shown_next(ben)
    assert (photo.picture, photo.checked) == (FLAT, CHECKED)


def test_a_listed_photograph_is_blocked_before_it_is_sent_and_only_that(village: Village) -> None:
    cy, dan = village.join("cy"), village.join("dan")
    first_photo(cy, "dan", jpeg(FLOWER))
    shown_next(dan)
    for _ in range(2):
        with pytest.raises(PictureBlocked):
            cy.send_photo("dan", jpeg(CHINA, quality=60))
    cy.send_text("dan", "words flow on")
    assert [arrival.text for arrival in shown_next(dan)] == ["words flow on"]
    blocked = [each for each in village.staff("blocked")["blocked"] if each["account"] == "cy"]
    assert blocked
    assert all(each["evidence"]["confirmed"] is True for each in blocked)
    assert not [hold for hold in village.staff("holds")["holds"] if hold["sender"] == "cy"]


class SendsAnyway(Outgoing):
    """An app that never asks before it sends."""

    def clear(self, submission: Submission) -> None:
        del submission


def test_an_app_that_does_not_ask_before_sending_has_its_message_held_as_confirmed(
    village: Village,
) -> None:
    eve, fay = village.join("eve", replace(HONEST, outgoing=SendsAnyway)), village.join("fay")
    sent = first_photo(eve, "fay", jpeg(CHINA))
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        holds = [h for h in village.staff("holds")["holds"] if h["sender"] == "eve"]
        if holds:
            break
        time.sleep(0.1)
    assert [(hold["envelope_id"], hold["kind"]) for hold in holds] == [
        (sent.envelope_id.hex(), "confirmed")
    ]
    assert fay.sync(0.5) == []


@dataclass
class FindsNothing:
    """A half that looks into a map of nothing, whatever is on the list."""

    half: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.half, name)

    def begin(self, media: Any, secret: Any) -> Any:
        pending = self.half.begin(media, secret)
        return replace(pending, view=_Empty(pending.view))


@dataclass
class _Empty:
    view: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.view, name)

    def candidates(self, rows: Any) -> tuple[int, ...]:
        del rows
        return ()


def test_an_app_that_denies_a_candidate_is_caught_by_an_honest_recipient_and_proved_a_liar(
    village: Village,
) -> None:
    def denies(manifest: Any, ports: Any) -> DeviceHalf:
        half: DeviceHalf = FindsNothing(HONEST.make_half(manifest, ports))  # type: ignore[assignment]
        return half

    gus, hal = village.join("gus", replace(HONEST, make_half=denies)), village.join("hal")
    sent = first_photo(gus, "hal", jpeg(CHINA))
    (found,) = shown_next(hal)
    assert isinstance(found, Quarantined)
    assert "not this picture's" in found.reason
    reported = hal.report([sent.envelope_id], "other")
    assert (reported.accepted, reported.lies_proved) == (1, 1)


def test_a_picture_listed_today_is_found_with_the_day_s_small_update(village: Village) -> None:
    ivy, joe = village.join("ivy"), village.join("joe")
    assert first_photo(ivy, "joe", jpeg(ASTRONAUT)).checked == CHECKED
    shown_next(joe)
    village.list_more(jpeg(ASTRONAUT))
    publish_changes(village.keeping, lambda done, of: None)
    deadline = time.monotonic() + 60
    while ivy.list_status.version < 1 and time.monotonic() < deadline:
        time.sleep(0.3)
        ivy.update_list()
    with pytest.raises(PictureBlocked):
        ivy.send_photo("joe", jpeg(ASTRONAUT))
    # Joe's list is older than what Ivy's message was made with: he fetches the change first.
    ivy.send_photo("joe", jpeg(FLOWER))
    (photo,) = shown_next(joe)
    assert (photo.picture, photo.checked) == (jpeg(FLOWER), CHECKED)


def wait_until_it_confirms(village: Village, sender: Device) -> None:
    """Custodian, provider and dealer have found each other again."""
    deadline = time.monotonic() + 60
    while True:
        try:
            sender.send_photo("ben", jpeg(CHINA))
        except PictureBlocked:
            return
        except SoftfallError:
            pass
        assert time.monotonic() < deadline, "the custodian does not come back"
        time.sleep(0.3)


def test_what_was_sent_in_an_outage_is_looked_for_by_its_recipient_s_own_device(
    village: Village,
) -> None:
    kim, leo = village.join("kim"), village.join("leo")
    mia = village.join("mia", settings=DeviceSettings(look_at_received=False))
    for device in (kim, leo, mia):
        first_photo(device, "ben", jpeg(FLOWER))
    village.services["custodian"].stop()
    for recipient in ("leo", "mia"):
        sent = kim.send_photo(recipient, jpeg(CHINA), text="from the shore")
        assert sent.checked == UNCHECKED_OUTAGE
    kim.send_photo("leo", jpeg(FLOWER))
    kim.send_photo("leo", FLAT)
    village.services["custodian"].start()
    village.services["custodian"].wait_until_ready()
    wait_until_it_confirms(village, kim)
    (listed, flower, flat) = leo.sync(2.0)
    assert isinstance(listed, Quarantined)
    assert listed.reason == "on the list: found by this device"
    assert [shown.checked for shown in (flower, flat)] == [CHECKED_HERE] * 2
    assert [shown.picture for shown in (flower, flat)] == [jpeg(FLOWER), FLAT]
    assert leo.history() == [listed, flower, flat], "kept as it was told"
    (photo,) = mia.sync(2.0)  # her device was told not to look
    assert (photo.picture, photo.checked) == (jpeg(CHINA), UNCHECKED_OUTAGE)


def test_while_the_custodian_is_away_a_picture_of_the_outage_is_shown_as_unchecked(
    village: Village,
) -> None:
    ned, oda = village.join("ned"), village.join("oda")
    for device in (ned, oda):
        first_photo(device, "ben", jpeg(FLOWER))
    village.services["custodian"].stop()
    try:
        assert ned.send_photo("oda", jpeg(CHINA)).checked == UNCHECKED_OUTAGE
        (photo,) = shown_next(oda)
        assert (photo.picture, photo.checked) == (jpeg(CHINA), UNCHECKED_OUTAGE)
    finally:
        village.services["custodian"].start()
        village.services["custodian"].wait_until_ready()
