"""Real devices, the real provider and the real custodian, over TLS on real sockets."""

import dataclasses
import time

import pytest

from softfall.config import CustodianSettings, DeviceSettings
from softfall.custodian.catalogue import Catalogue
from softfall.custodian.clock import wall_ms
from softfall.custodian.keys import create_identity
from softfall.custodian.publish import publish_epoch
from softfall.device.device import HONEST, Device, Parts
from softfall.device.outcomes import CHECKED, UNCHECKED_OUTAGE, Quarantined, Shown
from softfall.device.transport import AccusedByService, RefusedByService, SaidByService
from softfall.lists.formats.fields import Importer
from softfall.lists.formats.forms import Form, read
from softfall.messaging.envelope import REPORT
from softfall.testing.patched import AnotherPicture, Junk, PassedOffAsText, cheating
from tests.provider.process import Served

from .pictures import ASTRONAUT, CHINA, FLAT, FLOWER, hash_of, jpeg

STAFF = "a staff token"
KEY = bytes(range(32))
SETTINGS = DeviceSettings(media_wait_seconds=0.5)


class Street:
    """Everybody's real devices."""

    def __init__(self, folder, custodian_key: bytes, provider: Served, custodian: Served) -> None:
        self.folder = folder
        self.custodian_key = custodian_key
        self.provider = provider
        self.custodian = custodian
        self.open: dict[str, Device] = {}

    def join(self, name: str, parts: Parts = HONEST) -> Device:
        authority = self.folder / "tls" / "ca.crt"
        self.open[name] = Device.create(
            self.folder / "homes" / name,
            KEY,
            name,
            self.provider.url,
            authority,
            self.custodian_key,
            SETTINGS,
            parts=parts,
        )
        return self.open[name]

    def staff(self, method: str, path: str, **more):
        with self.provider.client() as http:
            headers = {"authorization": f"Bearer {STAFF}"}
            answer = http.request(method, f"/v1/staff/{path}", headers=headers, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()


def shown_next(device: Device) -> list:
    """What comes within a few seconds: judging and delivery take a moment."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        arrivals = device.sync(2.0)
        if arrivals:
            return arrivals
    return []


@pytest.fixture(scope="module")
def street(tmp_path_factory):
    folder = tmp_path_factory.mktemp("street")
    custodian = Served(folder, "custodian")
    settings = CustodianSettings(data_dir=folder / "custodian", tls_dir=folder / "tls")
    identity = create_identity(settings.data_dir)
    listed = folder / "list.txt"
    listed.write_text(hash_of(jpeg(CHINA)).hex + "\n")
    catalogue = Catalogue.open(settings.data_dir)
    with listed.open("rb") as stream:
        catalogue.import_items(read(stream, Form.PLAIN, Importer(source="test")), wall_ms())
    catalogue.close()
    publish_epoch(settings, "split", lambda done, of: None)
    custodian.start()
    custodian.wait_until_ready()
    provider = Served(
        folder,
        custodian_url=custodian.url,
        custodian_outage_rule="hold",
        staff_token=STAFF,
        requests_per_minute=1_000_000,
    )
    provider.start()
    provider.wait_until_ready()
    made = Street(folder, identity.public_key, provider, custodian)
    yield made
    for device in made.open.values():
        device.close()
    provider.stop()
    if custodian.process is not None and custodian.process.poll() is None:
        custodian.stop()


def test_people_talk_and_send_photographs(street: Street):
    ada, ben = street.join("ada"), street.join("ben")
    ada.send_text("ben", "see you at the lake")
    (words,) = shown_next(ben)
    assert (words.sender, words.text) == ("ada", "see you at the lake")
    for data in (jpeg(FLOWER), FLAT):
        assert ada.send_photo("ben", data).checked == CHECKED
        (photo,) = shown_next(ben)
        assert isinstance(photo, Shown)
        assert (photo.picture, photo.checked) == (data, CHECKED)


def test_a_group_talks_and_sends_photographs(street: Street):
    names = ["gus", "hal", "ivy"]
    gus, hal, ivy = (street.join(name) for name in names)
    gus.send_photo(["hal", "ivy"], jpeg(FLOWER), text="for both")
    for member in (hal, ivy):
        (photo,) = shown_next(member)
        assert (photo.text, photo.checked, set(photo.members)) == ("for both", CHECKED, set(names))
    ivy.send_text(["gus", "hal"], "lovely")
    for member in (gus, hal):
        (words,) = shown_next(member)
        assert (words.sender, words.text) == ("ivy", "lovely")


def test_a_listed_photograph_is_held_until_a_person_decides(street: Street):
    """By the rule for outages: there is no dealer here, so nothing confirms."""
    cy, dan = street.join("cy"), street.join("dan")
    china = jpeg(CHINA)
    sent = cy.send_photo("dan", china)
    assert sent.checked == CHECKED
    cy.send_text("dan", "words flow on")
    assert [a.text for a in shown_next(dan)] == ["words flow on"]
    deadline = time.monotonic() + 20
    while not (holds := street.staff("GET", "holds")["holds"]) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert [hold["envelope_id"] for hold in holds] == [sent.envelope_id.hex()]
    decision = {"decision": "release", "reason": "a photograph of a temple"}
    street.staff("POST", f"holds/{sent.envelope_id.hex()}", json=decision)
    (photo,) = shown_next(dan)
    assert (photo.picture, photo.checked) == (china, CHECKED)


@pytest.mark.parametrize(
    ("name", "cheat"),
    [("junk", Junk), ("other", lambda half: AnotherPicture(half, hash_of(jpeg(ASTRONAUT))))],
)
def test_a_patched_sender_is_caught_by_an_honest_recipient(street: Street, name, cheat):
    victim = street.join(f"victim-of-{name}")
    eve = street.join(f"eve-{name}", cheating(cheat, HONEST))
    sent = eve.send_photo(victim.account, jpeg(CHINA))
    (caught,) = shown_next(victim)
    assert isinstance(caught, Quarantined)
    assert caught.reason.startswith("the submission is not this picture's")
    assert victim.report([sent.envelope_id], "child-safety").accepted == 1


def test_a_photograph_passed_off_as_text_is_a_lie_that_a_report_proves(street: Street):
    victim = street.join("victim-of-text")
    eve = street.join("eve-text", dataclasses.replace(HONEST, outgoing=PassedOffAsText))
    sent = eve.send_photo(victim.account, jpeg(CHINA))
    (caught,) = shown_next(victim)
    assert isinstance(caught, Quarantined)
    told = victim.report([sent.envelope_id], "child-safety")
    assert (told.accepted, told.lies_proved) == (1, 1)


def test_reports_open_chosen_messages_and_forgeries_are_refused(street: Street):
    kim, lea = street.join("kim"), street.join("lea")
    ids = [kim.send_text("lea", text).envelope_id for text in ("one", "two", "three")]
    seen = []
    while len(seen) < 3:
        seen += shown_next(lea)
    assert lea.report([ids[0], ids[2]], "harassment").accepted == 2
    with pytest.raises(RefusedByService) as again:
        lea.report([ids[0]], "harassment")
    assert again.value.name == "ReportReplayed"
    transport = lea._kit.transport
    real = transport.report

    def forge(body):
        values = REPORT.decode(body)
        (message,) = values["messages"]
        message = {**message, "content": message["content"].replace(b"two", b"owt")}
        return real(REPORT.encode({**values, "messages": [message]}))

    transport.report = forge
    with pytest.raises(AccusedByService) as forged:
        lea.report([ids[1]], "harassment")
    assert forged.value.name == "CommitmentBroken"
    transport.report = real
    assert lea.report([ids[1]], "spam").accepted == 1


def test_refusals_carry_the_services_own_names(street: Street):
    mia = street.join("mia")
    with pytest.raises(SaidByService) as caught:
        mia.send_text("nobody-at-all", "hello")
    assert caught.value.name == "UnknownAccount"
    with pytest.raises(SaidByService) as caught:
        street.join("mia two")
    assert caught.value.name == "BadAccountName"


def test_when_the_custodian_is_gone_words_flow_and_a_photograph_says_so(street: Street):
    """Last in this file: the custodian does not come back, and the provider has another rule."""
    street.provider.stop()
    rule = "custodian_outage_rule = "
    config = street.provider.config.read_text().replace(f'{rule}"hold"', f'{rule}"deliver"')
    street.provider.config.write_text(config)
    street.provider.start()
    street.provider.wait_until_ready()
    ned, oda = street.join("ned"), street.join("oda")
    ned.send_photo("oda", jpeg(FLOWER))
    assert shown_next(oda)[0].checked == CHECKED
    street.custodian.kill()
    sent = ned.send_photo("oda", jpeg(FLOWER))
    assert sent.checked == UNCHECKED_OUTAGE
    ned.send_text("oda", "words flow")
    seen = []
    while len(seen) < 2:
        seen += shown_next(oda)
    assert {a.checked for a in seen if a.picture} == {UNCHECKED_OUTAGE}
    assert [a.text for a in seen if not a.picture] == ["words flow"]
