"""One case whole, as a page shows it: facts, sources, timeline, what may be decided, and why not.

Guarantees: nothing of any content, no hash; what is in the vault is listed closed. Everything is
read in one view of the database, so that no page tells of two moments at once.
"""

import json
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, select

from softfall.casework import cases as case_rows
from softfall.casework import effects, rights
from softfall.casework.described import (
    AppealSeen,
    CaseView,
    DecisionSeen,
    EnactmentSeen,
    EvidenceListed,
    Happening,
    LinkSeen,
    SourceSeen,
)
from softfall.casework.effects import HoldState
from softfall.casework.evidence.tables import evidence
from softfall.casework.incoming import Enactment, HashFacts
from softfall.casework.model import CaseState, EvidenceKind, Outcome, Source
from softfall.casework.policies import OWN_PICTURE_WORDS
from softfall.casework.queue import rows_of
from softfall.casework.rights import Deed, StaffRef
from softfall.casework.tables import (
    appeals,
    cases,
    decisions,
    enactments,
    links,
    pictures,
    sources,
    timeline,
)


def view(tx: Connection, case_id: str, staff: StaffRef, second_reader_always: bool) -> CaseView:
    """The case whole. Raises CaseUnknown, NotYourRole."""
    rights.check(staff, Deed.SEE)
    case = case_rows.find(tx, case_id)
    known = case_rows.facts(tx, case, second_reader_always)
    return CaseView(
        row=rows_of(tx, [case])[0],
        version=case.newest_source,
        subjects=known.subjects,
        closed_why=case.closed_why,
        sources=_sources(tx, case.row),
        timeline=_timeline(tx, case.row),
        evidence=_evidence(tx, case.row),
        offers=effects.offers(known),
        proposed=effects.proposed(known),
        decisions=_decisions(tx, case.row),
        appeals=_appeals(tx, appeals.c.case == case.row),
        enactments=_enactments(tx, case.row),
        links=_links(tx, case.row),
        hash_alone=known.hash_alone,
        nothing_to_open=known.nothing_to_open,
        telling_withheld=known.telling_withheld,
        policy_words=OWN_PICTURE_WORDS if case.own_picture else "",
    )


def appeals_waiting(tx: Connection, staff: StaffRef) -> tuple[AppealSeen, ...]:
    """Appeals that nobody has decided, the oldest first. Raises NotYourRole."""
    rights.check(staff, Deed.SEE)
    return _appeals(tx, appeals.c.decided_at_ms.is_(None))


def _appeals(tx: Connection, which: ColumnElement[bool]) -> tuple[AppealSeen, ...]:
    asked = (
        select(appeals, cases.c.case_id, decisions.c.decision_id)
        .join(cases, cases.c.row == appeals.c.case)
        .join(decisions, decisions.c.row == appeals.c.decision)
        .where(which)
        .order_by(appeals.c.made_at_ms, appeals.c.row)
    )
    return tuple(
        AppealSeen(
            appeal_id=row.appeal_id,
            case_id=row.case_id,
            decision_id=row.decision_id,
            account=row.account,
            made_at_ms=row.made_at_ms,
            evidence_id=row.evidence,
            decided_by=row.decided_by,
            decided_at_ms=row.decided_at_ms,
            upheld=row.upheld,
            reason=row.reason,
        )
        for row in tx.execute(asked)
    )


def _sources(tx: Connection, case_row: int) -> tuple[SourceSeen, ...]:
    missing: dict[int, int] = {
        row.source: row.many
        for row in tx.execute(
            select(pictures.c.source, func.count().label("many"))
            .join(sources, sources.c.row == pictures.c.source)
            .where(sources.c.case == case_row, pictures.c.evidence.is_(None))
            .group_by(pictures.c.source)
        )
    }
    return tuple(
        SourceSeen(
            source=Source(row.source),
            origin=row.origin,
            reference=row.reference,
            subject=row.subject,
            reason=row.reason,
            kind=row.kind,
            arrived_at_ms=row.arrived_at_ms,
            reporter=row.reporter,
            child_at_risk_now=row.child_at_risk_now,
            escalated=row.escalated,
            hold_state=HoldState(row.hold_state) if row.hold_state else None,
            facts=HashFacts.model_validate_json(row.facts) if row.facts else None,
            pictures_missing=missing.get(row.row, 0),
        )
        for row in case_rows.sources_of(tx, case_row)
    )


