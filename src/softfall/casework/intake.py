"""Taking in what opens or joins a case, the pictures that follow, and news of holds.

Guarantees: what is handed in twice under one reference is there once; words and pictures go into
the vault in the same transaction that takes them in, and nowhere else; a picture is kept only if
its digest was told before, and once a case. The clock at the provider may close a case, never
decide it.
Refuses, by name: another thing under a reference that was used; a picture that nobody told of, or
that is not what its digest says; what only the provider may tell (holds, reports, proofs).
"""

import hashlib
import secrets
from enum import StrEnum
from typing import Any, Protocol

from sqlalchemy import Connection, Row, exists, insert, select, update

from softfall.casework import cases as case_rows
from softfall.casework import joining
from softfall.casework.cases import PROVIDER, Doer
from softfall.casework.effects import HoldState
from softfall.casework.evidence.tables import evidence_keys
from softfall.casework.incoming import HashFacts, HoldMoved, Incoming, TakenIn
from softfall.casework.life import JOINABLE, Actor
from softfall.casework.model import CLOCK, INTAKE, CaseState, EvidenceKind, Severity, Source
from softfall.casework.priority import Category
from softfall.casework.tables import cases, pictures, sources
from softfall.errors import InputError, RefusedError

RELEASED_BY_TIME = "released by time: nobody decided about an unconfirmed hold"

_INTAKE = Doer(INTAKE, Actor.INTAKE)
_CLOCK = Doer(CLOCK, Actor.CLOCK)
_OWN_SOURCES = frozenset({Source.SURFACE, Source.TOOL})


class ReferenceTaken(InputError):
    """Something else was handed in under this reference before."""

    remedy = "Give each thing a reference of its own; repeat one only to hand in the very same."


class ReferenceUnknown(InputError):
    """Nothing was handed in under this reference by whoever asks."""

    remedy = "Hand it in first, or look at the reference again."


class PictureNotWanted(InputError):
    """No picture of this digest was told of under this reference."""

    remedy = "Name the picture's SHA-256 when handing the thing in."


class PictureAltered(InputError):
    """The bytes are not those that the digest names."""

    remedy = "Send the very bytes that the SHA-256 was made from."


class NotYoursToTell(RefusedError):
    """Only the provider, which proves them, may hand in holds, reports, matches and appeals."""

    remedy = "A tool hands in what it has itself: source `tool` or `surface`, without a hold."


class PictureTaken(StrEnum):
    """What became of a picture."""

    KEPT = "kept"
    KNOWN = "known"  # it was there
    TOO_LATE = "too late"  # the case's evidence was deleted


class EvidenceStore(Protocol):
    """What the vault offers; `evidence.vault.Vault` is one."""

    def new_case_key(self, tx: Connection, case_row: int) -> None:
        """Make a case's own key."""

    def put(
        self,
        tx: Connection,
        case_row: int,
        kind: EvidenceKind,
        body: bytes,
        source_row: int | None,
        now_ms: int,
        label: str = "",
    ) -> int:
        """Keep a piece of evidence; its number."""

    def keyed_digest(self, value: bytes) -> bytes:
        """By what equal values are known again."""


