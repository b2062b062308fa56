"""Issuing tokens: the custodian mints them, the provider relays and counts for each account."""

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from softfall.crypto.ristretto import POINT_BYTES
from softfall.errors import SoftfallError
from softfall.options.tokens.wire import TOKEN_REQUEST, TokenRefused, decode, octets
from softfall.provider.accounts import Account
from softfall.provider.intake import OptionNotOffered
from softfall.provider.relay import CustodianUnavailable, QuestionRefused
from softfall.provider.routes.access import (
    ALWAYS,
    Body,
    CborResponse,
    Device,
    ServiceNow,
    cbor_in,
    cbor_out,
)
from softfall.provider.routes.messages import with_voucher
from softfall.provider.service import Service
from softfall.provider.statuses import may_raise
from softfall.provider.token_counts import TokensUsedUp
from softfall.wire import MalformedMessage

router = APIRouter(tags=["messages"])


@router.post(
    "/v1/tokens/issue",
    summary="Get tokens from the custodian, through the relay",
    response_class=Response,  # errors are JSON
    openapi_extra=cbor_in("token_request"),
    responses={
        **may_raise(
            *ALWAYS,
            MalformedMessage,
            OptionNotOffered,
            QuestionRefused,
            TokenRefused,
            TokensUsedUp,
            CustodianUnavailable,
        ),
        **cbor_out("token_reply"),
    },
)
async def issue(account: Device, body: Body, service: ServiceNow) -> Response:
    """Each token is good for one question; an account may have so many a day (TokensUsedUp).

    CustodianUnavailable carries a `voucher`, as for a question: the custodian is away, or has
    minted all tokens of its day. TokensUsedUp carries none: an account that has used its own up
    gets no way round matching by that.
    """
    service.ask_rate.take(account.name)
    relay = service.relay
    if relay is None:
        raise OptionNotOffered(f"this service's option is {service.settings.option!r}")
    points = octets(decode(TOKEN_REQUEST, body), "points")
    count = len(points) // POINT_BYTES
    window_ms = await run_in_threadpool(service.token_counts.take, account, count)
    try:
        reply = await relay.issue(body)
    except SoftfallError as error:
        await _give_back(service, account, count, window_ms)
        if not isinstance(error, CustodianUnavailable):
            raise
        service.figures.relayed.labels("unavailable").inc()
        return with_voucher(service, account, error)
    service.figures.tokens.inc(count)
    return CborResponse(reply)


async def _give_back(service: Service, account: Account, count: int, window_ms: int) -> None:
    await run_in_threadpool(service.token_counts.give_back, account, count, window_ms)
