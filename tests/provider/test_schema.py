"""The service against its own OpenAPI description: whatever is sent, it answers as it says."""

import io
import tempfile
import warnings
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case, SerializationContext
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance
from starlette.types import Receive, Scope, Send

from softfall.config import ProviderSettings
from softfall.edge.logs import make_logger
from softfall.provider.app import make
from softfall.provider.routes import messages

from .cast import LISTED, WORDS, Clock, Custodian, no_wait, register

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from fastapi.testclient import TestClient

STAFF = "staff"

# Made when this file is collected: schemathesis needs the description to make the tests from.
_FOLDER = tempfile.TemporaryDirectory()
_CUSTODIAN = Custodian()
_CUSTODIAN.publish(1)
_APP = make(
    ProviderSettings(
        data_dir=Path(_FOLDER.name),
        staff_token=STAFF,
        requests_per_minute=10**6,
        media_per_minute=10**6,
    ),
    clock=Clock(),
    randomness=no_wait(),
    custodian=_CUSTODIAN.client(),
    option=WORDS,
    log=make_logger("provider", io.StringIO()),
)
_HOUSE = TestClient(_APP).__enter__()  # started once, not for every call
ADA, BEN = (register(_HOUSE, name, Clock()) for name in ("ada", "ben"))
ADA.post(ADA.media("ben", word=LISTED, envelope_id=bytes(16)))
ADA.post(ADA.text("ben"))


async def running(scope: Scope, receive: Receive, send: Send) -> None:
    """The application that is already started: its start and stop are nobody else's."""
    if scope["type"] != "lifespan":
        await _APP(scope, receive, send)
        return
    for event in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{event}.complete"})


schema = schemathesis.openapi.from_asgi("/openapi.json", running)


@schemathesis.serializer("application/cbor")
def as_bytes(_: SerializationContext, value: Any) -> bytes:
    """Bodies go out as they were made up: they are not described beyond being bytes."""
    return bytes(value) if isinstance(value, bytes | bytearray) else repr(value).encode()


@pytest.fixture
def nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    async def look_again(*_: object) -> bool:
        return False

    monkeypatch.setattr(messages, "_look_again", look_again)


@pytest.mark.usefixtures("nobody_waits")
@schema.parametrize()
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_described(case: Case) -> None:
    token = STAFF if "/staff/" in case.path else ADA.token
    # Nothing is to be refused for a header or a query field that it does not know.
    harmless = [negative_data_rejection] if case.method == "GET" else []
    case.call_and_validate(
        headers={"Authorization": f"Bearer {token}"},
        # Signatures, names of accounts, and messages in CBOR are right or wrong in ways that
        # OpenAPI has no words for.
        excluded_checks=[positive_data_acceptance, *harmless],
    )
