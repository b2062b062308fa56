"""Who may ask: the provider, known by a token beside its certificate.

Guarantees: a route under `strictly` answers nobody who does not show the content of
`custodian-provider.token`; one under `where_there_is_one` nobody else either, once the installation
has the token. The file is read anew for each question, so that a new one counts at once.
Why: the handshake lets in whoever has a client certificate of the installation. Beside the provider
that is the keyholder, who must learn nothing of the list; its certificate is made together with the
token (`softfall keys init` and `renew`), so an installation without the token has no keyholder.
"""

from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from softfall.edge.custodian_tokens import custodian_token_file, is_token, read_custodian_token
from softfall.errors import RefusedError

_token = HTTPBearer(
    auto_error=False, scheme_name="provider", description="custodian-provider.token's content."
)


_Shown = Annotated[HTTPAuthorizationCredentials | None, Security(_token)]


class NotTheProvider(RefusedError):
    """The caller does not show the token by which the custodian knows its provider."""

    remedy = "Send `Authorization: Bearer` with the content of custodian-provider.token."


class ProviderOnly:
    """The check of one custodian, as dependencies of its routes. Raises CustodianTokenUnusable."""

    def __init__(self, tls_dir: Path) -> None:
        self._tls_dir = tls_dir

    @property
    def strictly(self) -> Any:
        """For routes that hand out hashes."""
        return Depends(self._check)

    @property
    def where_there_is_one(self) -> Any:
        """For routes that older installations answer without a token."""
        return Depends(self._check_if_made)

    def _check(self, shown: _Shown) -> None:
        known = read_custodian_token(self._tls_dir)
        if not is_token(shown.credentials if shown else "", known):
            raise NotTheProvider("no token of the provider's was shown")

    def _check_if_made(self, shown: _Shown) -> None:
        if custodian_token_file(self._tls_dir).exists():
            self._check(shown)
