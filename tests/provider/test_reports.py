import hashlib
import secrets
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from softfall.messaging.envelope import CONTENT, REPORT
from softfall.messaging.franking import Committed, commit, key_commitment
from softfall.provider.reports import ReportDesk
from softfall.provider.tables import reported_messages, reports

from .cast import LISTED, App
from .conftest import House

PICTURE = b"the bytes of a harmless picture"
Opened = dict[str, Any]


class Talk:
    """Ada writes to Ben, with real commitments; Ben opens what he wants to report."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.ada, self.ben, self.eve = (house.join(name) for name in ("ada", "ben", "eve"))

    def message(self, picture: bytes | None = None, **changes: Any) -> Opened:
        """Sent, delivered, and opened by its recipient."""
        envelope_id, key = secrets.token_bytes(16), secrets.token_bytes(32)
        sender = self.eve if changes.pop("sender", "ada") == "eve" else self.ada
        sealed, attachment = b"sealed " + secrets.token_bytes(8), None
        if picture is not None:
            file_key = secrets.token_bytes(32)
            attachment = {
                "key": file_key,
                "nonce": bytes(12),
                "plaintext_sha256": hashlib.sha256(picture).digest(),
                "ciphertext_sha256": hashlib.sha256(sealed).digest(),
                "key_commitment": key_commitment(file_key),
                "size_bytes": len(picture),
                "mime": "image/png",
            }
        content = CONTENT.encode(
            {
                "envelope_id": changes.pop("named_id", envelope_id),
                "text": "hello there",
                "attachment": attachment,
                "sent_at_ms": self.house.clock(),
            }
        )
        commitment = commit(key, Committed(sender.name, "a conversation", content))
        about = {"envelope_id": envelope_id, "commitment": commitment}
        with_file = changes.pop("with_file", picture is not None)
        word = changes.pop("word", b"free")
        if with_file:
            digest = sender.upload(sealed)
            body = sender.media("ben", attachment=digest, word=word, **about)
        else:
            body = sender.text("ben", **about)
        self.house.send(sender, body)
        delivered = {d["receipt"]["envelope_id"]: d["receipt"] for d in self.ben.mailbox()}
        return {
            "content": content,
            "franking_key": key,
            "receipt": delivered.get(envelope_id),
            "picture": picture,
            "opening": b"",
            "manifest": b"",
        }


@pytest.fixture
def talk(house: House) -> Talk:
    return Talk(house)


def encoded(*messages: Opened, reason: str = "unwanted", **changes: int) -> bytes:
    asked = {"reason": reason, "anonymous": 0, "in_danger_now": 0, **changes}
    return REPORT.encode({**asked, "messages": list(messages)})


def file(app: App, body: bytes) -> httpx.Response:
    return app.call("POST", "/v1/reports", content=body)


def refused(app: App, body: bytes) -> tuple[int, str]:
    answer = file(app, body)
    return answer.status_code, answer.json()["error"]


def kept(house: House) -> tuple[int, int, int]:
    with house.service.db.read() as tx:
        counted = [
            tx.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (reports, reported_messages)
        ]
    return (counted[0], counted[1], len(house.service.reports.pictures.all()))


def test_chosen_messages_are_proved_and_kept_and_no_others(talk: Talk, house: House) -> None:
    first, _, third = talk.message(), talk.message(), talk.message(PICTURE)
    answer = file(talk.ben, encoded(first, third))
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert (told["accepted"], told["lies_proved"]) == (2, 0)
    assert kept(house) == (1, 2, 1)
    pictures = house.service.reports.pictures
    assert pictures.read(hashlib.sha256(PICTURE).digest()) == PICTURE


def test_a_picture_may_be_reported_without_uploading_it(talk: Talk, house: House) -> None:
    opened = talk.message(PICTURE)
    assert file(talk.ben, encoded({**opened, "picture": None})).status_code == 201
    assert kept(house) == (1, 1, 0)


def test_an_answer_lost_on_the_way_may_be_asked_for_again(talk: Talk, house: House) -> None:
    body = encoded(talk.message())
    answers = [file(talk.ben, body) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201] * 3
    assert len({answer.content for answer in answers}) == 1
    assert kept(house) == (1, 1, 0)


def test_a_message_is_reported_once_by_one_reporter(talk: Talk, house: House) -> None:
    first, second = talk.message(), talk.message()
    assert file(talk.ben, encoded(first)).status_code == 201
    assert refused(talk.ben, encoded(second, first)) == (409, "ReportReplayed")
    assert refused(talk.ben, encoded(first, reason="spam")) == (409, "ReportReplayed")
    assert refused(talk.ben, encoded(second, second)) == (409, "ReportReplayed")
    assert kept(house) == (1, 1, 0)
    assert file(talk.ben, encoded(second)).status_code == 201


def test_nobody_reports_what_was_not_delivered_to_them(talk: Talk) -> None:
    opened = talk.message()
    assert refused(talk.eve, encoded(opened)) == (403, "NotYourMessage")
    assert refused(talk.ada, encoded(opened)) == (403, "NotYourMessage")


def test_a_held_message_can_not_be_reported_by_who_has_not_received_it(
    talk: Talk, house: House
) -> None:
    opened = talk.message(PICTURE, word=LISTED)
    assert opened["receipt"] is None
    with house.service.db.read() as tx:
        from softfall.messaging.envelope import RECEIPT
        from softfall.provider.tables import envelopes

        opened["receipt"] = RECEIPT.decode(tx.execute(select(envelopes.c.receipt)).scalar_one())
    assert refused(talk.ben, encoded(opened)) == (403, "NotYourMessage")


def in_receipt(name: str, value: object) -> Callable[[Opened], Opened]:
    return lambda opened: {**opened, "receipt": {**opened["receipt"], name: value}}


FORGERIES: list[tuple[str, str, Callable[[Opened], Opened]]] = [
    ("another sender", "ReceiptForged", in_receipt("sender", "eve")),
    ("another conversation", "ReceiptForged", in_receipt("conversation", "another")),
    ("another time", "ReceiptForged", in_receipt("received_at_ms", 1)),
    ("another key", "ReceiptForged", in_receipt("key_id", 9)),
    ("a made-up stamp", "ReceiptForged", in_receipt("mac", bytes(32))),
    ("another commitment", "ReceiptForged", in_receipt("commitment", bytes(32))),
    ("another option", "ReceiptForged", in_receipt("option", "none")),
    ("another franking key", "CommitmentBroken", lambda o: {**o, "franking_key": bytes(32)}),
    ("other words", "CommitmentBroken",
     lambda o: {**o, "content": o["content"].replace(b"hello", b"other")}),
    ("another picture", "OpeningMismatch", lambda o: {**o, "picture": b"another picture"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("error", "forge"), [row[1:] for row in FORGERIES], ids=[row[0] for row in FORGERIES]
)
def test_a_forged_message_spoils_the_whole_report(
    talk: Talk, house: House, error: str, forge: Callable[[Opened], Opened]
) -> None:
    good, bad = talk.message(), forge(talk.message(PICTURE))
    assert refused(talk.ben, encoded(good, bad)) == (403, error)
    assert kept(house) == (0, 0, 0)
    assert file(talk.ben, encoded(good)).status_code == 201


def test_words_of_one_message_under_the_receipt_of_another_are_refused(talk: Talk) -> None:
    one, other = talk.message(), talk.message()
    mixed = {**one, "receipt": other["receipt"]}
    assert refused(talk.ben, encoded(mixed)) == (403, "CommitmentBroken")


def test_a_content_that_names_another_envelope_is_refused(talk: Talk) -> None:
    opened = talk.message(named_id=bytes(16))
    assert refused(talk.ben, encoded(opened)) == (403, "OpeningMismatch")


def test_a_picture_with_a_message_that_has_none_is_refused(talk: Talk) -> None:
    assert refused(talk.ben, encoded({**talk.message(), "picture": PICTURE})) == (
        403, "OpeningMismatch",
    )  # fmt: skip


def test_a_picture_that_was_hidden_from_the_provider_is_a_proved_lie(talk: Talk) -> None:
    hidden = talk.message(PICTURE, with_file=False)
    decoy = talk.message(None, with_file=True)
    told = file(talk.ben, encoded(hidden, decoy, talk.message(PICTURE))).json()
    assert (told["accepted"], told["lies_proved"]) == (3, 2)


def test_what_is_older_than_the_report_window_is_refused(talk: Talk, house: House) -> None:
    opened = talk.message()
    house.clock.pass_hours(24 * 90 + 1)
    assert refused(talk.ben, encoded(opened)) == (410, "ReceiptTooOld")


def test_a_receipt_of_a_retired_key_still_proves_within_the_window(
    talk: Talk, house: House
) -> None:
    opened = talk.message()
    house.clock.pass_hours(24 * 89)
    talk.message()
    house.service.upkeep.round()
    assert file(talk.ben, encoded(opened)).status_code == 201


def test_an_acknowledged_message_can_still_be_reported(talk: Talk) -> None:
    opened = talk.message()
    talk.ben.ack(10)
    assert file(talk.ben, encoded(opened)).status_code == 201


def test_a_reason_off_the_list_and_junk_are_refused(talk: Talk, house: House) -> None:
    opened = talk.message()
    assert refused(talk.ben, encoded(opened, reason="because")) == (400, "UnknownReason")
    assert refused(talk.ben, b"junk") == (400, "MalformedMessage")
    assert refused(talk.ben, encoded(opened)[:-1]) == (400, "MalformedMessage")
    assert kept(house) == (0, 0, 0)


def test_pictures_of_a_report_that_a_kill_cut_off_are_gone_after_the_next_start(
    talk: Talk, house: House
) -> None:
    file(talk.ben, encoded(talk.message(PICTURE)))
    pictures = house.service.reports.pictures
    pictures.put(b"a picture whose report was never written")
    folder = house.service.settings.data_dir / "reports"
    ReportDesk(house.service.db, folder, 1, house.service.reports.examiner, house.service.outbox)
    assert pictures.all() == [hashlib.sha256(PICTURE).digest()]
