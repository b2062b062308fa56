"""GET /v1/service: what a device must know before it does anything else."""

import base64
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from softfall.provider.routes.access import ServiceNow

router = APIRouter(tags=["service"])


class ServiceReply(BaseModel):
    """The service as devices need to know it."""

    option: str = Field(description="Which option matches media; `none`: nothing does.")
    epoch: int = Field(description="The list epoch to submit for; 0 while there is none.")
    manifest: str | None = Field(
        description="The epoch's signed manifest, base64; null while there is no epoch."
    )
    custodian_outage_rule: Literal["hold", "deliver"]
    max_envelope_bytes: int
    max_attachment_bytes: int
    server_time_ms: int = Field(description="The service's clock, Unix milliseconds.")


@router.get("/v1/service", summary="What this service offers, and the list epoch in use")
def read_service(service: ServiceNow) -> ServiceReply:
    """Devices check the manifest's signature against the custodian's key that they pin."""
    settings = service.settings
    current = service.epochs.current if service.epochs else None
    return ServiceReply(
        option=settings.option,
        epoch=current.epoch if current else 0,
        manifest=base64.b64encode(current.manifest).decode() if current else None,
        custodian_outage_rule=settings.custodian_outage_rule,
        max_envelope_bytes=settings.max_envelope_bytes,
        max_attachment_bytes=settings.max_attachment_bytes,
        server_time_ms=service.clock(),
    )