def _timeline(tx: Connection, case_row: int) -> tuple[Happening, ...]:
    wanted = select(timeline).where(timeline.c.case == case_row).order_by(timeline.c.row)
    return tuple(
        Happening(
            at_ms=row.at_ms,
            who=row.who,
            what=row.what,
            start=CaseState(row.start) if row.start else None,
            end=CaseState(row.end) if row.end else None,
            words=row.words,
        )
        for row in tx.execute(wanted)
    )


def _evidence(tx: Connection, case_row: int) -> tuple[EvidenceListed, ...]:
    shown = (
        evidence.c.row,
        evidence.c.kind,
        evidence.c.label,
        evidence.c.size_bytes,
        evidence.c.added_at_ms,
        evidence.c.deleted_at_ms,
    )
    wanted = select(*shown).where(evidence.c.case_row == case_row).order_by(evidence.c.row)
    return tuple(
        EvidenceListed(
            evidence_id=row.row,
            kind=EvidenceKind(row.kind),
            label=row.label,
            size_bytes=row.size_bytes,
            added_at_ms=row.added_at_ms,
            deleted_at_ms=row.deleted_at_ms,
        )
        for row in tx.execute(wanted)
    )


def _decisions(tx: Connection, case_row: int) -> tuple[DecisionSeen, ...]:
    wanted = select(decisions).where(decisions.c.case == case_row).order_by(decisions.c.row)
    return tuple(_decision(row) for row in tx.execute(wanted))


def _decision(row: Row[Any]) -> DecisionSeen:
    return DecisionSeen(
        decision_id=row.decision_id,
        state=row.state,
        outcome=Outcome(row.outcome),
        reason=row.reason,
        policy_ref=row.policy_ref,
        restrict_days=row.restrict_days,
        accounts=tuple(json.loads(row.accounts)),
        override_reason=row.override_reason,
        proposed_by=row.proposed_by,
        proposed_at_ms=row.proposed_at_ms,
        second_reader=row.second_reader,
        second_reason=row.second_reason,
        final_at_ms=row.final_at_ms,
        told=row.told,
        appeal_until_ms=row.appeal_until_ms,
    )


def _enactments(tx: Connection, case_row: int) -> tuple[EnactmentSeen, ...]:
    wanted = select(enactments).where(enactments.c.case == case_row).order_by(enactments.c.row)
    made = []
    for row in tx.execute(wanted):
        body = Enactment.model_validate_json(row.body)
        made.append(
            EnactmentSeen(
                enactment_id=row.enactment_id,
                state=row.state,
                round=body.round,
                subject=body.subject,
                outcome=body.outcome,
                made_at_ms=row.made_at_ms,
                tries=row.tries,
                next_try_at_ms=row.next_try_at_ms,
                done_at_ms=row.done_at_ms,
                trouble=row.trouble,
                late=tuple((a, b, c) for a, b, c in json.loads(row.late or "[]")),
            )
        )
    return tuple(made)


def _links(tx: Connection, case_row: int) -> tuple[LinkSeen, ...]:
    wanted = (
        select(cases.c.case_id, cases.c.state, links.c.why)
        .join(cases, cases.c.row == links.c.other)
        .where(links.c.case == case_row)
        .order_by(links.c.other)
    )
    return tuple(LinkSeen(row.case_id, CaseState(row.state), row.why) for row in tx.execute(wanted))
