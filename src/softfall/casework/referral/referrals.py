"""A case's referral as people meet it: draft, edit, read again, queue, take back, look it up.

Guarantees: a draft is drawn anew from the case and the saved edits each time; what is approved is a
digest of its very bytes, by somebody who did not write the edits (where a second reader is due);
it is queued only if the case is decided so, in the transaction that queues it, and only if nothing
in it has changed since. Nothing here talks to the authority: that is `sending`.
Refuses by name: edits on an old revision, a digest that no longer holds, one's own words as second
reader, a referral that was not approved or not decided, taking back what may be finished.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from softfall.audit import trail
from softfall.audit.chain import Detail
from softfall.casework.referral import moves
from softfall.casework.referral.casefile import CaseFile
from softfall.casework.referral.completeness import Completeness, measure
from softfall.casework.referral.compose import compose
from softfall.casework.referral.facts import Edits, ReferralFacts
from softfall.casework.referral.life import Event, State
from softfall.casework.referral.package import Package, from_json, pack
from softfall.casework.referral.standing import (
    Standing,
    awaits_approval,
    decided_unapproved,
    standing,
)
from softfall.casework.referral.tables import referral_files, referrals
from softfall.config import ReferralSettings
from softfall.errors import InputError, RefusedError
from softfall.store.transactions import Database

EDITS = "referral edits"
DOCUMENTS = "referral documents"


class DraftMoved(InputError):
    """The draft is not the one that was shown: it was edited, or its case has changed, since."""

    remedy = "Load the draft again, read what changed, and repeat."


class DraftClosed(RefusedError):
    """The referral is past drafting: it is queued, at the authority, or withdrawn."""

    remedy = "Withdraw it first, while that is possible; then edit it again."


class OwnWords(RefusedError):
    """Whoever wrote a referral's words can't be its second reader."""

    remedy = "Have somebody else read it."


class ReferralNotApproved(RefusedError):
    """Nobody has approved this referral's documents, so that nothing may be sent."""

    remedy = "Have a second person read the draft to its end and approve it."


class ReferralNotDecided(RefusedError):
    """The case is not decided as a referral, or its second reader has not agreed."""

    remedy = "Decide the case first; only a person's decision lets a referral out."


class TooLateToWithdraw(RefusedError):
    """The report is finished at the authority, or may be."""

    remedy = "Ask the authority, with the report's number, to disregard it."


@dataclass(frozen=True, slots=True)
class Draft:
    """A referral as it would be sent now, or as it was approved.

    facts, completeness: None once it is past drafting. approved_by: who approved this digest.
    package.report and each file's details are the bytes that the preview shows.
    """

    case_id: str
    state: State
    revision: int
    edits: Edits
    edited_by: str | None
    package: Package
    digest: str
    approved_by: str | None
    facts: ReferralFacts | None
    completeness: Completeness | None


