"""Asking before sending: for options whose devices find candidates themselves."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from softfall.messaging.envelope import SUBMISSION
from softfall.options.contract import Submission
from softfall.provider.clearances import Answer
from softfall.provider.epochs import WrongEpoch
from softfall.provider.intake import MalformedSubmission, OptionNotOffered
from softfall.provider.routes.access import ALWAYS, Body, Device, ServiceNow, cbor_in
from softfall.provider.statuses import may_raise
from softfall.wire import MalformedMessage

router = APIRouter(tags=["messages"])


class ClearanceReply(BaseModel):
    """Whether a candidate's message may be sent."""

    answer: Answer = Field(
        description="`cleared`: send it. `blocked`: it is confirmed, do not. `later`: send it, "
        "it will be judged on its way."
    )


@router.post(
    "/v1/options/{option}/clearance",
    summary="Ask whether a candidate may be sent",
    openapi_extra=cbor_in("submission"),
    responses=may_raise(
        *ALWAYS, MalformedMessage, OptionNotOffered, WrongEpoch, MalformedSubmission
    ),
)
def clear(
    option: Annotated[str, Path(max_length=32)],
    account: Device,
    body: Body,
    service: ServiceNow,
    received: Annotated[
        bool, Query(description="The picture came from somebody else, unchecked; it is not sent.")
    ] = False,
) -> ClearanceReply:
    """Answers once `confirm` has spoken; the same submission gets the same answer again.

    An account gets `provider.clearances_per_day` answers; then every answer is `later`.
    """
    values = SUBMISSION.decode(body)
    submission = Submission(**values)  # type: ignore[arg-type]  # each field's kind is in the message
    desk = service.clearances
    if desk is None or not option == submission.option == service.settings.option:
        raise OptionNotOffered("this service's option is not one that asks before sending")
    return ClearanceReply(answer=desk.clear(account, submission, received))
