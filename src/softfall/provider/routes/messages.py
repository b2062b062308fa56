"""Sending envelopes, reading the mailbox, and asking the custodian through the relay."""

import asyncio
import base64
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from softfall.edge.errors import error_reply
from softfall.edge.serve import is_stopping
from softfall.errors import SoftfallError, UnavailableError
from softfall.options.tokens.wire import ASK, TokenRefused, decode, octets
from softfall.provider import mail
from softfall.provider.accounts import Account
from softfall.provider.attachments import AttachmentMissing
from softfall.provider.bell import Waiter
from softfall.provider.enclave import EnclaveRestarted
from softfall.provider.envelopes import (
    BadRecipients,
    ClockSkew,
    EnvelopeIdReused,
    MediaIncomplete,
    PayloadMisplaced,
    UnknownRecipient,
)
from softfall.provider.epochs import WrongEpoch
from softfall.provider.intake import MalformedSubmission, OptionNotOffered
from softfall.provider.media_counts import MediaUsedUp
from softfall.provider.relay import CustodianUnavailable, QuestionRefused
from softfall.provider.restrictions import AccountRestricted
from softfall.provider.routes.access import (
    ALWAYS,
    Body,
    CborResponse,
    Device,
    ServiceNow,
    cbor_in,
    cbor_out,
)
from softfall.provider.service import Service
from softfall.provider.statuses import STATUSES, may_raise
from softfall.provider.vouchers import VoucherRefused
from softfall.wire import MalformedMessage

MAX_WAIT_SECONDS = 30.0
LOOK_AGAIN_SECONDS = 10.0  # another process may fill a mailbox without ringing here
NOTICE_SECONDS = 1.0  # how soon a waiting request sees that the service is told to stop

router = APIRouter(tags=["messages"])

_REFUSALS: tuple[type[SoftfallError], ...] = (
    MalformedMessage,
    BadRecipients,
    PayloadMisplaced,
    MediaIncomplete,
    ClockSkew,
    EnvelopeIdReused,
    UnknownRecipient,
    AttachmentMissing,
    OptionNotOffered,
    WrongEpoch,
    MalformedSubmission,
    EnclaveRestarted,
    VoucherRefused,
    AccountRestricted,
    MediaUsedUp,
)


class Accepted(BaseModel):
    """The one answer to every envelope that is taken in, whatever becomes of it."""

    accepted: Literal[True] = True


class Acknowledgement(BaseModel):
    """Everything up to this sequence is safe with the device."""

    model_config = ConfigDict(extra="forbid", strict=True)

    through: int = Field(ge=0, le=2**63 - 1)


@router.post(
    "/v1/envelopes",
    status_code=202,
    summary="Send a message",
    openapi_extra=cbor_in("envelope"),
    responses=may_raise(*ALWAYS, *_REFUSALS),
)
def send(account: Device, body: Body, service: ServiceNow) -> Accepted:
    """Answers once the envelope is on disk, before it is judged; sending it again is harmless."""
    service.desk.accept(account, body)
    return Accepted()


@router.get(
    "/v1/mailbox",
    summary="Read the mailbox",
    response_class=Response,  # errors are JSON
    responses={**may_raise(*ALWAYS), **cbor_out("mailbox")},
)
async def read_mailbox(
    account: Device,
    request: Request,
    service: ServiceNow,
    after: Annotated[int, Query(ge=0, le=2**63 - 1, description="Past this sequence.")] = 0,
    wait_seconds: Annotated[
        float, Query(ge=0, le=MAX_WAIT_SECONDS, description="How long to wait for a first one.")
    ] = 0.0,
) -> Response:
    """What is not acknowledged, oldest first, at most 100; empty if nothing comes in time.

    A notice that waits ends the waiting, too.
    """
    deadline = asyncio.get_running_loop().time() + wait_seconds
    with service.bell.listen(account.row) as waiter:
        while True:
            body, count = await run_in_threadpool(mail.fetch, service.db, account, after)
            if count or not await _look_again(waiter, request, deadline):
                return CborResponse(body)


async def _look_again(waiter: Waiter, request: Request, deadline: float) -> bool:
    """Wait for a reason to look into the mailbox again; False if there is no more time to."""
    loop = asyncio.get_running_loop()
    look_at = loop.time() + LOOK_AGAIN_SECONDS
    while (now := loop.time()) < deadline:
        if is_stopping(request.scope) or await request.is_disconnected():
            return False
        if await waiter.wait(min(NOTICE_SECONDS, deadline - now)) or now >= look_at:
            return True
    return False


@router.post("/v1/mailbox/ack", summary="Acknowledge messages", responses=may_raise(*ALWAYS))
def acknowledge(account: Device, asked: Acknowledgement, service: ServiceNow) -> Acknowledgement:
    """What every recipient has acknowledged is deleted, its attachment too: fetch that first."""
    dropped = mail.acknowledge(service.db, account, asked.through, service.clock())
    service.attachments.drop_files(dropped)
    return asked


@router.post(
    "/v1/options/{option}/ask",
    summary="Ask the custodian, through the relay",
    response_class=Response,  # errors are JSON
    openapi_extra=cbor_in("ask"),
    responses={
        **may_raise(
            *ALWAYS,
            MalformedMessage,
            OptionNotOffered,
            WrongEpoch,
            QuestionRefused,
            TokenRefused,
            CustodianUnavailable,
        ),
        **cbor_out("the option's answer"),
    },
)
async def ask(
    option: Annotated[str, Path(max_length=32)], account: Device, body: Body, service: ServiceNow
) -> Response:
    """The custodian never learns who asks. The `ask` spends one token on the option's question.

    CustodianUnavailable carries one more field, `voucher` (base64): send media with it, under
    option `outage`, if the custodian stays away. An empty question is answered the same way while
    there is no list epoch to ask about.
    """
    service.ask_rate.take(account.name)
    try:
        answer = await _relayed(service, option, body)
    except CustodianUnavailable as error:
        service.figures.relayed.labels("unavailable").inc()
        return with_voucher(service, account, error)
    service.figures.relayed.labels("answered").inc()
    return CborResponse(answer)


async def _relayed(service: Service, option: str, body: bytes) -> bytes:
    offered, epochs, relay = service.option, service.epochs, service.relay
    if offered is None or epochs is None or relay is None or option != offered.name:
        raise OptionNotOffered(f"this service's option is {service.settings.option!r}")
    if epochs.current is None:
        raise CustodianUnavailable("there is no list epoch to ask about")
    asked = decode(ASK, body)
    if asked["option"] != option:
        raise OptionNotOffered("the ask is for another option than its route")
    if offered.request is None:
        raise OptionNotOffered(f"option {option!r} asks the custodian nothing")
    epoch = offered.request.decode(octets(asked, "question"))["epoch"]
    assert isinstance(epoch, int)
    epochs.accepted(epoch)
    return await relay.ask(body)


def with_voucher(service: Service, account: Account, error: UnavailableError) -> Response:
    """The error, and what lets media pass for want of the custodian, or the enclave."""
    voucher = base64.b64encode(service.voucher(account)).decode()
    return error_reply(error, STATUSES, {"voucher": voucher})