class Referrals:
    """Every case's referral. clock: Unix time in milliseconds."""

    def __init__(
        self,
        db: Database,
        clock: Callable[[], int],
        settings: ReferralSettings,
        casefile: CaseFile,
        *,
        second_reader: bool = True,
    ) -> None:
        self._db = db
        self._clock = clock
        self._settings = settings
        self._casefile = casefile
        self._second_reader = second_reader

    def draft(self, case_id: str) -> Draft:
        """The case's referral; drawn from its facts until it is approved and queued.

        Raises what the case's rooms raise: CaseUnknown, EvidenceGone ...
        """
        with self._db.read() as tx:
            return self._draft(tx, case_id)

    def save_draft(self, case_id: str, who: str, edits: Edits, revision: int) -> Draft:
        """Keep a person's edits. revision: of the draft that they edited.

        What was approved before is approved no more. Raises DraftMoved, DraftClosed.
        """
        now_ms = self._clock()
        with self._db.write() as tx:
            row = self._begun(tx, case_id, now_ms)
            if row.state != State.DRAFT:
                raise DraftClosed(f"the referral is {row.state}")
            if row.revision != revision:
                raise DraftMoved("somebody else has saved the draft since it was loaded")
            sealed = self._casefile.seal(tx, case_id, EDITS, edits.model_dump_json().encode())
            change = {"revision": revision + 1, "edited_by": who, "sealed_edits": sealed}
            _update(tx, row, **change, **_UNAPPROVED)
            trail.append(tx, now_ms, who, "referral.drafted", case_id, {"revision": revision + 1})
            return self._draft(tx, case_id)

    def approve(self, case_id: str, who: str, digest: str) -> State:
        """`approve_in`, in a transaction of its own; queued at once if the case is decided so."""
        with self._db.write() as tx:
            self.approve_in(tx, case_id, who, digest)
            if self._casefile.is_decided(tx, case_id):
                return self.queue_sending(tx, case_id)
        return State.DRAFT

    def approve_in(self, tx: Connection, case_id: str, who: str, digest: str) -> None:
        """`who` has read the documents of this digest to their end, and agrees that they be sent.

        Raises OwnWords, DraftMoved, DraftClosed.
        """
        now_ms = self._clock()
        row = self._begun(tx, case_id, now_ms)
        if row.state != State.DRAFT:
            raise DraftClosed(f"the referral is {row.state}")
        if self._second_reader and row.edited_by == who:
            raise OwnWords("you wrote this referral's words")
        package = self._draft(tx, case_id).package
        if package.digest != digest:
            raise DraftMoved("the draft has changed since it was shown")
        sealed = self._casefile.seal(tx, case_id, DOCUMENTS, package.to_json())
        _update(
            tx, row, approved_digest=digest, approved_by=who, approved_at_ms=now_ms,
            sealed_documents=sealed,
        )  # fmt: skip
        _set_files(tx, row.row, [file.evidence_id for file in package.files])
        told: dict[str, Detail] = {"documents": digest[:32], "files": len(package.files)}
        trail.append(tx, now_ms, who, "referral.approved", case_id, told)

    def approved_edits(self, tx: Connection, case_id: str) -> Edits:
        """What a person added to a referral whose very documents are approved.

        Raises ReferralUnknown, ReferralNotApproved, DraftMoved.
        """
        row = moves.find(tx, case_id)
        if row.approved_digest is None:
            raise ReferralNotApproved("nobody has approved this referral's documents")
        draft = self._draft(tx, case_id)
        if draft.digest != row.approved_digest:
            raise DraftMoved("the case has changed since the referral was approved")
        return draft.edits

    def queue_sending(self, tx: Connection, case_id: str) -> State:
        """Let the approved documents out, in the transaction in which the decision became final.

        Returns DRAFT, with nothing changed, where no authority is configured: the referral then
        goes another way. Raises ReferralNotDecided, ReferralNotApproved, DraftMoved.
        """
        if not self._settings.cybertipline_url:
            return State.DRAFT
        now_ms = self._clock()
        row = self._begun(tx, case_id, now_ms)
        if row.state != State.DRAFT:
            return State(row.state)  # asked twice
        if not self._casefile.is_decided(tx, case_id):
            raise ReferralNotDecided("this case is not decided as a referral")
        if row.approved_digest is None:
            raise ReferralNotApproved("nobody has approved this referral's documents")
        if self._draft(tx, case_id).digest != row.approved_digest:
            raise DraftMoved("the case has changed since the referral was approved")
        told = "decided, and its documents approved"
        return moves.apply(
            tx, row, Event.APPROVED, row.approved_by, now_ms, told, due_ms=now_ms, failures=0
        )

    def withdraw(self, case_id: str, who: str, why: str) -> State:
        """Take it back before it is finished. Raises TooLateToWithdraw, ReferralUnknown."""
        with self._db.write() as tx:
            return self.withdraw_in(tx, case_id, who, why)

    def withdraw_in(self, tx: Connection, case_id: str, who: str, why: str) -> State:
        """`withdraw`, in the caller's transaction (an appeal that reverses the decision)."""
        row = moves.find(tx, case_id)
        if row.state in {State.WITHDRAWN, State.WITHDRAWING, State.DRAFT}:
            return State(row.state)
        state = moves.take_back(tx, row, who, why, self._clock())
        if state is None:
            raise TooLateToWithdraw(f"the referral is {row.state}")
        return state

    def begin_again(self, case_id: str, who: str, why: str) -> State:
        """A person has mended what stopped it. Raises UnknownReferralMove, ReferralUnknown."""
        return self._by_person(case_id, Event.BEGIN_AGAIN, who, why, failures=0)

    def mark_finished(self, case_id: str, who: str, why: str) -> State:
        """The authority told a person that it has the report. Raises UnknownReferralMove."""
        return self._by_person(case_id, Event.MARK_FINISHED, who, why)

    def edit_again(self, case_id: str, who: str, why: str) -> State:
        """Write a withdrawn one anew; it must be approved again. Raises UnknownReferralMove."""
        changes = {**_UNAPPROVED, "report_id": None}
        return self._by_person(case_id, Event.EDIT_AGAIN, who, why, **changes)

    def status(self, case_id: str) -> Standing:
        """Where it is, and every step. Raises ReferralUnknown."""
        with self._db.read() as tx:
            return standing(tx, moves.find(tx, case_id))

    def awaits_approval(self, case_id: str) -> bool:
        """Whether the case is decided as a referral, and its documents must still be read."""
        with self._db.read() as tx:
            return awaits_approval(tx, case_id)

    def awaiting_approval(self) -> list[str]:
        """Cases that are decided as referrals, whose documents somebody must still read."""
        with self._db.read() as tx:
            return [row.case_id for row in tx.execute(decided_unapproved()).all()]

    def attention(self) -> list[Standing]:
        """Referrals that wait for a person, oldest first."""
        wanted = select(referrals).where(referrals.c.note.is_not(None))
        with self._db.read() as tx:
            rows = tx.execute(wanted.order_by(referrals.c.state_since_ms)).all()
            return [standing(tx, row) for row in rows]

    def _by_person(self, case_id: str, event: Event, who: str, why: str, **changes: Any) -> State:
        now_ms = self._clock()
        with self._db.write() as tx:
            row = moves.find(tx, case_id)
            return moves.apply(tx, row, event, who, now_ms, why, due_ms=now_ms, **changes)

    def _draft(self, tx: Connection, case_id: str) -> Draft:
        kept = tx.execute(select(referrals).where(referrals.c.case_id == case_id)).one_or_none()
        edits = self._edits(tx, case_id, kept)
        if kept is not None and kept.state != State.DRAFT:
            body = self._casefile.unseal(tx, case_id, DOCUMENTS, kept.sealed_documents)
            return _closed(kept, edits, from_json(body))
        facts = _with_prior(tx, self._casefile.facts(tx, case_id))
        package = pack(compose(facts, edits, self._settings), facts)
        holds = kept is not None and kept.approved_digest == package.digest
        return Draft(
            case_id,
            State.DRAFT,
            kept.revision if kept is not None else 0,
            edits,
            kept.edited_by if kept is not None else None,
            package,
            package.digest,
            kept.approved_by if kept is not None and holds else None,
            facts,
            measure(facts, edits, self._settings),
        )

    def _edits(self, tx: Connection, case_id: str, kept: Row[Any] | None) -> Edits:
        if kept is None or kept.sealed_edits is None:
            return Edits()
        body = self._casefile.unseal(tx, case_id, EDITS, kept.sealed_edits)
        return Edits.model_validate_json(body)

    def _begun(self, tx: Connection, case_id: str, now_ms: int) -> Row[Any]:
        """The case's referral, made if need be."""
        kept = tx.execute(select(referrals).where(referrals.c.case_id == case_id)).one_or_none()
        if kept is not None:
            return kept
        facts = self._casefile.facts(tx, case_id)
        return tx.execute(
            insert(referrals)
            .values(
                case_id=case_id, subject=facts.subject, state=State.DRAFT, state_since_ms=now_ms,
                revision=0, begun=0, failures=0, due_ms=now_ms, lease_until_ms=0,
            )
            .returning(referrals)
        ).one()  # fmt: skip


