"""Who may ask the keyholder: the provider, known by a token beside its certificate.

Guarantees: a route under `provider_only` answers nobody who does not show the content of
`keyholder-provider.token`. The file is read anew for each question, so a new one counts at once.
"""

from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from softfall.edge.custodian_tokens import is_token
from softfall.edge.keyholder_tokens import read_keyholder_token
from softfall.errors import RefusedError

_token = HTTPBearer(
    auto_error=False, scheme_name="provider", description="keyholder-provider.token's content."
)

_Shown = Annotated[HTTPAuthorizationCredentials | None, Security(_token)]


class NotItsProvider(RefusedError):
    """The caller does not show the token by which the keyholder knows its provider."""

    remedy = "Send `Authorization: Bearer` with the content of keyholder-provider.token."


def provider_only(tls_dir: Path) -> Any:
    """The check, as a dependency of routes. Raises NotItsProvider, KeyholderTokenUnusable."""

    def check(shown: _Shown) -> None:
        known = read_keyholder_token(tls_dir)
        if not is_token(shown.credentials if shown else "", known):
            raise NotItsProvider("no token of the provider's was shown")

    return Depends(check)
