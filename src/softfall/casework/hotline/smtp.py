"""Handing one message to the operator's mail server, over TLS or not at all.

Guarantees: `send` never raises for what network or server do; each way it may end is an `Ending`,
and only "accepted" means that the server has taken the message over. No word of the message, and no
password, leaves before the server's certificate was checked.
Refuses, as `Ending.NO_TLS`: a server that offers no TLS, or whose certificate does not hold.
Source: SMTP, RFC 5321; STARTTLS, RFC 3207; TLS at once, RFC 8314.
"""

import smtplib
import ssl
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from enum import StrEnum
from typing import Final

from softfall.casework.hotline.mail import HotlineMisconfigured
from softfall.config import HotlineSettings

_READY: Final = 220
_ACCEPTED: Final = 250
_FORWARDED: Final = 251


class Ending(StrEnum):
    """How one try came out."""

    ACCEPTED = "accepted"
    NOT_SENT = "not sent"  # for certain; worth another try
    UNCERTAIN = "uncertain"  # the message was on its way when the line broke
    REFUSED = "refused"  # for good: another try would end alike
    NO_TLS = "no TLS"


@dataclass(frozen=True, slots=True)
class Told:
    """An ending, and what to tell a person: no content."""

    ending: Ending
    words: str


def send(message: EmailMessage, settings: HotlineSettings) -> Told:
    """Hand the message over once. Raises HotlineMisconfigured, before anything is asked."""
    context = _tls(settings)
    try:
        server = _connected(settings, context)
    except (OSError, smtplib.SMTPException) as error:
        return _failed(error)
    try:
        return _talk(server, message, settings, context)
    except (OSError, smtplib.SMTPException) as error:
        return _failed(error)
    finally:
        _leave(server)


def _talk(
    server: smtplib.SMTP, message: EmailMessage, settings: HotlineSettings, context: ssl.SSLContext
) -> Told:
    if settings.smtp_security == "starttls":
        code, _ = server.starttls(context=context)
        if code != _READY:
            return Told(Ending.NO_TLS, f"the mail server refused to begin TLS ({code})")
    if settings.smtp_username:
        server.login(settings.smtp_username, settings.smtp_password)
    return _hand_over(server, message, settings)


def _failed(error: OSError | smtplib.SMTPException) -> Told:
    """What an exception says, before any word of the message was on its way."""
    if isinstance(error, ssl.SSLError):
        return Told(Ending.NO_TLS, f"the mail server's TLS does not hold: {error.reason}")
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return Told(Ending.NO_TLS, "the mail server offers no STARTTLS, or no log-in")
    if isinstance(error, smtplib.SMTPResponseException):
        return _by_code(error.smtp_code, "the connection, or the log-in")
    return Told(Ending.NOT_SENT, f"no connection ({type(error).__name__})")


def _leave(server: smtplib.SMTP) -> None:
    """Say goodbye; what is answered changes nothing of how it came out."""
    with suppress(OSError, smtplib.SMTPException):
        server.quit()
    server.close()


def _hand_over(server: smtplib.SMTP, message: EmailMessage, settings: HotlineSettings) -> Told:
    server.ehlo_or_helo_if_needed()
    code, _ = server.mail(settings.email_from)
    if code != _ACCEPTED:
        return _by_code(code, "the sender")
    code, _ = server.rcpt(settings.email_to)
    if code not in (_ACCEPTED, _FORWARDED):
        return _by_code(code, "the hotline's address")
    try:
        code, _ = server.data(message.as_bytes())
    except smtplib.SMTPDataError as error:  # it did not want to begin
        return _by_code(error.smtp_code, "the message")
    except (OSError, smtplib.SMTPException) as error:
        told = f"the line broke while the message was on its way ({type(error).__name__})"
        return Told(Ending.UNCERTAIN, told)
    if code == _ACCEPTED:
        return Told(Ending.ACCEPTED, "the mail server took the message over")
    return _by_code(code, "the message")


def _by_code(code: int, what: str) -> Told:
    """4xx: later; 5xx: never; anything else is no SMTP."""
    ending = Ending.REFUSED if 500 <= code < 600 else Ending.NOT_SENT
    return Told(ending, f"the mail server refused {what} ({code})")


def _connected(settings: HotlineSettings, context: ssl.SSLContext) -> smtplib.SMTP:
    where = settings.smtp_host, settings.smtp_port
    if settings.smtp_security == "tls":
        return smtplib.SMTP_SSL(*where, timeout=settings.timeout_seconds, context=context)
    return smtplib.SMTP(*where, timeout=settings.timeout_seconds)


def _tls(settings: HotlineSettings) -> ssl.SSLContext:
    if not settings.smtp_host:
        raise HotlineMisconfigured("hotline.smtp_host is not set")
    try:
        context = ssl.create_default_context(cafile=settings.smtp_ca_file or None)
    except (OSError, ssl.SSLError):
        raise HotlineMisconfigured("hotline.smtp_ca_file holds no certificates") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
