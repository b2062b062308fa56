"""Which of the dealer's parties is calling, by its token."""

import hmac
from collections.abc import Mapping
from typing import Annotated

from fastapi import Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from softfall.edge.dealer_tokens import DealerParty
from softfall.errors import RefusedError

_token = HTTPBearer(
    auto_error=False, scheme_name="party", description="The content of the party's token file."
)
Credentials = Annotated[HTTPAuthorizationCredentials | None, Security(_token)]


class DealerTokenWrong(RefusedError):
    """The caller shows no token of the dealer's, or another one."""

    remedy = "Send `Authorization: Bearer` with the party's own dealer-....token file's content."


class NothingForThisParty(RefusedError):
    """A party asked for halves of which it has none: they are of another option."""

    remedy = (
        "Halves for `confirm` are the provider's and the custodian's; for `homomorphic` the "
        "provider's and the keyholder's."
    )


def party_of(credentials: Credentials, tokens: Mapping[DealerParty, str]) -> DealerParty:
    """Whose token this is. Raises DealerTokenWrong."""
    shown = credentials.credentials if credentials else ""
    theirs = [
        party for party, token in tokens.items()
        if hmac.compare_digest(shown.encode(), token.encode())
    ]  # fmt: skip
    if len(theirs) != 1:
        raise DealerTokenWrong("this is no party's token")
    return theirs[0]
