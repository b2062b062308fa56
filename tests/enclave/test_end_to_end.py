"""The whole way over real sockets: custodian, enclave and provider as processes, real devices."""

import os

import httpx
import pytest

from softfall.device.device import HONEST
from softfall.device.outcomes import CHECKED, UNCHECKED_OUTAGE, Quarantined, Shown
from softfall.edge.tls import client_context
from softfall.lists.index.hamming import words
from softfall.options.enclave.refusals import PcrNotAllowed
from softfall.testing.patched import AnotherPicture, cheating
from tests.compare import haystack
from tests.device.pictures import ASTRONAUT, CHINA, FLAT, FLOWER, hash_of, jpeg
from tests.provider.test_what_runs import NOBODYS_BUSINESS, Spy, holds_any

from .street import Street, measured_by, open_street, shown_next, until


@pytest.fixture(scope="module")
def spy(tmp_path_factory):
    return Spy(tmp_path_factory.mktemp("spy"))


@pytest.fixture(scope="module")
def street(tmp_path_factory, spy: Spy):
    folder = tmp_path_factory.mktemp("street")
    with open_street(folder, provider_environment=spy.environment) as made:
        yield made


def test_an_unlisted_photograph_is_delivered_and_checked(street: Street):
    ada, ben = street.join("ada"), street.join("ben")
    for data in (jpeg(FLOWER), FLAT):
        assert ada.send_photo("ben", data).checked == CHECKED
        (photo,) = shown_next(ben)
        assert isinstance(photo, Shown)
        assert (photo.picture, photo.checked) == (data, CHECKED)


def test_a_listed_photograph_is_held_as_confirmed_and_words_flow_on(street: Street):
    cy, dan = street.join("cy"), street.join("dan")
    sent = cy.send_photo("dan", jpeg(CHINA))
    assert sent.checked == CHECKED
    cy.send_text("dan", "words flow on")
    assert [a.text for a in shown_next(dan)] == ["words flow on"]
    hold = until(lambda: street.hold_of(sent.envelope_id))
    assert hold is not None
    assert hold["kind"] == "confirmed"


def test_one_attestation_serves_for_many_photographs(street: Street):
    gus, hal = street.join("gus"), street.join("hal")
    seen: list[str] = []
    fetch = gus._kit.attestations.fetch

    def counted(nonce: bytes) -> bytes:
        seen.append(nonce.hex())
        return fetch(nonce)

    object.__setattr__(gus._kit.attestations, "fetch", counted)
    for _ in range(3):
        gus.send_photo("hal", jpeg(FLOWER))
        shown_next(hal)
    assert len(seen) == 1


def test_a_sender_who_seals_another_picture_is_caught_by_an_honest_recipient(street: Street):
    victim = street.join("victim")
    decoy = hash_of(jpeg(ASTRONAUT))
    eve = street.join("eve", cheating(lambda half: AnotherPicture(half, decoy), HONEST))
    eve.send_photo("victim", jpeg(CHINA))
    (caught,) = shown_next(victim)
    assert isinstance(caught, Quarantined)
    assert caught.reason == "the submission is not this picture's: another picture"


def test_the_provider_holds_no_hash_anywhere_not_even_in_memory(street: Street):
    """It carried the list and the submissions; it could open neither."""
    ida, jon = street.join("ida"), street.join("jon")
    ida.send_photo("jon", jpeg(FLOWER))
    shown_next(jon)
    hashes = [hash_of(jpeg(name)).bits for name in (CHINA, FLOWER)]
    as_words = [words([bits]).tobytes() for bits in hashes]  # as the index and the kernel have them
    needles = [*hashes, *as_words, *(bits.hex().encode() for bits in hashes)]
    assert street.provider.process is not None
    assert street.enclave.process is not None
    pid = street.provider.process.pid
    with haystack.standing_still([pid]):
        found = found_in(haystack.memory(pid, 64), needles)
    found += found_in(haystack.files_below(street.folder / "provider", 64), needles)
    found += found_in(haystack.file(street.provider.log, "log", 64), needles)
    found += found_in(haystack.file(street.enclave.log, "the enclave's log", 64), needles)
    assert found == []
    # The same search finds the list where it belongs: in the enclave's memory.
    inside = street.enclave.process.pid
    with haystack.standing_still([inside]):
        assert found_in(haystack.memory(inside, 64), as_words[:1]) != []


def found_in(pieces, needles: list[bytes]) -> list[str]:
    found, unread = [], []
    for piece in pieces:
        unread += [piece.unread] if piece.unread else []
        found += [piece.place for needle in needles if needle in piece.body]
    return found


def test_the_enclave_makes_no_file(street: Street):
    """Its settings name no folder to write to; it has none open for writing but its log."""
    assert street.enclave.process is not None
    pid = street.enclave.process.pid
    written = [
        str(link.readlink())
        for link in (haystack._PROC / str(pid) / "fd").iterdir()
        if link.is_file() and int(flags_of(pid, link.name), 8) & (os.O_WRONLY | os.O_RDWR)
    ]
    assert set(written) <= {str(street.enclave.log)}


def flags_of(pid: int, descriptor: str) -> str:
    lines = (haystack._PROC / str(pid) / "fdinfo" / descriptor).read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith("flags"))


def test_the_running_provider_holds_no_half_but_its_own(street: Street, spy: Spy):
    modules = spy.modules()
    assert "softfall.options.enclave.provider" in modules
    inner = ("device", "enclave", "custodian", "kernel")
    halves = tuple(f"softfall.options.enclave.{half}" for half in inner)
    assert holds_any(modules, (*NOBODYS_BUSINESS, *halves, "softfall.enclave")) == []


