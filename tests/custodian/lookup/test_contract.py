"""The service against its own OpenAPI description: whatever is sent, it answers as it says."""

import tempfile
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case, SerializationContext
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

from softfall.media.hashed import Refused
from tests.custodian.lookup.looking import JPEG, OCTETS, Lookups, a_hash

# Made when this file is collected: schemathesis needs the description to make the tests from.
_FOLDER = tempfile.TemporaryDirectory()
LOOKUPS = Lookups(Path(_FOLDER.name), {"hashes_per_hour": 10**9, "matches_per_hour": 10**9})
LOOKUPS.list(a_hash("known"))
LOOKUPS.hasher.says = (Refused("EmptyPicture: no picture"),)

schema = schemathesis.openapi.from_asgi("/openapi.json", LOOKUPS.app)


@schemathesis.serializer(OCTETS, JPEG, "image/*")
def as_bytes(_: SerializationContext, value: Any) -> bytes:
    """Bodies go out as they were made up: they are not described beyond being bytes."""
    return bytes(value) if isinstance(value, bytes | bytearray) else repr(value).encode()


@schema.parametrize()
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_described(case: Case) -> None:
    # Packed hashes and pictures are described as bytes alone: most such are rightly refused.
    # Health, figures and the description itself ask for no token.
    case.call_and_validate(
        excluded_checks=[positive_data_acceptance, ignored_auth],
        headers={"Authorization": f"Bearer {LOOKUPS.token}"},
    )
