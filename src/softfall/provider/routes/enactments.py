"""Casework's route: a decision, enacted."""

from fastapi import APIRouter, Depends

from softfall.casework.incoming import Enacted, Enactment
from softfall.provider import enacting
from softfall.provider.enacting import EnactmentReused
from softfall.provider.keys import UnknownAccount
from softfall.provider.reported import ReportUnknown
from softfall.provider.routes.access import ALWAYS, ServiceNow, staff
from softfall.provider.staff import EnvelopeUnknown, StaffRoutesOff
from softfall.provider.statuses import may_raise

router = APIRouter(tags=["staff"], dependencies=[Depends(staff)])


@router.post(
    "/v1/staff/enactments",
    summary="Enact a decision: holds, the account, and who is told",
    responses=may_raise(
        *ALWAYS, StaffRoutesOff, EnactmentReused, UnknownAccount, EnvelopeUnknown, ReportUnknown
    ),
)
def enact(asked: Enactment, service: ServiceNow) -> Enacted:
    """All of it or nothing; the same enactment again is the same answer.

    `late` names holds that had moved before, each with the state that it is in.
    """
    done = enacting.enact(service.db, asked, service.clock())
    for end, who in done.moves:
        service.figures.moves.labels(end, who).inc()
    service.bell.ring(done.woken)
    return done.enacted
