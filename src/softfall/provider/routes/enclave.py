"""GET /v1/options/enclave/attestation: a fresh document of the enclave, for this very nonce."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from softfall.provider.enclave import EnclaveUnavailable
from softfall.provider.intake import OptionNotOffered
from softfall.provider.routes.access import ALWAYS, CborResponse, Device, ServiceNow, cbor_out
from softfall.provider.routes.messages import with_voucher
from softfall.provider.statuses import may_raise

Nonce = Annotated[
    str, Query(pattern="^[0-9a-f]{64}$", description="32 fresh random bytes of the device, in hex.")
]

router = APIRouter(tags=["messages"])


@router.get(
    "/v1/options/enclave/attestation",
    summary="The enclave's attestation, through the relay",
    response_class=Response,  # errors are JSON
    responses={
        **may_raise(*ALWAYS, OptionNotOffered, EnclaveUnavailable),
        **cbor_out("enclave_attestation"),
    },
)
async def read_attestation(nonce: Nonce, account: Device, service: ServiceNow) -> Response:
    """The device verifies it against the signed manifest before it seals anything.

    EnclaveUnavailable carries one more field, `voucher` (base64): send media with it, under option
    `outage`, if the enclave stays away.
    """
    service.ask_rate.take(account.name)
    if service.enclave is None:
        raise OptionNotOffered(f"this service's option is {service.settings.option!r}")
    try:
        document = await service.enclave.attestation(bytes.fromhex(nonce))
    except EnclaveUnavailable as error:
        service.figures.relayed.labels("unavailable").inc()
        return with_voucher(service, account, error)
    service.figures.relayed.labels("answered").inc()
    return CborResponse(document)
