"""Referrals by e-mail, to a real mail server: the gate, the message, and every fault."""

import hashlib
import io
import re
import zipfile
from email import message_from_bytes
from email.message import EmailMessage
from pathlib import Path
from typing import Any, ClassVar

import pytest
from cryptography.hazmat.primitives.serialization import pkcs7

from softfall.casework.bundle import Signer
from softfall.casework.bundle_check import check_bundle
from softfall.casework.hotline.document import Referral
from softfall.casework.hotline.life import MailEvent, MailState, UnknownMailMove
from softfall.casework.hotline.mail import HotlineMisconfigured
from softfall.casework.hotline.sending import LEASE_MS, HotlineSender
from softfall.casework.referral.referrals import ReferralNotApproved
from softfall.config import HotlineSettings
from tests.casework.hotline.street import EDITS, MailServer, Street, certificate
from tests.casework.office import HOUR_MS, LEA, MO, Office, report

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(200))
DIGEST = hashlib.sha256(PICTURE).hexdigest()


def state(street: Street, case_id: str) -> MailState | None:
    standing = street.outbox.status(case_id)
    return standing.state if standing else None


def attachments(message: EmailMessage) -> dict[str, bytes]:
    return {
        part.get_filename() or "": part.get_payload(decode=True)  # type: ignore[misc]
        for part in message.iter_attachments()
    }


def test_a_referral_goes_out_once_with_words_page_and_evidence(
    street: Street, server: MailServer
) -> None:
    case_id = street.referred(report(picture=DIGEST), PICTURE)
    assert state(street, case_id) is MailState.QUEUED
    assert street.sender.run_once()
    assert state(street, case_id) is MailState.SENT
    assert not street.sender.run_once()
    (message,) = server.messages
    assert (message["To"], message["From"]) == ("reports@hotline.example", "safety@chat.example")
    assert message["Subject"] == f"Referral of case {case_id}"
    inside = attachments(message)
    referral = Referral.model_validate_json(inside["referral.json"])
    assert referral.summary == EDITS.summary
    assert referral.case.case_id == case_id
    assert referral.decision.second_reader
    assert [m.text for s in referral.case.sources for m in s.messages] == ["hello there"]
    assert [picture.viewed for picture in referral.case.pictures] == [False]
    assert inside["referral.pdf"].startswith(b"%PDF-")
    verdict = check_bundle(
        io.BytesIO(inside["evidence.zip"]), frozenset({street.signer.public_key})
    )
    assert verdict.whole
    with zipfile.ZipFile(io.BytesIO(inside["evidence.zip"])) as bundle:
        assert bundle.read("evidence/evidence-1.png") == PICTURE
    assert street.office.audited(case_id)[-1] == "referral.mail_sent"


def test_no_word_of_the_case_is_outside_the_attachments(street: Street, server: MailServer) -> None:
    street.referred(report(words="a word that stays inside"))
    street.sender.run_once()
    (message,) = server.messages
    body = message.get_body()
    assert body is not None
    shown = message["Subject"] + body.get_content()
    assert "stays inside" not in shown
    assert EDITS.summary[:20] not in shown


def test_nobodys_name_of_the_staff_goes_out(street: Street, server: MailServer) -> None:
    street.referred(report(words="hello"))
    street.sender.run_once()
    (message,) = server.messages
    inside = attachments(message)
    with zipfile.ZipFile(io.BytesIO(inside["evidence.zip"])) as bundle:
        told = [bundle.read(name) for name in bundle.namelist()]
        assert "audit.jsonl" not in bundle.namelist()
    body = message.get_body()
    assert body is not None
    outside = f"{message.items()} {body.get_content()}".encode()
    everything = b" ".join([*told, inside["referral.json"], outside])
    assert not re.search(rb"\b(mo|lea)\b", everything)
    assert b"as the policy says" not in everything  # the decision's reason is for the record


def test_nothing_is_queued_before_a_second_person_agreed(
    street: Street, server: MailServer
) -> None:
    case_id = street.drafted(report())
    assert state(street, case_id) is None
    assert not street.sender.run_once()
    street.desk.second_read(case_id, LEA, False, "not enough")
    assert state(street, case_id) is None
    assert server.messages == []


def test_nothing_is_queued_whose_words_nobody_approved(street: Street) -> None:
    case_id = street.drafted(report())
    with street.office.db.write() as tx, pytest.raises(Exception, match="not decided"):
        street.outbox.queue_sending(tx, case_id)
    other = street.office.take_in(report(subject="cara"))
    street.office.desk.take(other, MO)
    street.referrals.save_draft(other, MO.name, EDITS, 0)
    street.office.refer(other)  # by a desk that knows of no referrals: decided, not approved
    with street.office.db.write() as tx, pytest.raises(ReferralNotApproved):
        street.outbox.queue_sending(tx, other)


