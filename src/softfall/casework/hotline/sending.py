"""Sending referrals by e-mail: durable, safe to kill at any instant.

Guarantees: that the mail server is asked is on disk before it is asked, what it answered right
after; a process that dies in between leaves a state that says so, and the next one sends the same
message again under the same Message-ID. A lease keeps other processes away; a late answer of one
that outlived its lease is not taken. Waits longer after each failure, to an hour; what the server
refuses for good, or can't be sent without TLS, stops and waits for a person.
"""

import io
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Row, select

from softfall.casework.bundle import About, Signer, write_bundle
from softfall.casework.bundle_export import REFERRAL, case_parts
from softfall.casework.hotline import smtp
from softfall.casework.hotline.document import Referral
from softfall.casework.hotline.life import MailEvent, MailState
from softfall.casework.hotline.mail import Letter, make_mail
from softfall.casework.hotline.outbox import DOCUMENT, apply
from softfall.casework.hotline.page import draw_page
from softfall.casework.hotline.smtp import Ending, Told
from softfall.casework.hotline.tables import hotline_mails
from softfall.casework.referral.casefile import CaseFile
from softfall.casework.referral.sending import backoff_ms
from softfall.config import HotlineSettings
from softfall.errors import SoftfallError
from softfall.store.transactions import Database

LEASE_MS: Final = 10 * 60_000
SENDER: Final = "sender"

_EVENTS = {
    Ending.ACCEPTED: MailEvent.ACCEPTED,
    Ending.NOT_SENT: MailEvent.NOT_SENT,
    Ending.UNCERTAIN: MailEvent.UNCERTAIN,
    Ending.REFUSED: MailEvent.REFUSED,
    Ending.NO_TLS: MailEvent.REFUSED,
}
_DIED = "a process ended before the answer was written down"


class HotlineSender:
    """One process's sender. signer: of the evidence bundle.

    on_step: told "asking", "answered" and "recorded" around each try.
    """

    def __init__(
        self,
        db: Database,
        clock: Callable[[], int],
        settings: HotlineSettings,
        casefile: CaseFile,
        signer: Signer,
        on_step: Callable[[str], None] = lambda place: None,
    ) -> None:
        self._db = db
        self._clock = clock
        self._settings = settings
        self._casefile = casefile
        self._signer = signer
        self._on_step = on_step

    def run_once(self) -> bool:
        """Try one that is due; whether there was one."""
        if not self._settings.email_to:
            return False
        lease = secrets.token_hex(16)
        row = self._claim(lease)
        if row is None:
            return False
        self._on_step("asking")
        told = self._try(row)
        self._on_step("answered")
        self._record(row.row, lease, told)
        self._on_step("recorded")
        return True

    def _claim(self, lease: str) -> Row[Any] | None:
        """One that is due, leased, and said to be on its way."""
        now_ms = self._clock()
        with self._db.write() as tx:
            self._take_over(tx, now_ms)
            row = tx.execute(
                select(hotline_mails)
                .where(hotline_mails.c.state == MailState.QUEUED, hotline_mails.c.due_ms <= now_ms)
                .order_by(hotline_mails.c.due_ms, hotline_mails.c.row)
                .limit(1)
            ).one_or_none()
            if row is None:
                return None
            apply(
                tx, row, MailEvent.SEND, SENDER, f"try {row.failures + 1}", now_ms,
                lease_holder=lease, lease_until_ms=now_ms + LEASE_MS,
            )  # fmt: skip
            return row

    def _take_over(self, tx: Connection, now_ms: int) -> None:
        """What a dead process left on its way may have arrived."""
        left = select(hotline_mails).where(
            hotline_mails.c.state == MailState.SENDING, hotline_mails.c.lease_until_ms <= now_ms
        )
        for row in tx.execute(left).all():
            apply(tx, row, MailEvent.UNCERTAIN, SENDER, _DIED, now_ms, **_trouble(row, now_ms, 1))

    def _try(self, row: Row[Any]) -> Told:
        try:
            letter, service = self._letter(row)
            message = make_mail(letter, self._settings, service, self._clock())
            return smtp.send(message, self._settings)
        except SoftfallError as error:
            return Told(Ending.REFUSED, f"{error.name}: {error.what}")

    def _letter(self, row: Row[Any]) -> tuple[Letter, str]:
        """The message's parts, as they were at each try before, and the service's name."""
        with self._db.read() as tx:
            body = self._casefile.unseal(tx, row.case_id, DOCUMENT, row.sealed_document)
            referral = Referral.model_validate_json(body)
            facts = self._casefile.facts(tx, row.case_id)
            about = About(row.case_id, row.queued_at_ms, referral.service.name, REFERRAL)
            file = io.BytesIO()
            parts = case_parts(tx, self._casefile, facts, referral.case)
            write_bundle(file, about, parts, self._signer)
        font = Path(self._settings.font_file) if self._settings.font_file else None
        page = draw_page(referral, self._settings.name, font)
        letter = Letter(row.case_id, row.message_id, row.queued_at_ms, page, body, file.getvalue())
        return letter, referral.service.name

    def _record(self, number: int, lease: str, told: Told) -> None:
        """Write the answer down, unless another process took over meanwhile."""
        now_ms = self._clock()
        with self._db.write() as tx:
            row = tx.execute(select(hotline_mails).where(hotline_mails.c.row == number)).one()
            if row.lease_holder != lease or row.state != MailState.SENDING:
                return
            event = _EVENTS[told.ending]
            changes: dict[str, Any] = {"lease_holder": None, "lease_until_ms": 0}
            if event in {MailEvent.NOT_SENT, MailEvent.UNCERTAIN}:
                changes |= _trouble(row, now_ms, event is MailEvent.UNCERTAIN)
            apply(tx, row, event, SENDER, told.words, now_ms, **changes)


def _trouble(row: Row[Any], now_ms: int, unsure: int) -> dict[str, Any]:
    """What a try that came to nothing changes."""
    failures = row.failures + 1
    return {
        "failures": failures,
        "unsure": row.unsure + int(unsure),
        "due_ms": now_ms + backoff_ms(failures),
        "lease_holder": None,
        "lease_until_ms": 0,
    }