def take_in(
    tx: Connection, vault: EvidenceStore, origin: str, incoming: Incoming, now_ms: int
) -> TakenIn:
    """Open a case, or join one. Raises NotYoursToTell, ReferenceTaken, EvidenceTooLarge."""
    trusted = origin == PROVIDER
    if not trusted:
        _check_own(incoming)
    digest = vault.keyed_digest(b"body|" + _told(incoming))
    known = _known(tx, origin, incoming.reference)
    if known is not None:
        if bytes(known.body_digest) != digest:
            raise ReferenceTaken("this reference was used for something else")
        _complete_facts(tx, known, incoming)
        return _answer(tx, vault, known, incoming)
    keys = joining.keys_of(incoming, vault.keyed_digest, trusted=trusted)
    joined = joining.to_join(tx, keys)
    case_row = joined.case.row if joined else _open(tx, incoming, now_ms)
    vault.new_case_key(tx, case_row)
    source = _add_source(tx, case_row, origin, incoming, digest, now_ms)
    _keep_words(tx, vault, case_row, source, incoming, now_ms)
    _expect_pictures(tx, vault, case_row, source, incoming, now_ms)
    joining.remember(tx, case_row, keys)
    joining.link(tx, case_row, joining.related(tx, keys, case_row), now_ms)
    opened_at_ms = joined.case.opened_at_ms if joined else now_ms
    case_rows.refresh(tx, case_row, opened_at_ms)
    case = tx.execute(select(cases).where(cases.c.row == case_row)).one()
    _tell(tx, case, origin, incoming, joined.why if joined else "", now_ms)
    if incoming.escalated:
        words = "the provider escalated it: nobody decided in time"
        case_rows.escalate(tx, case, _INTAKE, words, now_ms)
    return _answer(tx, vault, _known(tx, origin, incoming.reference), incoming)


def put_picture(
    tx: Connection, vault: EvidenceStore, origin: str, reference: str, sha256: str, body: bytes,
    now_ms: int,
) -> PictureTaken:  # fmt: skip
    """Keep a picture that was told of. sha256: in hex.

    Raises ReferenceUnknown, PictureNotWanted, PictureAltered, EvidenceTooLarge.
    """
    source = _known(tx, origin, reference)
    if source is None:
        raise ReferenceUnknown("nothing was handed in under this reference")
    digest = joining.picture_digest(sha256, vault.keyed_digest)
    mine = (pictures.c.source == source.row) & (pictures.c.digest == digest)
    wanted = tx.execute(select(pictures).where(mine)).one_or_none()
    if wanted is None:
        raise PictureNotWanted("no picture of this digest was told of")
    if hashlib.sha256(body).hexdigest() != sha256:
        raise PictureAltered("the bytes are not what the digest says")
    if wanted.evidence is not None:
        return PictureTaken.KNOWN
    if is_emptied(tx, source.case):
        return PictureTaken.TOO_LATE
    label = f"picture {wanted.position + 1} of {source.source} {source.row}"
    kind = EvidenceKind.PICTURE
    number = vault.put(tx, source.case, kind, body, source.row, now_ms, label)
    _arrived(tx, source.case, digest, number, now_ms)
    case_id = tx.execute(select(cases.c.case_id).where(cases.c.row == source.case)).scalar_one()
    case_rows.note(tx, source.case, _INTAKE, "picture", f"a picture came: {label}", now_ms)
    case_rows.audit(tx, INTAKE, "evidence.added", case_id, now_ms, evidence=number, kind=str(kind))
    return PictureTaken.KEPT


def hold_moved(tx: Connection, origin: str, news: HoldMoved, now_ms: int) -> None:
    """Write down what the provider's clock did to a hold. Harmless when repeated.

    Raises NotYoursToTell, ReferenceUnknown.
    """
    if origin != PROVIDER:
        raise NotYoursToTell("only the provider tells of holds")
    source = _known(tx, origin, news.reference)
    if source is None or source.hold_state is None:
        raise ReferenceUnknown("no hold was handed in under this reference")
    case = tx.execute(select(cases).where(cases.c.row == source.case)).one()
    if news.state == "escalated":
        if source.escalated:
            return
        tx.execute(update(sources).where(sources.c.row == source.row).values(escalated=True))
        case_rows.refresh(tx, case.row, case.opened_at_ms)
        if case.state in JOINABLE:
            words = "nobody decided about a confirmed hold in time"
            case_rows.escalate(tx, case, _CLOCK, words, now_ms)
        return
    if source.hold_state != HoldState.HELD:
        return
    set_hold(tx, source.row, HoldState(news.state))
    case_rows.note(tx, case.row, _CLOCK, f"hold {news.state}", "by the provider's clock", now_ms)
    case_rows.audit(
        tx, CLOCK, "hold.moved", case.case_id, now_ms, state=news.state, source=source.row
    )
    if news.state == "released" and _nothing_left(tx, case):
        case_rows.move(tx, case, CaseState.CLOSED, _CLOCK, RELEASED_BY_TIME, now_ms)
        case_rows.audit(tx, CLOCK, "case.closed", case.case_id, now_ms, why=RELEASED_BY_TIME)


