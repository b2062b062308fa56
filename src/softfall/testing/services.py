"""Every service in this process, on a throw-away folder: for their OpenAPI descriptions.

Guarantees: nothing listens, nothing is asked of anyone, nothing is left behind.
"""

import tempfile
from pathlib import Path
from typing import Any

from softfall.config import CustodianSettings, DealerSettings, ProviderSettings
from softfall.custodian import app as custodian_app
from softfall.dealer import app as dealer_app
from softfall.edge.tls import init_tls
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
            "dealer": dealer_app.make(dealer).openapi(),
        }