def test_only_callers_of_the_installation_reach_the_enclave(street: Street):
    stranger = client_context(street.folder / "tls")
    with (
        httpx.Client(base_url=street.enclave.url, verify=stranger) as http,
        pytest.raises(httpx.HTTPError),
    ):
        http.get("/v1/health")
    provider = client_context(street.folder / "tls", "provider")
    with httpx.Client(base_url=street.enclave.url, verify=provider) as http:
        told = http.get("/v1/health").json()
    assert "SOFTWARE" in told["attester"]
    assert (told["core_dumps"], told["tracing"], told["new_privileges"]) == ("off", "off", "off")


def test_the_log_says_software_loudly_and_nothing_of_what_was_judged(street: Street):
    lines = street.enclave.log.read_text()
    first = lines.splitlines()[0]
    assert "SOFTWARE ATTESTATION, NOT HARDWARE" in first
    assert '"level": "warning"' in first
    for word in ("match", "clear", "Outcome", hash_of(jpeg(CHINA)).hex):
        assert word not in lines.lower()


def test_an_outage_of_the_enclave_holds_photographs_and_its_return_needs_no_hand(street: Street):
    kim, lee, mia = street.join("kim"), street.join("lee"), street.join("mia")
    kim.send_photo("lee", jpeg(FLOWER))
    shown_next(lee)
    street.enclave.kill()
    cached = kim.send_photo("lee", jpeg(FLOWER))
    assert cached.checked == CHECKED  # sealed to an enclave that was proved a moment ago
    hold = until(lambda: street.hold_of(cached.envelope_id))
    assert hold is not None
    assert hold["kind"] == "outage"
    first = mia.send_photo("lee", jpeg(FLOWER))
    assert first.checked == UNCHECKED_OUTAGE  # nothing was ever proved to this device
    hold = until(lambda: street.hold_of(first.envelope_id))
    assert hold is not None
    assert hold["kind"] == "outage"
    kim.send_text("lee", "words flow on")
    assert [a.text for a in shown_next(lee)] == ["words flow on"]

    carried = len(street.carried())
    street.enclave.start()
    street.enclave.wait_until_ready()
    assert until(lambda: len(street.carried()) > carried)
    # The device's cached document is of a key that died with the process: it proves the new one.
    assert kim.send_photo("lee", jpeg(FLOWER)).checked == CHECKED
    (photo,) = shown_next(lee)
    assert photo.checked == CHECKED
    listed = kim.send_photo("lee", jpeg(CHINA))
    hold = until(lambda: street.hold_of(listed.envelope_id))
    assert hold is not None
    assert hold["kind"] == "confirmed"


def test_an_epoch_more_is_carried_to_the_enclave_by_itself(street: Street):
    nat, ole = street.join("nat"), street.join("ole")
    street.list_photographs(jpeg(ASTRONAUT))
    epoch = street.publish()
    assert until(lambda: street.holds_epoch(epoch))
    sent = nat.send_photo("ole", jpeg(ASTRONAUT))
    hold = until(lambda: street.hold_of(sent.envelope_id))
    assert hold is not None
    assert hold["kind"] == "confirmed"
    nat.send_photo("ole", jpeg(FLOWER))
    assert isinstance(shown_next(ole)[0], Shown)


def test_under_the_luminance_policy_the_enclave_hashes_for_itself(street: Street):
    epoch = street.publish(enclave_policy="luminance")
    assert until(lambda: street.holds_epoch(epoch))
    pia, quin = street.join("pia"), street.join("quin")
    for data in (jpeg(FLOWER), FLAT):
        assert pia.send_photo("quin", data).checked == CHECKED
        (photo,) = shown_next(quin)
        assert (photo.picture, photo.checked) == (data, CHECKED)
    sent = pia.send_photo("quin", jpeg(CHINA))
    hold = until(lambda: street.hold_of(sent.envelope_id))
    assert hold is not None
    assert hold["kind"] == "confirmed"


def upgrade(street: Street) -> None:
    """One byte more in one module of the enclave, and the service started anew."""
    changed = street.installed / "softfall" / "enclave" / "app.py"
    changed.write_bytes(changed.read_bytes() + b"\n")
    street.enclave.kill()
    street.enclave.start()
    street.enclave.wait_until_ready()


def test_an_upgraded_enclave_is_refused_by_name_until_the_custodian_allows_it(street: Street):
    """The last test of this street: it leaves another enclave behind."""
    ros, sam = street.join("ros"), street.join("sam")
    assert ros.send_photo("sam", jpeg(FLOWER)).checked == CHECKED
    assert len(shown_next(sam)) == 1
    before, carried, held = measured_by(street.enclave), street.carried(), street.all_holds()

    upgrade(street)
    assert measured_by(street.enclave)[0] != before[0]
    with pytest.raises(PcrNotAllowed):  # by one who never met the old one,
        sam.send_photo("ros", jpeg(FLOWER))
    with pytest.raises(PcrNotAllowed):  # and by one who had it proved
        ros.send_photo("sam", jpeg(CHINA))
    assert ros.outbox() == sam.outbox() == []
    assert street.all_holds() == held
    assert street.carried() == carried  # the custodian gave it no list either

    street.allow_what_runs()
    epoch = street.publish()
    assert until(lambda: street.holds_epoch(epoch))
    assert ros.send_photo("sam", jpeg(FLOWER)).checked == CHECKED
    assert [photo.checked for photo in shown_next(sam)] == [CHECKED]
    listed = ros.send_photo("sam", jpeg(CHINA))
    hold = until(lambda: street.hold_of(listed.envelope_id))
    assert hold is not None
    assert hold["kind"] == "confirmed"
