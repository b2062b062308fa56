"""Looking at evidence: each view is allowed, counted and written down before anything is seen.

Guarantees: a view begins only inside the transaction that checks the person's limits
(`exposure.may_open`), counts it in full, and writes its line in the audit log with who, what and
why; so no number of requests at once, by any session or process, passes a limit. What is seen is
sent only after that transaction is on disk.
Refuses: nobody's case but one's own, a reason left out, what was deleted; and as a value, `NotNow`.
Leaves to the console: drawing a picture's region (edge/rendering.py), and showing it no longer than
the view lasts; a view that is never closed counts as long as it may last.
"""

from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, Row, insert, select, update

from softfall.audit import trail
from softfall.casework.cases import NotYourCase, check_escalation, find, waiting_proposal
from softfall.casework.evidence.seen import VIEWED
from softfall.casework.evidence.tables import evidence, views
from softfall.casework.evidence.vault import EvidenceGone, EvidenceUnknown, Vault
from softfall.casework.exposure import Allowed, NotNow, Rules, Wish, may_open
from softfall.casework.model import CaseState, EvidenceKind, Role, Severity
from softfall.casework.referral.standing import awaits_approval
from softfall.casework.rights import Deed, StaffRef, check
from softfall.casework.shifts import recorded
from softfall.casework.tables import cases
from softfall.config import CaseworkSettings
from softfall.errors import InputError
from softfall.media.rendered import CLEAREST, WHOLE

MIN_REASON: Final = 3
MAX_REASON: Final = 400


class ViewReasonMissing(InputError):
    """A view without a reason, or with one that is too long; nothing was opened."""

    remedy = f"Say why you need to look, in {MIN_REASON} to {MAX_REASON} characters."


