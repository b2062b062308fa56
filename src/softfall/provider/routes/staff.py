"""Moderators' routes: what is held, and a person's decision about it."""

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from softfall.provider import clearances, staff
from softfall.provider.life import Actor, State, UnknownTransition
from softfall.provider.routes.access import ALWAYS, EnvelopeId, ServiceNow
from softfall.provider.routes.access import staff as staff_only
from softfall.provider.staff import (
    DecidedInCasework,
    EnvelopeAmbiguous,
    EnvelopeUnknown,
    StaffRoutesOff,
)
from softfall.provider.statuses import may_raise

router = APIRouter(tags=["staff"], dependencies=[Depends(staff_only)])

Sender = Annotated[
    str | None, Query(max_length=64, description="Where two senders chose the same id.")
]


class HoldReply(BaseModel):
    """One held envelope."""

    envelope_id: str
    sender: str
    recipients: int
    kind: str
    reason: str
    evidence: dict[str, Any]
    held_since_ms: int
    escalated: bool


class HoldsReply(BaseModel):
    """What is held now, what goes to a lead first."""

    holds: list[HoldReply]


class BlockedPicture(BaseModel):
    """One picture that was confirmed before it was sent, or shown."""

    account: str
    received: bool = Field(description="The account's device received it, as it says, unchecked.")
    evidence: dict[str, Any]
    blocked_at_ms: int


class BlockedReply(BaseModel):
    """What was blocked, the newest first."""

    blocked: list[BlockedPicture]


class DecisionAsked(BaseModel):
    """What a moderator decides, and why."""

    model_config = ConfigDict(extra="forbid", strict=True)

    decision: Literal["release", "block"]
    reason: str = Field(min_length=1, max_length=1000, description="Kept with the decision.")
    sender: str | None = Field(None, max_length=64)


class DecisionReply(BaseModel):
    """Where the envelope is now."""

    state: State


class MoveReply(BaseModel):
    """One move of an envelope's life."""

    start: str | None
    end: str
    who: str
    at_ms: int
    why: str
    decided_by: str | None = Field(description="The person, where casework told who.")


class LifeReply(BaseModel):
    """An envelope's life so far, oldest move first."""

    moves: list[MoveReply]


@router.get(
    "/v1/staff/holds",
    summary="What is held now",
    responses=may_raise(*ALWAYS, StaffRoutesOff),
)
def list_holds(service: ServiceNow) -> HoldsReply:
    """Never ciphertext: who, when, and the verdict's evidence."""
    fields = HoldReply.model_fields
    return HoldsReply(
        holds=[
            HoldReply(**{name: getattr(hold, name) for name in fields})
            for hold in staff.holds(service.db)
        ]
    )


@router.post(
    "/v1/staff/holds/{envelope_id}",
    summary="Release or block a hold",
    responses=may_raise(
        *ALWAYS,
        StaffRoutesOff,
        EnvelopeUnknown,
        EnvelopeAmbiguous,
        UnknownTransition,
        DecidedInCasework,
    ),
)
def decide(envelope_id: EnvelopeId, asked: DecisionAsked, service: ServiceNow) -> DecisionReply:
    """Deciding the same again is harmless; deciding otherwise afterwards is refused."""
    if service.settings.console_url:
        raise DecidedInCasework("holds are decided in casework here")
    decided = staff.decide(
        service.db,
        bytes.fromhex(envelope_id),
        asked.sender,
        asked.decision,
        asked.reason,
        service.clock(),
    )
    if decided.moved:
        service.figures.moves.labels(decided.state, Actor.MODERATOR).inc()
    service.bell.ring(decided.grown)
    return DecisionReply(state=decided.state)


@router.get(
    "/v1/staff/blocked",
    summary="What was blocked before it was sent",
    responses=may_raise(*ALWAYS, StaffRoutesOff),
)
def list_blocked(service: ServiceNow) -> BlockedReply:
    """Confirmed pictures that never left a device (`on_device`); the newest first."""
    return BlockedReply(
        blocked=[
            BlockedPicture(
                account=each.account,
                received=each.received,
                evidence=dict(each.evidence),
                blocked_at_ms=each.blocked_at_ms,
            )
            for each in clearances.blocked(service.db)
        ]
    )


@router.get(
    "/v1/staff/envelopes/{envelope_id}/life",
    summary="An envelope's life: who moved it, when and why",
    responses=may_raise(*ALWAYS, StaffRoutesOff, EnvelopeUnknown, EnvelopeAmbiguous),
)
def read_life(envelope_id: EnvelopeId, service: ServiceNow, sender: Sender = None) -> LifeReply:
    """Every move, from its acceptance on."""
    moves = staff.life_of(service.db, bytes.fromhex(envelope_id), sender)
    return LifeReply(moves=[MoveReply(**asdict(move)) for move in moves])
