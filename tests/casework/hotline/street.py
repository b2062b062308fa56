"""A hotline's mail server, real, misbehaving on demand; and an office that refers to it."""

import datetime
import email
import email.policy
import socket
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from softfall.casework.bundle import Signer
from softfall.casework.desk import CaseDesk
from softfall.casework.hotline.outbox import BothWays, HotlineOutbox
from softfall.casework.hotline.sending import HotlineSender
from softfall.casework.incoming import Incoming
from softfall.casework.model import Outcome
from softfall.casework.referral.evidence_casefile import EvidenceCaseFile
from softfall.casework.referral.facts import Edits
from softfall.casework.referral.referrals import Referrals
from softfall.config import HotlineSettings, ReferralSettings
from softfall.edge.tls import init_tls
from tests.casework.office import LEA, MO, PROVIDER, Office, ruling

SERVICE = ReferralSettings(
    esp_name="A chat service",
    reporter_first_name="Noor",
    reporter_last_name="Example",
    reporter_email="safety@chat.example",
)
EDITS = Edits(summary="Somebody wrote to a child. Grüße.", reporter_is="recipient")


@dataclass
class MailServer:
    """Takes mail over STARTTLS. answers: what it says to each message, in order; then 250.

    "drop" takes the message and breaks the line instead of answering; "hang up" breaks it before.
    """

    folder: Path
    starttls: bool = True
    answers: list[str] = field(default_factory=list)
    messages: list[EmailMessage] = field(default_factory=list)
    logins: list[tuple[bytes, bytes]] = field(default_factory=list)
    recipient_answer: str = ""

    def __post_init__(self) -> None:
        init_tls(self.folder, datetime.datetime.now(datetime.UTC))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "provider.crt", self.folder / "provider.key")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._tls = context if self.starttls else None

    def start(self) -> None:
        self._controller = Controller(
            self, hostname="127.0.0.1", port=self.port, authenticator=self._authenticate,
            tls_context=self._tls, require_starttls=self.starttls,
        )  # fmt: skip
        self._controller.start()

    def stop(self) -> None:
        self._controller.stop()

    def settings(self, **changes: Any) -> HotlineSettings:
        values = {
            "name": "A hotline",
            "email_to": "reports@hotline.example",
            "email_from": "safety@chat.example",
            "smtp_host": "127.0.0.1",
            "smtp_port": self.port,
            "smtp_ca_file": str(self.folder / "ca.crt"),
        }
        return HotlineSettings.model_validate({**values, **changes})

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.recipient_answer:
            return self.recipient_answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        answer = self.answers.pop(0) if self.answers else "250 OK"
        if answer in {"250 OK", "drop"}:
            content = envelope.content
            assert isinstance(content, bytes)
            message = email.message_from_bytes(content, policy=email.policy.default)
            assert isinstance(message, EmailMessage)
            self.messages.append(message)
        if answer in {"drop", "hang up"}:
            assert server.transport is not None
            server.transport.abort()
            return "421 gone"
        return answer

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"right", handled=data.password == b"right")


class Street:
    """An office whose referrals go to a hotline by e-mail."""

    def __init__(self, office: Office, settings: HotlineSettings, signer: Signer) -> None:
        self.office = office
        self.settings = settings
        self.signer = signer
        self.casefile = EvidenceCaseFile(office.vault)
        self.referrals = Referrals(office.db, office.clock, SERVICE, self.casefile)
        self.outbox = HotlineOutbox(
            office.db, office.clock, (settings, SERVICE), self.casefile, self.referrals
        )
        self.sender = HotlineSender(office.db, office.clock, settings, self.casefile, signer)
        both = BothWays(self.referrals, self.outbox)
        self.desk = CaseDesk(office.db, office.clock, office.rules, office.vault, both)

    def drafted(self, incoming: Incoming, picture: bytes | None = None) -> str:
        """A case that was taken in, and a referral that was proposed, in words."""
        case_id = self.office.take_in(incoming)
        if picture is not None:
            wanted = incoming.messages[0].picture_sha256
            assert wanted is not None
            self.desk.put_picture(PROVIDER, incoming.reference, wanted, picture)
        self.referrals.save_draft(case_id, MO.name, EDITS, 0)
        self.desk.take(case_id, MO)
        self.desk.decide(case_id, MO, ruling(Outcome.REFER))
        return case_id

    def referred(self, incoming: Incoming, picture: bytes | None = None) -> str:
        """A case whose referral a second person read and agreed to."""
        case_id = self.drafted(incoming, picture)
        digest = self.referrals.draft(case_id).digest
        self.desk.second_read(case_id, LEA, True, "agreed", documents_digest=digest)
        return case_id


def certificate(
    folder: Path, *, ended: bool = False
) -> tuple[Path, x509.Certificate, rsa.RSAPrivateKey]:
    """The hotline's own certificate, in a file, with its private key."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hotline.example")])
    end = datetime.datetime(2020 if ended else 2100, 1, 1, tzinfo=datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.datetime(2019, 1, 1, tzinfo=datetime.UTC))
        .not_valid_after(end)
        .sign(key, hashes.SHA256())
    )
    path = folder / "hotline.pem"
    path.write_bytes(made.public_bytes(Encoding.PEM))
    return path, made, key