class NotARegion(InputError):
    """This piece of evidence has no such region, or there is no such blur."""

    remedy = (
        "Pictures: region 0 to 8, or 9 for one tiny tile, blur 0 to 2; words: region 9, blur 0."
    )


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody asks to look at. region: 0 to 8, row by row; 9 (WHOLE) for words, and for one
    tiny tile of a picture. blur: 0, the strongest, to 2. reason: why, in their own words.
    """

    case_id: str
    evidence_id: int
    region: int
    reason: str
    blur: int = 0


@dataclass(frozen=True, slots=True)
class View:
    """A view that has begun. until_ms: when it must be over. left: as it was before this view."""

    view_id: int
    kind: EvidenceKind
    opened_at_ms: int
    until_ms: int
    left: Allowed


@dataclass(frozen=True, slots=True)
class Peeked:
    """What could be shown as things stand; nothing is counted yet. body: in the clear."""

    kind: EvidenceKind
    body: bytes = field(repr=False)


class Views:
    """Opens and closes views inside the caller's transaction."""

    def __init__(self, vault: Vault, settings: CaseworkSettings) -> None:
        self._vault = vault
        self._settings = settings
        self._rules = Rules.of(settings)

    def peek(self, tx: Connection, staff: StaffRef, asked: Asked, now_ms: int) -> Peeked | NotNow:
        """The evidence, so that its region can be drawn before the view begins.

        What it gives may be shown only once `open_view` has given a view.
        Raises what `open_view` raises.
        """
        row = self._checked(tx, staff, asked)
        told = self._may_open(tx, staff, row, now_ms)
        if isinstance(told, NotNow):
            return told
        return Peeked(EvidenceKind(row.kind), self._vault.open(tx, row.row))

    def open_view(
        self, tx: Connection, staff: StaffRef, asked: Asked, now_ms: int, *, partial: bool = False
    ) -> View | NotNow:
        """Begin a view: checked, counted, and in the audit log once the transaction is.

        partial: the file holds more than can be shown (an animation), so it never counts as whole.
        Raises CaseUnknown, NotYourRole, NotYourCase, ViewReasonMissing, NotARegion,
        EvidenceUnknown, EvidenceGone.
        """
        row = self._checked(tx, staff, asked)
        told = self._may_open(tx, staff, row, now_ms)
        if isinstance(told, NotNow):
            return told
        until_ms = told.at_ms + self._look_ms(row.kind)
        view_id: int = tx.execute(
            insert(views)
            .values(
                staff=staff.name,
                evidence=row.row,
                region=asked.region,
                severity=row.severity,
                opened_at_ms=told.at_ms,
                until_ms=until_ms,
            )
            .returning(views.c.row)
        ).scalar_one()
        trail.append(
            tx, now_ms, staff.name, VIEWED, asked.case_id,
            {
                "evidence": row.row, "kind": row.kind, "region": asked.region, "blur": asked.blur,
                "partial": partial, "reason": _reason(asked), "view": view_id,
            },
        )  # fmt: skip
        return View(view_id, EvidenceKind(row.kind), told.at_ms, until_ms, told)

    def _checked(self, tx: Connection, staff: StaffRef, asked: Asked) -> Row[Any]:
        """The evidence, with its case's severity."""
        _reason(asked)
        _check_may_see(tx, staff, asked.case_id)
        row = tx.execute(
            select(evidence, cases.c.severity)
            .join(cases, cases.c.row == evidence.c.case_row)
            .where(evidence.c.row == asked.evidence_id, cases.c.case_id == asked.case_id)
        ).one_or_none()
        if row is None:
            raise EvidenceUnknown(f"the case has no evidence {asked.evidence_id}")
        if row.sealed is None:
            raise EvidenceGone(f"evidence {asked.evidence_id} was deleted")
        picture = row.kind == EvidenceKind.PICTURE
        fits = 0 <= asked.blur <= (CLEAREST if picture else 0)
        if not fits or not (0 if picture else WHOLE) <= asked.region <= WHOLE:
            raise NotARegion(f"evidence {asked.evidence_id} has no such region, or blur")
        return row

    def _may_open(
        self, tx: Connection, staff: StaffRef, row: Row[Any], now_ms: int
    ) -> Allowed | NotNow:
        known = recorded(tx, staff.name, now_ms)
        wish = Wish(row.row, Severity(row.severity), self._look_ms(row.kind))
        return may_open(now_ms, known.shift, known.seen, self._rules, wish)

    def _look_ms(self, kind: str) -> int:
        picture = kind == EvidenceKind.PICTURE
        seconds = (
            self._settings.picture_view_seconds if picture else self._settings.text_view_seconds
        )
        return round(seconds * 1_000)


def close_view(tx: Connection, staff: StaffRef, view_id: int, now_ms: int) -> None:
    """End one of a person's own views; harmless when repeated, or when it is not theirs."""
    tx.execute(
        update(views)
        .where(
            views.c.row == view_id, views.c.staff == staff.name, views.c.closed_at_ms.is_(None)
        )
        .values(closed_at_ms=now_ms)
    )  # fmt: skip


def _reason(asked: Asked) -> str:
    reason = " ".join(asked.reason.split())
    if not MIN_REASON <= len(reason) <= MAX_REASON:
        raise ViewReasonMissing("a view needs a reason")
    return reason


def _check_may_see(tx: Connection, staff: StaffRef, case_id: str) -> None:
    """Whoever works on the case; any lead while a second reader or an appeal waits.

    So, too, while a referral that is decided waits for somebody to read its documents.
    """
    check(staff, Deed.SEE)
    case = find(tx, case_id)
    check_escalation(case, staff)
    if case.state == CaseState.IN_REVIEW and case.assigned_to == staff.name:
        return
    waits = case.state == CaseState.APPEALED or waiting_proposal(tx, case.row) is not None
    if staff.role is not Role.LEAD or not (waits or awaits_approval(tx, case_id)):
        raise NotYourCase("this case is not yours now, so neither is its evidence")
