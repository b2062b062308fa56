"""The service against its own OpenAPI description: whatever is sent, it answers as it says."""

import tempfile
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case, SerializationContext
from schemathesis.specs.openapi.checks import positive_data_acceptance

from softfall.custodian.app import CBOR
from tests.custodian.keeping import Keeper

# Made when this file is collected: schemathesis needs the description to make the tests from.
_FOLDER = tempfile.TemporaryDirectory()
KEEPER = Keeper(Path(_FOLDER.name), changed={"requests_per_minute": 10**6}).set_up(3)
KEEPER.publish()

schema = schemathesis.openapi.from_asgi("/openapi.json", KEEPER.app())


@schemathesis.serializer(CBOR)
def as_bytes(_: SerializationContext, value: Any) -> bytes:
    """Bodies go out as they were made up: they are not described beyond being bytes."""
    return bytes(value) if isinstance(value, bytes | bytearray) else repr(value).encode()


@schema.parametrize()
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_described(case: Case) -> None:
    # A CBOR body is described as bytes alone, so most "valid" ones are rightly refused.
    shown = {"Authorization": f"Bearer {KEEPER.token}"}
    case.call_and_validate(excluded_checks=[positive_data_acceptance], headers=shown)