def set_hold(tx: Connection, source_row: int, state: HoldState) -> None:
    """Write down where a held message is now."""
    tx.execute(update(sources).where(sources.c.row == source_row).values(hold_state=state))


def _check_own(incoming: Incoming) -> None:
    if incoming.source not in _OWN_SOURCES or incoming.held or incoming.messages:
        raise NotYoursToTell(f"a tool can't hand in what a {incoming.source} proves")
    if incoming.escalated or incoming.reporter is not None:
        raise NotYoursToTell("a tool can't name a reporter, nor escalate a hold")


_TOLD_LATER = {"label", "sources", "certifiers", "view", "whole"}


def _told(incoming: Incoming) -> bytes:
    """What must be the same when it is handed in again: all but what a list says of its entry.

    The caller asks the list on the way, and may have had no answer the first time.
    """
    return incoming.model_dump_json(exclude={"facts": _TOLD_LATER}).encode()


def _complete_facts(tx: Connection, known: Row[Any], incoming: Incoming) -> None:
    """Write down what the list says of its entry, where it was not known the first time."""
    if incoming.facts is None or known.facts is None:
        return
    before = HashFacts.model_validate_json(known.facts)
    if not (before.label or before.sources or before.certifiers):
        told = incoming.facts.model_dump_json()
        tx.execute(update(sources).where(sources.c.row == known.row).values(facts=told))


def _known(tx: Connection, origin: str, reference: str) -> Row[Any] | None:
    wanted = select(sources).where(sources.c.origin == origin, sources.c.reference == reference)
    return tx.execute(wanted).one_or_none()


def _open(tx: Connection, incoming: Incoming, now_ms: int) -> int:
    """A new case's row; where it stands in the queue is worked out once its source is there."""
    row: int = tx.execute(
        insert(cases)
        .values(
            case_id=secrets.token_hex(16), subject=incoming.subject, state=CaseState.OPEN,
            state_since_ms=now_ms, opened_at_ms=now_ms, category=Category.TOOL,
            severity=Severity.ORDINARY, child_at_risk_now=False, own_picture=False, rank=0,
            due_at_ms=now_ms, reasons="[]", newest_source=0,
        )
        .returning(cases.c.row)
    ).scalar_one()  # fmt: skip
    return row


def _add_source(
    tx: Connection, case_row: int, origin: str, incoming: Incoming, digest: bytes, now_ms: int
) -> int:
    held = incoming.held
    row: int = tx.execute(
        insert(sources)
        .values(
            case=case_row, origin=origin, reference=incoming.reference, body_digest=digest,
            source=incoming.source, subject=incoming.subject, reason=incoming.reason,
            kind=incoming.kind, arrived_at_ms=incoming.arrived_at_ms, taken_at_ms=now_ms,
            reporter=incoming.reporter, child_at_risk_now=incoming.child_at_risk_now,
            escalated=incoming.escalated,
            facts=incoming.facts.model_dump_json() if incoming.facts else None,
            held_sender=held.sender if held else None,
            held_envelope_id=held.envelope_id if held else None,
            hold_state=HoldState.HELD if held and incoming.source is Source.HOLD else None,
        )
        .returning(sources.c.row)
    ).scalar_one()  # fmt: skip
    return row


