"""A device's way to the provider in memory (provider.py): the `Transport` port, answer for answer.

Guarantees: each answer or refusal is the one that the real provider gives, by the very functions;
faults strike where the provider in memory is told to have them.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from softfall.device.outcomes import Reported
from softfall.device.surroundings import REAL
from softfall.device.transport import (
    AccusedByService,
    Claimed,
    Clearance,
    CustodianAway,
    Published,
    RefusedByService,
    RequestRejected,
    SaidByService,
    Service,
    ServiceUnreachable,
)
from softfall.errors import Blame, SoftfallError
from softfall.messaging.envelope import DELIVERY, MAILBOX, REPORT, SUBMISSION
from softfall.messaging.franking import verify_opened
from softfall.messaging.identity import SignedKey, verify_identity, verify_one_time_key
from softfall.messaging.notices import NOTICES
from softfall.options.contract import (
    Clear,
    CustodianHalf,
    Held,
    Submission,
)
from softfall.options.tokens import custodian as spending
from softfall.provider.lies import plain_lie
from softfall.testing.provider import InMemoryProvider, Member
from softfall.wire import Value

LIST_PIECE_BYTES = 16_384
_T = TypeVar("_T")
_KINDS = {
    Blame.CALLER: RequestRejected,
    Blame.PEER: AccusedByService,
    Blame.RULE: RefusedByService,
}


class InMemoryTransport:
    """One device's way to an `InMemoryProvider`."""

    def __init__(self, provider: InMemoryProvider, account: str, token: str) -> None:
        self.provider = provider
        self.account = account
        self.token = token

    def service(self) -> Service:
        """As the port says."""
        return self._call("service", self._service)

    def register(self, published: Published, token: str, registration_token: str) -> None:
        """As the port says."""
        del registration_token
        self._call("register", lambda: self._register(published, token), anyone=True)

    def publish_keys(self, keys: Sequence[SignedKey]) -> None:
        """As the port says."""

        def publish() -> None:
            member = self._member(self.account)
            member.keys += [verify_one_time_key(member.published.identity, key) for key in keys]

        self._call("publish_keys", publish)

    def key_count(self) -> int:
        """As the port says."""
        return self._call("key_count", lambda: len(self._member(self.account).keys))

    def identity(self, account: str) -> Published:
        """As the port says."""
        return self._call("identity", lambda: self._member(account).published)

    def claim(self, account: str) -> Claimed:
        """As the port says."""

        def take() -> Claimed:
            member = self._member(account)
            if not member.keys:
                raise ServiceUnreachable("the provider asks to come back later: NoKeysLeft")
            return Claimed(member.published, member.keys.pop(0))

        return self._call("claim", take)

    def ask(self, option: str, question: bytes) -> bytes:
        """As the port says."""
        return self._call("ask", lambda: self._ask(option, question))

    def attestation(self, nonce: bytes) -> bytes:
        """As the port says."""
        return self._call("attestation", lambda: self._attestation(nonce))

    def clear(self, option: str, submission: bytes, received: bool = False) -> Clearance:
        """What the provider's own judging says of it."""
        return self._call("clear", lambda: self._clear(submission))

    def issue_tokens(self, request: bytes) -> bytes:
        """As the port says."""
        return self._call("issue_tokens", lambda: self._issue_tokens(request))

    def put_attachment(self, sha256: bytes, body: bytes) -> None:
        """As the port says."""

        def put() -> None:
            if hashlib.sha256(body).digest() != sha256:
                raise RequestRejected("the file is not what its name says", "DigestMismatch")
            self.provider.files[sha256] = body

        self._call("put_attachment", put)

    def get_attachment(self, sha256: bytes) -> bytes:
        """As the port says."""

        def get() -> bytes:
            if sha256 not in self.provider.files:
                raise RequestRejected("there is no such file", "AttachmentUnknown")
            return self.provider.files[sha256]

        return self._call("get_attachment", get)

    def get_list(self, path: str, start: int) -> Iterator[bytes]:
        """As the port says, from `InMemoryProvider.lists`."""

        def get() -> bytes:
            body = self.provider.lists(path)
            if body is None:
                raise RequestRejected("there is no such file of the list", "ListFileMissing")
            return body

        body = self._call("get_list", get)
        for at in range(start, len(body), LIST_PIECE_BYTES):
            yield body[at : at + LIST_PIECE_BYTES]

    def post_envelope(self, envelope: bytes) -> None:
        """As the port says."""
        self._call("post_envelope", lambda: self.provider.take_in(self.account, envelope))

    def mailbox(self, after: int, wait_seconds: float) -> bytes:
        """As the port says; it never waits."""
        del wait_seconds

        def read() -> bytes:
            member = self._member(self.account)
            start = max(after, member.acknowledged)
            box = [self.provider.tamper(dict(d)) for d in member.mailbox if d["sequence"] > start]
            kept = [DELIVERY.accept(d, DELIVERY.name) for d in box[:100] if d is not None]
            return MAILBOX.encode(
                {"deliveries": list(kept), "notices": len(member.waiting_notices)}
            )

        return self._call("mailbox", read)

    def acknowledge(self, through: int) -> None:
        """As the port says."""

        def note() -> None:
            self._member(self.account).acknowledged = through

        self._call("acknowledge", note)

    def notices(self) -> bytes:
        """As the port says."""

        def read() -> bytes:
            told: list[Value] = [dict(n) for n in self._member(self.account).waiting_notices[:50]]
            return NOTICES.encode({"notices": told})

        return self._call("notices", read)

    def acknowledge_notices(self, through: int) -> None:
        """As the port says."""

        def note() -> None:
            self._member(self.account).notices_acknowledged = through

        self._call("acknowledge_notices", note)

    def appeal(self, notice_id: bytes, text: str) -> None:
        """As the port says, except that any notice may be appealed, at any time."""

        def take() -> None:
            earlier = self._member(self.account).appeals.setdefault(notice_id, text)
            if earlier != text:
                raise RefusedByService("this decision was appealed before", "AppealedAlready")

        self._call("appeal", take)

    def report(self, body: bytes) -> Reported:
        """As the port says."""
        return self._call("report", lambda: self._report(body))

    def close(self) -> None:
        """As the port says."""

    def _call(self, name: str, work: Callable[[], _T], anyone: bool = False) -> _T:
        provider = self.provider
        with provider.turn:
            if provider.away:
                raise ServiceUnreachable("the provider gave no answer: unreachable")
            provider.calls.append((self.account, name))
            provider.on_call(self.account, name, False)
            member = provider.members.get(self.account)
            if not anyone and (member is None or member.token != self.token):
                raise RefusedByService("the token is not good", "NotAuthenticated")
            try:
                answer = work()
            except SoftfallError as error:
                if error.blame in _KINDS and not isinstance(error, SaidByService):
                    raise _KINDS[error.blame](error.what, error.name) from None
                raise
            provider.on_call(self.account, name, True)
            return answer

    def _member(self, account: str) -> Member:
        member = self.provider.members.get(account)
        if member is None:
            raise RequestRejected("no account has this name", "UnknownAccount")
        return member

    def _service(self) -> Service:
        epoch = self.provider.epoch
        return Service(
            option=epoch.option if epoch else "none",
            epoch=epoch.number if epoch else 0,
            manifest=epoch.manifest if epoch else None,
            custodian_outage_rule="deliver",
            max_envelope_bytes=256 * 1024,
            max_attachment_bytes=33 * 1024 * 1024,
            server_time_ms=self.provider.now_ms(),
        )

    def _register(self, published: Published, token: str) -> None:
        verify_identity(published.identity, published.signature)
        fresh = Member(published, token)
        known = self.provider.members.setdefault(self.account, fresh)
        if (known.published, known.token) != (published, token):
            raise RefusedByService("this account name is taken", "AccountTaken")

    def _ask(self, option: str, ask: bytes) -> bytes:
        provider, epoch = self.provider, self.provider.epoch
        if epoch is None or option != epoch.option:
            raise RequestRejected("not this service's option", "OptionNotOffered")
        if provider.custodian_away:
            raise self._away()
        half: CustodianHalf = epoch.custodian_half
        asked = spending.read(ask)
        try:
            epoch.mint.check(asked)
            answer = half.answer(asked.question)
        except SoftfallError as error:
            if error.name == "OtherEpoch":
                raise RefusedByService("another epoch is in use", "WrongEpoch") from None
            raise
        if provider.spent.setdefault(asked.nonce, asked.sha256) != asked.sha256:
            raise RefusedByService("the token is spent", "TokenRefused")
        return answer

    def _attestation(self, nonce: bytes) -> bytes:
        if self.provider.attest is None:
            raise RequestRejected("there is no enclave here", "OptionNotOffered")
        if self.provider.custodian_away:
            raise self._away()
        return self.provider.attest(nonce)

    def _issue_tokens(self, request: bytes) -> bytes:
        provider, epoch = self.provider, self.provider.epoch
        if epoch is None:
            raise RequestRejected("nothing is asked here", "OptionNotOffered")
        if provider.custodian_away:
            raise self._away()
        count = epoch.mint.count(request)
        if provider.issued[self.account] + count > provider.tokens_per_account:
            raise RefusedByService("this account's tokens are used up", "TokensUsedUp")
        if provider.minted + count > provider.tokens_in_all:
            raise self._away()
        provider.issued[self.account] += count
        provider.minted += count
        return epoch.mint.issue(request)

    def _away(self) -> CustodianAway:
        voucher = REAL.random_bytes(16)
        self.provider.vouchers[voucher] = self.account
        return CustodianAway("the provider can't reach the custodian", voucher)

    def _clear(self, submission: bytes) -> Clearance:
        values: dict[str, Any] = SUBMISSION.decode(submission)
        verdict = self.provider.judged(self.account, Submission(**values))
        if isinstance(verdict, Clear):
            return "cleared"
        confirmed = isinstance(verdict, Held) and verdict.evidence.get("confirmed") is True
        return "blocked" if confirmed else "later"

    def _report(self, body: bytes) -> Reported:
        provider, values = self.provider, dict[str, Any](REPORT.decode(body))
        proved = [verify_opened(message, provider.receipt_keys) for message in values["messages"]]
        for opened in proved:
            receipt = opened.receipt.values()
            if not any(d["receipt"] == receipt for d in self._member(self.account).mailbox):
                raise AccusedByService("a message was not delivered here", "NotYourMessage")
            if (self.account, opened.receipt.mac) in provider.reported:
                raise RefusedByService("reported before", "ReportReplayed")
        provider.reported |= {(self.account, opened.receipt.mac) for opened in proved}
        lies = sum(plain_lie(opened) is not None for opened in proved)
        return Reported(hashlib.sha256(body).hexdigest()[:32], len(proved), lies)
