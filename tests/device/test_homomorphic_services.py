"""Real devices under `homomorphic`, and all four services, over real sockets."""

import time
from collections.abc import Iterator

import pytest

from softfall.config import DeviceSettings
from softfall.device.device import HONEST, Device, Parts
from softfall.device.outcomes import CHECKED, Quarantined, Shown
from softfall.testing.patched import AnotherPicture, cheating
from tests.provider.homomorphic.town import Town

from .pictures import ASTRONAUT, CHINA, FLAT, FLOWER, hash_of, jpeg
from .test_real_services import KEY, shown_next


class Street:
    """Everybody's real devices, and the services behind them."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.open: list[Device] = []

    def join(self, name: str, parts: Parts = HONEST) -> Device:
        folder = self.town.folder
        self.open.append(
            Device.create(
                folder / "homes" / name,
                KEY,
                name,
                self.town.provider.url,
                folder / "tls" / "ca.crt",
                self.town.custodian_key,
                DeviceSettings(),
                parts=parts,
            )
        )
        return self.open[-1]

    def holds(self) -> list[dict[str, object]]:
        headers = {"authorization": "Bearer t"}
        with self.town.provider.client() as http:
            answer = http.get("/v1/staff/holds", headers=headers)
        return list(answer.json()["holds"])


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    town = Town(tmp_path_factory.mktemp("street"), hash_of(jpeg(CHINA)).bits)
    street = Street(town)
    try:
        town.start()
        town.wait_for_list()
        yield street
    finally:
        for device in street.open:
            device.close()
        town.stop()


def test_photographs_arrive_checked_and_a_listed_one_is_held_as_confirmed(street: Street) -> None:
    ada, ben = street.join("ada"), street.join("ben")
    for data in (jpeg(FLOWER), FLAT):
        assert ada.send_photo("ben", data).checked == CHECKED
        (photo,) = shown_next(ben)
        assert isinstance(photo, Shown)
        assert (photo.picture, photo.checked) == (data, CHECKED)
    sent = ada.send_photo("ben", jpeg(CHINA))
    assert sent.checked == CHECKED  # the sender's app is told the same, whatever comes of it
    ada.send_text("ben", "words flow on")
    assert [arrival.text for arrival in shown_next(ben)] == ["words flow on"]
    deadline = time.monotonic() + 20
    while not (holds := street.holds()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert [(h["envelope_id"], h["kind"]) for h in holds] == [(sent.envelope_id.hex(), "confirmed")]


def test_a_patched_sender_is_caught_by_an_honest_recipient_and_a_report_proves_it(
    street: Street,
) -> None:
    victim = street.join("victim")
    decoy = hash_of(jpeg(ASTRONAUT))
    eve = street.join("eve", cheating(lambda half: AnotherPicture(half, decoy), HONEST))
    sent = eve.send_photo("victim", jpeg(CHINA))
    (caught,) = shown_next(victim)
    assert isinstance(caught, Quarantined)
    assert caught.reason.startswith("the submission is not this picture's")
    told = victim.report([sent.envelope_id], "child-safety")
    assert (told.accepted, told.lies_proved) == (1, 1)
