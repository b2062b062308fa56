"""Every service in this process, on a throw-away folder: for their OpenAPI descriptions.

Guarantees: nothing listens, nothing is asked of anyone, nothing is left behind.
"""

import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from softfall.config import (
    CustodianSettings,
    DealerSettings,
    EnclaveSettings,
    KeyholderSettings,
    LookupSettings,
    ProviderSettings,
)
from softfall.custodian import app as custodian_app
from softfall.custodian.lookup import app as lookup_app
from softfall.dealer import app as dealer_app
from softfall.edge.custodian_key import write_custodian_key
from softfall.edge.logs import make_logger
from softfall.edge.tls import init_tls
from softfall.enclave import app as enclave_app
from softfall.enclave import attester
from softfall.enclave.clock import wall_ms
from softfall.enclave.measure import PCR_BYTES
from softfall.enclave.room import Room
from softfall.keyholder import app as keyholder_app
from softfall.keyholder.clock import steady_ms
from softfall.keyholder.keys import create_key
from softfall.keyholder.room import Room as KeyholderRoom
from softfall.provider import app as provider_app


def openapi_descriptions() -> dict[str, dict[str, Any]]:
    """Each service's OpenAPI description, by the service's name."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        init_tls(root / "tls")
        provider = ProviderSettings(data_dir=root / "provider", tls_dir=root / "tls")
        custodian = CustodianSettings(data_dir=root / "custodian", tls_dir=root / "tls")
        dealer = DealerSettings(data_dir=root / "dealer", tls_dir=root / "tls")
        return {
            "provider": provider_app.make(provider).openapi(),
            "custodian": custodian_app.make(custodian).openapi(),
            "lookup": lookup_app.make(custodian, LookupSettings()).framework.openapi(),
            "dealer": dealer_app.make(dealer).openapi(),
            "enclave": enclave_app.make(_room(root / "attester"), EnclaveSettings(), {}).openapi(),
            "keyholder": _keyholder(root),
        }


def _keyholder(root: Path) -> dict[str, Any]:
    settings = KeyholderSettings(
        data_dir=root / "keyholder",
        tls_dir=root / "tls",
        custodian_key_file=root / "keyholder" / "custodian.pub",
    )
    log = make_logger("keyholder")
    create_key(settings.data_dir)
    signer = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    write_custodian_key(settings.custodian_key_file, signer)
    room = KeyholderRoom(settings, wall_ms, steady_ms, os.urandom, log)
    try:
        return keyholder_app.make(room, settings, log).openapi()
    finally:
        room.close()


def _room(folder: Path) -> Room:
    """An enclave that nothing was measured of; no route of it is asked."""
    now = datetime.now(UTC)
    attester.create(folder, now)
    unmeasured = attester.SoftwareAttester.load(folder, {0: bytes(PCR_BYTES)}, now)
    return Room(unmeasured, bytes(32), wall_ms, os.urandom)
