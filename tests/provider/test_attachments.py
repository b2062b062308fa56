import hashlib
import os

import pytest

from softfall.provider.attachments import AttachmentStore
from softfall.provider.files import Files

from .cast import LISTED
from .conftest import House, Open

BODY = b"sealed picture"
DIGEST = hashlib.sha256(BODY).digest()
PATH = f"/v1/attachments/{DIGEST.hex()}"


def test_a_file_is_its_senders_until_sent_and_then_theirs_whom_it_was_delivered_to(
    house: House,
) -> None:
    ada, ben, eve = house.join("ada"), house.join("ben"), house.join("eve")
    ada.upload(BODY)
    assert [app.call("GET", PATH).status_code for app in (ada, ben, eve)] == [200, 404, 404]
    house.send(ada, ada.media("ben", attachment=DIGEST))
    answers = [app.call("GET", PATH) for app in (ada, ben, eve)]
    assert [answer.status_code for answer in answers] == [404, 200, 404]
    assert answers[1].content == BODY
    assert answers[1].headers["content-length"] == str(len(BODY))


def test_by_its_file_a_sender_can_not_tell_held_from_delivered_from_read(house: House) -> None:
    ada, ben = house.join("ada"), house.join("ben")

    def asked_by_sender(word: bytes, read: bool) -> list[object]:
        ada.upload(BODY)
        house.send(ada, ada.media("ben", word=word, attachment=DIGEST))
        if read:
            ben.ack(2**62)
        answers = [ada.call("GET", PATH), ada.post(ada.media("ben", attachment=DIGEST))]
        answers.append(ada.call("PUT", PATH, content=BODY))
        return [(answer.status_code, answer.content) for answer in answers]

    held = asked_by_sender(LISTED, read=False)
    assert asked_by_sender(b"free", read=False) == held
    assert asked_by_sender(b"free", read=True) == held
    assert [code for code, _ in held] == [404, 400, 200]  # type: ignore[misc]


def test_the_file_of_a_held_message_can_not_be_told_from_one_that_never_was(house: House) -> None:
    ada, ben = house.join("ada"), house.join("ben")
    ada.upload(BODY)
    house.send(ada, ada.media("ben", word=LISTED, attachment=DIGEST))
    held, never = ben.call("GET", PATH), ben.call("GET", f"/v1/attachments/{'0' * 64}")
    assert (held.status_code, held.content) == (never.status_code, never.content)
    assert held.json()["error"] == "AttachmentUnknown"


def test_nobody_sends_a_file_that_somebody_else_uploaded(house: House) -> None:
    ada, eve, _ = house.join("ada"), house.join("eve"), house.join("ben")
    ada.upload(BODY)
    answer = eve.post(eve.media("ben", attachment=DIGEST))
    assert (answer.status_code, answer.json()["error"]) == (400, "AttachmentMissing")


def test_bytes_of_another_digest_leave_no_file(house: House) -> None:
    ada = house.join("ada")
    answer = ada.call("PUT", PATH, content=b"something else")
    assert (answer.status_code, answer.json()["error"]) == (400, "DigestMismatch")
    assert house.service.attachments.files.all() == []
    assert ada.call("GET", PATH).status_code == 404


def test_a_file_over_the_limit_is_cut_off_and_leaves_nothing(open_house: Open) -> None:
    with open_house(option="none", max_attachment_bytes=5_000_000) as house:
        ada = house.join("ada")
        body = bytes(6_000_000)
        path = f"/v1/attachments/{hashlib.sha256(body).hexdigest()}"
        for content in (body, (bytes(1_000_000) for _ in range(6))):
            answer = ada.call("PUT", path, content=content)
            assert (answer.status_code, answer.json()["error"]) == (413, "RequestTooLarge")
        folder = house.service.settings.data_dir / "attachments"
        assert [path for path in folder.rglob("*") if path.is_file()] == []
        assert len(ada.upload(bytes(5_000_000))) == 32


def test_sending_the_same_file_again_is_harmless(house: House) -> None:
    ada = house.join("ada")
    assert ada.upload(BODY) == ada.upload(BODY)
    assert ada.call("GET", PATH).content == BODY


def test_a_file_is_kept_while_another_message_still_needs_it(house: House) -> None:
    ada, ben, cy = house.join("ada"), house.join("ben"), house.join("cy")
    for name in ("ben", "cy"):
        ada.upload(BODY)
        house.send(ada, ada.media(name, attachment=DIGEST))
    ben.ack(1)
    assert cy.call("GET", PATH).content == BODY
    cy.ack(1)
    assert not house.service.attachments.files.has(DIGEST)


def test_a_file_sent_again_with_its_message_does_not_outlive_it(house: House) -> None:
    ada, ben = house.join("ada"), house.join("ben")
    ada.upload(BODY)
    body = ada.media("ben", attachment=DIGEST)
    house.send(ada, body)
    ada.upload(BODY)
    house.send(ada, body)
    assert ben.call("GET", PATH).content == BODY
    ben.ack(1)
    assert not house.service.attachments.files.has(DIGEST)


def test_an_upload_that_no_message_named_is_forgotten_after_an_hour(house: House) -> None:
    ada, _ = house.join("ada"), house.join("ben")
    ada.upload(BODY)
    sent = ada.upload(b"named in time")
    house.send(ada, ada.media("ben", attachment=sent))
    house.clock.pass_hours(0.9)
    house.service.upkeep.round()
    assert ada.call("GET", PATH).status_code == 200
    house.clock.pass_hours(0.2)
    house.service.upkeep.round()
    assert ada.call("GET", PATH).status_code == 404
    assert house.service.attachments.files.all() == [sent]


def test_what_a_kill_left_half_done_is_gone_after_the_next_start(house: House) -> None:
    folder = house.service.settings.data_dir / "attachments"
    files = Files(folder)
    orphan = files.put(b"a file whose row was never written")
    half, arriving = folder / "parts" / "half", folder / "parts" / "arriving"
    for part in (half, arriving):
        part.write_bytes(b"half a fi")
    os.utime(half, (0, 0))
    ada = house.join("ada")
    kept = ada.upload(BODY)
    AttachmentStore(house.service.db, folder)
    assert files.all() == [kept]
    assert orphan not in files.all()
    # What another process may be writing just now is left to it.
    assert list((folder / "parts").iterdir()) == [arriving]


@pytest.mark.parametrize("name", ["0" * 63, "Z" * 64, "A" * 64, ".." + "0" * 62])
def test_a_name_that_is_no_digest_reaches_no_file(house: House, name: str) -> None:
    ada = house.join("ada")
    for method in ("GET", "PUT"):
        answer = ada.call(method, f"/v1/attachments/{name}")
        assert (answer.status_code, answer.json()["error"]) == (422, "InvalidRequest")