@pytest.mark.parametrize(
    ("answer", "expected", "copies", "unsure"),
    [
        ("451 try later", MailState.QUEUED, 1, 0),
        ("hang up", MailState.QUEUED, 1, 1),
        ("drop", MailState.QUEUED, 2, 1),
        ("554 never", MailState.STOPPED, 1, 0),
    ],
)
def test_after_any_answer_it_arrives_and_a_copy_says_that_it_is_one(
    street: Street,
    server: MailServer,
    answer: str,
    expected: MailState,
    copies: int,
    unsure: int,
) -> None:
    case_id = street.referred(report(picture=DIGEST), PICTURE)
    server.answers = [answer]
    assert street.sender.run_once()
    assert state(street, case_id) is expected
    assert not street.sender.run_once()  # not at once
    if expected is MailState.STOPPED:
        assert [standing.case_id for standing in street.outbox.attention()] == [case_id]
        street.outbox.begin_again(case_id, LEA.name, "they mended it")
    street.office.later(HOUR_MS)
    assert street.sender.run_once()
    assert state(street, case_id) is MailState.SENT
    assert len(server.messages) == copies
    assert len({message["Message-ID"] for message in server.messages}) == 1
    assert len({message["Date"] for message in server.messages}) == 1
    bundles = {attachments(message)["evidence.zip"] for message in server.messages}
    assert len(bundles) == 1
    standing = street.outbox.status(case_id)
    assert standing is not None
    assert standing.unsure == unsure


class Died(BaseException):
    """The process is gone."""


@pytest.mark.parametrize(("place", "copies"), [("asking", 1), ("answered", 2), ("recorded", 1)])
def test_a_sender_that_dies_anywhere_loses_nothing(
    street: Street, server: MailServer, place: str, copies: int
) -> None:
    case_id = street.referred(report())

    def die(at: str) -> None:
        if at == place:
            raise Died

    office = street.office
    dying = HotlineSender(
        office.db, office.clock, street.settings, street.casefile, street.signer, die
    )
    with pytest.raises(Died):
        dying.run_once()
    assert not street.sender.run_once()  # another process keeps away while the lease lasts
    office.later(LEASE_MS)
    street.sender.run_once()
    office.later(HOUR_MS)
    street.sender.run_once()
    assert state(street, case_id) is MailState.SENT
    assert len(server.messages) == copies
    assert len({message["Message-ID"] for message in server.messages}) == 1


def test_a_late_answer_of_a_process_that_was_given_up_is_not_taken(
    street: Street, server: MailServer
) -> None:
    case_id = street.referred(report())
    office = street.office

    def sleep(at: str) -> None:
        if at == "answered":
            office.later(LEASE_MS + HOUR_MS)
            server.answers = ["554 never"]
            street.sender.run_once()  # takes it over
            office.later(HOUR_MS)
            street.sender.run_once()

    slow = HotlineSender(
        office.db, office.clock, street.settings, street.casefile, street.signer, sleep
    )
    slow.run_once()
    assert state(street, case_id) is MailState.STOPPED


@pytest.mark.parametrize(
    "changes",
    [
        {"smtp_ca_file": ""},  # the server's certificate is not by a public authority
        {"smtp_security": "tls"},  # it speaks STARTTLS, not TLS at once
        {"smtp_username": "us", "smtp_password": "wrong"},
    ],
)
def test_what_a_person_must_mend_stops_before_a_word_is_sent(
    office: Office, server: MailServer, signer: Signer, changes: dict[str, Any]
) -> None:
    street = Street(office, server.settings(**changes), signer)
    case_id = street.referred(report())
    street.sender.run_once()
    assert state(street, case_id) is MailState.STOPPED
    assert server.messages == []


def test_a_server_without_tls_gets_neither_password_nor_word(
    office: Office, tmp_path: Path, signer: Signer
) -> None:
    server = MailServer(tmp_path / "plain", starttls=False)
    server.start()
    login = {"smtp_username": "us", "smtp_password": "right"}
    street = Street(office, server.settings(**login), signer)
    case_id = street.referred(report())
    street.sender.run_once()
    server.stop()
    assert state(street, case_id) is MailState.STOPPED
    assert (server.messages, server.logins) == ([], [])
    standing = street.outbox.status(case_id)
    assert standing is not None
    assert "STARTTLS" in standing.steps[-1].told


def test_a_log_in_goes_over_tls(office: Office, server: MailServer, signer: Signer) -> None:
    login = {"smtp_username": "us", "smtp_password": "right"}
    street = Street(office, server.settings(**login), signer)
    case_id = street.referred(report())
    street.sender.run_once()
    assert state(street, case_id) is MailState.SENT
    assert server.logins == [(b"us", b"right")]