_UNAPPROVED: dict[str, Any] = {
    "approved_digest": None,
    "approved_by": None,
    "approved_at_ms": None,
    "sealed_documents": None,
}


def _update(tx: Connection, row: Row[Any], **values: Any) -> None:
    tx.execute(update(referrals).where(referrals.c.row == row.row).values(values))


def _set_files(tx: Connection, row: int, evidence_ids: list[int]) -> None:
    tx.execute(delete(referral_files).where(referral_files.c.referral == row))
    for position, evidence_id in enumerate(evidence_ids):
        tx.execute(
            insert(referral_files).values(referral=row, position=position, evidence_id=evidence_id)
        )


def _with_prior(tx: Connection, facts: ReferralFacts) -> ReferralFacts:
    """The facts, with the numbers of earlier reports about the same account."""
    wanted = (
        select(referrals.c.report_id)
        .where(
            referrals.c.subject == facts.subject,
            referrals.c.case_id != facts.case_id,
            referrals.c.state == State.FINISHED,
            referrals.c.report_id.is_not(None),
        )
        .order_by(referrals.c.report_id)
    )
    return replace(facts, prior_reports=tuple(tx.execute(wanted).scalars()))


def _closed(kept: Row[Any], edits: Edits, package: Package) -> Draft:
    return Draft(
        kept.case_id, State(kept.state), kept.revision, edits, kept.edited_by, package,
        package.digest, kept.approved_by, None, None,
    )  # fmt: skip
