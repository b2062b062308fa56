"""Asking the authority: one method a question, and a named outcome for whatever happens.

Guarantees: a method never raises for what the network or the authority does: no connection is
`NOT_SENT`, a connection that broke or was silent too long is `UNCERTAIN`; nothing is asked twice,
no redirection is followed, no proxy of the environment is used. The password goes to the one
configured address only.
Refuses, when made: plain http:// anywhere but on this machine (`PlainHttpRefused`), and an address
that is none (`AuthorityMisconfigured`).
Source: the CyberTipline reporting API: XML over HTTPS, HTTP basic authentication, prefix /ispws.
"""

from dataclasses import replace
from types import TracebackType
from typing import Any, Final, Self

import httpx

from softfall.casework.referral.life import Event
from softfall.casework.referral.replies import MAX_REPLY_BYTES, Reply, read
from softfall.config import ReferralSettings
from softfall.errors import OperatorError

PREFIX: Final = "/ispws"
_XML: Final = {"Content-Type": "text/xml; charset=utf-8"}
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1"})


class PlainHttpRefused(OperatorError):
    """The authority's address is plain http:// and not on this machine: nothing was sent."""

    remedy = "Set referral.cybertipline_url to an https:// address."


class AuthorityMisconfigured(OperatorError):
    """The authority's address, user name or password is missing or makes no sense."""

    remedy = "Set referral.cybertipline_url, _username and _password; docs/referral.md explains."


class Client:
    """One authority, one login. transport: only tests give one."""

    def __init__(
        self, settings: ReferralSettings, transport: httpx.BaseTransport | None = None
    ) -> None:
        url = _checked(settings)
        self.address: Final = str(url)
        self._http = httpx.Client(
            base_url=url.copy_with(path=url.path.rstrip("/") + PREFIX),
            auth=(settings.cybertipline_username, settings.cybertipline_password),
            timeout=settings.timeout_seconds,
            # A kept connection that the other side has closed looks like one that broke.
            limits=httpx.Limits(max_keepalive_connections=0),
            transport=transport,
            trust_env=False,
        )

    def status(self) -> Reply:
        """Whether the authority answers, and knows this login. Changes nothing."""
        return self._ask("GET", "/status")

    def submit(self, report: bytes) -> Reply:
        """Open a report; the reply has its number."""
        return _with_number(self._ask("POST", "/submit", content=report, headers=_XML))

    def upload(self, report_id: int, file_name: str, body: bytes) -> Reply:
        """Add a file to an open report; the reply has its number and MD5."""
        reply = self._ask(
            "POST",
            "/upload",
            data={"id": str(report_id)},
            files={"file": (file_name, body, "application/octet-stream")},
        )
        if reply.outcome is Event.ACCEPTED and not reply.file_id:
            return replace(reply, outcome=Event.UNCERTAIN, told="accepted, but without a file's id")
        return reply

    def describe(self, file_details: bytes) -> Reply:
        """Say what an uploaded file is."""
        return self._ask("POST", "/fileinfo", content=file_details, headers=_XML)

    def finish(self, report_id: int) -> Reply:
        """Hand the report over for good; the reply lists its files."""
        return self._ask("POST", "/finish", data={"id": str(report_id)})

    def retract(self, report_id: int) -> Reply:
        """Take an unfinished report back."""
        return self._ask("POST", "/retract", data={"id": str(report_id)})

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _ask(self, method: str, path: str, **what: Any) -> Reply:
        try:
            with self._http.stream(method, path, **what) as answer:
                body = bytearray()
                for piece in answer.iter_bytes():
                    body += piece
                    if len(body) > MAX_REPLY_BYTES:
                        break
                request_id = answer.headers.get("Request-ID", "")
                return read(answer.status_code, request_id, bytes(body))
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            return Reply(Event.NOT_SENT, f"no connection ({type(error).__name__})")
        except (httpx.TransportError, httpx.DecodingError) as error:
            return Reply(Event.UNCERTAIN, f"no whole answer ({type(error).__name__})")


def _with_number(reply: Reply) -> Reply:
    if reply.outcome is Event.ACCEPTED and reply.report_id is None:
        return replace(reply, outcome=Event.UNCERTAIN, told="accepted, but without a number")
    return reply


def _checked(settings: ReferralSettings) -> httpx.URL:
    try:
        url = httpx.URL(settings.cybertipline_url)
    except httpx.InvalidURL:
        raise AuthorityMisconfigured("referral.cybertipline_url is no address") from None
    if url.scheme not in {"https", "http"} or not url.host or url.userinfo or url.query:
        raise AuthorityMisconfigured("referral.cybertipline_url is no https:// address")
    if url.scheme == "http" and url.host not in _LOOPBACK:
        raise PlainHttpRefused(f"{url.host} would be asked over plain http")
    if not settings.cybertipline_username or not settings.cybertipline_password:
        raise AuthorityMisconfigured("no user name or password for the authority is set")
    return url
