"""A referral as an e-mail: a short text, the referral as JSON and PDF, and the evidence.

Guarantees: subject and text hold no word of the case but its number. With the hotline's certificate
everything but the outer headers is encrypted to it (S/MIME), and only then, or where the operator
says so, is the evidence attached; otherwise its digest says which bundle belongs to the referral.
A message that is sent again has the same Message-ID and date, so that its reader knows it again.
Refuses, as `HotlineMisconfigured`: a certificate that is none, has ended, or can't be encrypted to;
addresses that are none.
Limit: without the certificate, each mail server on the way can read the referral.
Source: RFC 5322, RFC 8551 (S/MIME 4.0, enveloped data).
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from softfall.config import HotlineSettings
from softfall.errors import OperatorError

_MIB: Final = 1024**2
_POLICY: Final = SMTP.clone(cte_type="7bit")  # not every server on the way takes eight bits

_TEXT = """\
This is a referral of case {case_id} from {service}.

Attached are the referral for people (referral.pdf) and for machines (referral.json, "softfall
referral 1").
{evidence}
If this message comes twice with the same Message-ID, it is the same referral.
"""
_ATTACHED = """\
The evidence is attached as evidence.zip; `softfall evidence verify` checks it. Its SHA-256 is
{sha256}.
"""
_NOT_ATTACHED = """\
The evidence is not attached: {why}. It is one file of {size_bytes} bytes, SHA-256
{sha256};
answer to this address and it is handed over on another way.
"""


class HotlineMisconfigured(OperatorError):
    """A setting of [hotline] is missing or can't be used; nothing was sent."""

    remedy = "Correct the setting that is named, under [hotline]; docs/hotline.md explains each."


@dataclass(frozen=True, slots=True)
class Letter:
    """What goes into a message. message_id: with its angle brackets. at_ms: its date."""

    case_id: str
    message_id: str
    at_ms: int
    page: bytes
    document: bytes
    bundle: bytes


def make_mail(letter: Letter, settings: HotlineSettings, service: str, now_ms: int) -> EmailMessage:
    """The message, ready to be sent. now_ms: when a certificate must be valid.

    Raises HotlineMisconfigured.
    """
    inner = EmailMessage(_POLICY)
    inner.set_content(_text(letter, settings, service))
    inner.add_attachment(
        letter.document, maintype="application", subtype="json", filename="referral.json"
    )
    inner.add_attachment(
        letter.page, maintype="application", subtype="pdf", filename="referral.pdf"
    )
    if not _why_not_attached(letter, settings):
        inner.add_attachment(
            letter.bundle, maintype="application", subtype="zip", filename="evidence.zip"
        )
    outer = inner
    if settings.certificate_file:
        certificate = _certificate(Path(settings.certificate_file), now_ms)
        outer = _enveloped(inner, certificate)
    outer["Message-ID"] = letter.message_id
    outer["Date"] = format_datetime(datetime.fromtimestamp(letter.at_ms // 1000, UTC))
    outer["From"] = _address("email_from", settings.email_from)
    outer["To"] = _address("email_to", settings.email_to)
    outer["Subject"] = f"Referral of case {letter.case_id}"
    return outer


def domain_of(settings: HotlineSettings) -> str:
    """The sending address's domain, for message ids. Raises HotlineMisconfigured."""
    return _address("email_from", settings.email_from).domain


def _text(letter: Letter, settings: HotlineSettings, service: str) -> str:
    sha256 = hashlib.sha256(letter.bundle).hexdigest()
    why = _why_not_attached(letter, settings)
    template = _NOT_ATTACHED if why else _ATTACHED
    evidence = template.format(why=why, size_bytes=len(letter.bundle), sha256=sha256)
    named = " ".join(service.split()) or "a messaging service"
    return _TEXT.format(case_id=letter.case_id, service=named, evidence=evidence)


def _why_not_attached(letter: Letter, settings: HotlineSettings) -> str:
    """Why the evidence stays here; empty where it goes along."""
    if not (settings.certificate_file or settings.attach_unencrypted):
        return "mail servers on the way could read it"
    if len(letter.bundle) > settings.max_mail_mib * _MIB:
        return "it is too large for a message"
    return ""


def _enveloped(inner: EmailMessage, certificate: x509.Certificate) -> EmailMessage:
    """The message under the certificate's key: AES-256, RSA."""
    body = (
        pkcs7.PKCS7EnvelopeBuilder()
        .set_data(inner.as_bytes())
        .add_recipient(certificate)
        .set_content_encryption_algorithm(AES256)
        .encrypt(Encoding.DER, [pkcs7.PKCS7Options.Binary])
    )
    outer = EmailMessage(_POLICY)
    outer.set_content(
        body, maintype="application", subtype="pkcs7-mime", filename="smime.p7m",
        params={"smime-type": "enveloped-data"},
    )  # fmt: skip
    return outer


def _certificate(path: Path, now_ms: int) -> x509.Certificate:
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError):
        raise HotlineMisconfigured("hotline.certificate_file holds no certificate") from None
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise HotlineMisconfigured("the hotline's certificate has ended, or has not begun")
    if not isinstance(certificate.public_key(), RSAPublicKey):
        raise HotlineMisconfigured("the hotline's certificate is not an RSA one")
    return certificate


def _address(setting: str, text: str) -> Address:
    """The one address that a setting holds, so that no header can be put in by it."""
    try:
        address = Address(addr_spec=text)
        known = bool(address.username and address.domain) and text.isascii()
    except (ValueError, IndexError, MessageError):
        known = False
    if not known:
        raise HotlineMisconfigured(f"hotline.{setting} is no e-mail address")
    return address