def _keep_words(
    tx: Connection,
    vault: EvidenceStore,
    case_row: int,
    source: int,
    incoming: Incoming,
    now_ms: int,
) -> None:
    for position, message in enumerate(incoming.messages):
        if joining.has(tx, case_row, joining.message_key(message, vault.keyed_digest)):
            continue  # another report opened it, or the same one about another account
        label = f"message {position + 1} of {len(incoming.messages)} of report {source}"
        body = message.model_dump_json().encode()
        vault.put(tx, case_row, EvidenceKind.MESSAGE, body, source, now_ms, label)
    if incoming.text:
        label = f"text of {incoming.source} {source}"
        body = incoming.text.encode()
        vault.put(tx, case_row, EvidenceKind.TEXT, body, source, now_ms, label)


def _expect_pictures(
    tx: Connection,
    vault: EvidenceStore,
    case_row: int,
    source: int,
    incoming: Incoming,
    now_ms: int,
) -> None:
    """Write down which pictures follow; one that the case has already is not sent again."""
    for position, sha256 in enumerate(joining.pictures_of(incoming)):
        digest = joining.picture_digest(sha256, vault.keyed_digest)
        there = tx.execute(
            select(pictures.c.evidence)
            .join(sources, sources.c.row == pictures.c.source)
            .where(
                sources.c.case == case_row,
                pictures.c.digest == digest,
                pictures.c.evidence.is_not(None),
            )
            .limit(1)
        ).scalar()
        tx.execute(
            insert(pictures).values(
                source=source, digest=digest, position=position, evidence=there,
                arrived_at_ms=None if there is None else now_ms,
            )
        )  # fmt: skip


def _arrived(tx: Connection, case_row: int, digest: bytes, number: int, now_ms: int) -> None:
    """The picture is there, for every source of the case that told of it."""
    mine = select(sources.c.row).where(sources.c.case == case_row)
    tx.execute(
        update(pictures)
        .where(pictures.c.source.in_(mine), pictures.c.digest == digest)
        .values(arrived_at_ms=now_ms, evidence=number)
    )


def _tell(
    tx: Connection, case: Row[Any], origin: str, incoming: Incoming, why: str, now_ms: int
) -> None:
    action = "case.joined" if why else "case.opened"
    words = f"{incoming.source} from {origin}" + (f" joined: {why}" if why else "")
    if why:
        case_rows.note(tx, case.row, _INTAKE, "joined", words, now_ms)
    else:
        moved = (None, CaseState.OPEN)
        case_rows.note(tx, case.row, _INTAKE, "moved", words, now_ms, moved)
    case_rows.audit(
        tx, INTAKE, action, case.case_id, now_ms, origin=origin, source=str(incoming.source),
        number=case.newest_source, why=why,
    )  # fmt: skip


def _answer(
    tx: Connection, vault: EvidenceStore, source: Row[Any] | None, incoming: Incoming
) -> TakenIn:
    if source is None:
        raise ReferenceUnknown("nothing was handed in under this reference")
    case_id = tx.execute(select(cases.c.case_id).where(cases.c.row == source.case)).scalar_one()
    missing = {
        bytes(digest)
        for digest in tx.execute(
            select(pictures.c.digest).where(
                pictures.c.source == source.row, pictures.c.evidence.is_(None)
            )
        ).scalars()
    }
    if missing and is_emptied(tx, source.case):
        missing = set()
    wanted = tuple(
        each
        for each in joining.pictures_of(incoming)
        if joining.picture_digest(each, vault.keyed_digest) in missing
    )
    return TakenIn(case_id=case_id, wanted=wanted)


def is_emptied(tx: Connection, case_row: int) -> bool:
    """Whether the case's evidence was deleted, and its key destroyed, for good."""
    kept = exists().where(evidence_keys.c.case_row == case_row)
    return not tx.execute(select(kept)).scalar()


def _nothing_left(tx: Connection, case: Row[Any]) -> bool:
    """Whether a case was about holds that the clock has let go, and nothing else."""
    if case.state not in JOINABLE or case_rows.waiting_proposal(tx, case.row):
        return False
    return all(
        row.source == Source.HOLD and row.hold_state == HoldState.RELEASED
        for row in case_rows.sources_of(tx, case.row)
    )