def test_a_refused_address_stops(street: Street, server: MailServer) -> None:
    server.recipient_answer = "550 nobody of that name"
    case_id = street.referred(report())
    street.sender.run_once()
    assert state(street, case_id) is MailState.STOPPED


def test_a_server_that_is_away_is_asked_again_later(street: Street, server: MailServer) -> None:
    case_id = street.referred(report())
    server.stop()
    street.sender.run_once()
    assert state(street, case_id) is MailState.QUEUED
    server.start()
    street.office.later(HOUR_MS)
    street.sender.run_once()
    assert state(street, case_id) is MailState.SENT


class TestWithdrawing:
    """Taking a referral back, by a person or by an appeal."""

    def test_in_time_nothing_is_sent(self, street: Street, server: MailServer) -> None:
        case_id = street.referred(report())
        street.outbox.withdraw(case_id, LEA.name, "a mistake")
        assert not street.sender.run_once()
        assert (state(street, case_id), server.messages) == (MailState.WITHDRAWN, [])

    def test_once_sent_it_can_not_be_taken_back(self, street: Street) -> None:
        case_id = street.referred(report())
        street.sender.run_once()
        with pytest.raises(UnknownMailMove):
            street.outbox.withdraw(case_id, LEA.name, "a mistake")
        assert state(street, case_id) is MailState.SENT


def test_evidence_is_not_attached_without_the_hotlines_certificate(
    office: Office, server: MailServer, signer: Signer
) -> None:
    street = Street(office, server.settings(), signer)
    street.referred(report(picture=DIGEST), PICTURE)
    street.sender.run_once()
    (message,) = server.messages
    assert set(attachments(message)) == {"referral.json", "referral.pdf"}
    body = message.get_body()
    assert body is not None
    assert "SHA-256" in body.get_content()


def test_evidence_that_is_too_large_is_named_instead(
    office: Office, server: MailServer, signer: Signer
) -> None:
    settings = server.settings(attach_unencrypted=True, max_mail_mib=1)
    street = Street(office, settings, signer)
    large = PICTURE + bytes(1024**2)
    digest = hashlib.sha256(large).hexdigest()
    street.referred(report(picture=digest), large)
    street.sender.run_once()
    (message,) = server.messages
    assert set(attachments(message)) == {"referral.json", "referral.pdf"}


class TestEncrypted:
    """With the hotline's certificate, nobody on the way reads anything."""

    WORDS: ClassVar[str] = "a word for the hotline alone"

    def test_only_the_hotline_can_read_it(
        self, office: Office, server: MailServer, signer: Signer, tmp_path: Path
    ) -> None:
        path, public, key = certificate(tmp_path)
        street = Street(office, server.settings(certificate_file=str(path)), signer)
        street.referred(report(words=self.WORDS, picture=DIGEST), PICTURE)
        street.sender.run_once()
        (message,) = server.messages
        assert message.get_content_type() == "application/pkcs7-mime"
        assert self.WORDS.encode() not in message.as_bytes()
        sealed = message.get_payload(decode=True)
        assert isinstance(sealed, bytes)
        inner = message_from_bytes(
            pkcs7.pkcs7_decrypt_der(sealed, public, key, []),
            _class=EmailMessage,  # type: ignore[arg-type]
        )
        names = {part.get_filename() for part in inner.walk() if part.get_filename()}
        assert names == {"referral.json", "referral.pdf", "evidence.zip"}

    def test_a_certificate_that_has_ended_stops_it(
        self, office: Office, server: MailServer, signer: Signer, tmp_path: Path
    ) -> None:
        path, _, _ = certificate(tmp_path, ended=True)
        street = Street(office, server.settings(certificate_file=str(path)), signer)
        case_id = street.referred(report())
        street.sender.run_once()
        assert (state(street, case_id), server.messages) == (MailState.STOPPED, [])


@pytest.mark.parametrize(
    "address", ["", "nobody", "a@b\r\nBcc: c@d", "a b@c", "@hotline.example", "ä@hotline.example"]
)
def test_an_address_that_is_none_stops_the_start(
    office: Office, server: MailServer, signer: Signer, address: str
) -> None:
    settings = HotlineSettings.model_validate(
        {**server.settings().model_dump(), "email_from": address}
    )
    with pytest.raises(HotlineMisconfigured):
        Street(office, settings, signer)


def test_every_step_is_on_record(street: Street, server: MailServer) -> None:
    case_id = street.referred(report())
    server.answers = ["451 later"]
    street.sender.run_once()
    street.office.later(HOUR_MS)
    street.sender.run_once()
    standing = street.outbox.status(case_id)
    assert standing is not None
    assert [step.event for step in standing.steps] == [
        MailEvent.QUEUE, MailEvent.SEND, MailEvent.NOT_SENT, MailEvent.SEND, MailEvent.ACCEPTED,
    ]  # fmt: skip
