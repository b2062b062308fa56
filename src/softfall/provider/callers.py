"""Whose request it is: the token that a device shows, and who is counted for limits.

Guarantees: a token that was seen to be good costs no look at the database; made-up tokens get
nobody a limit of their own.
"""

import threading
from collections import OrderedDict
from contextlib import suppress

from starlette.requests import HTTPConnection

from softfall.edge.limits import key_of_address
from softfall.provider import accounts
from softfall.provider.accounts import Account, NotAuthenticated
from softfall.store.transactions import Database

TOKENS_REMEMBERED = 100_000


class Tokens:
    """Tokens seen to be good, so that most requests need no look at the database.

    Also the key for rate limits: an account where the token is known, else the address; made-up
    tokens get nobody a limit of their own.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[bytes, Account] = OrderedDict()

    def account(self, db: Database, token: str) -> Account:
        """Whose token this is. Raises NotAuthenticated."""
        digest = accounts.token_digest(token)
        with self._lock:
            known = self._known.get(digest)
        if known is not None:
            return known
        account = accounts.authenticate(db, token)
        with self._lock:
            self._known[digest] = account
            if len(self._known) > TOKENS_REMEMBERED:
                self._known.popitem(last=False)
        return account

    def key_of_request(self, request: HTTPConnection) -> str:
        """Who is counted for a request."""
        with suppress(NotAuthenticated):
            digest = accounts.token_digest(bearer(request))
            with self._lock:
                known = self._known.get(digest)
            if known is not None:
                return f"account {known.row}"
        return f"address {key_of_address(request)}"


def bearer(request: HTTPConnection) -> str:
    """The token of `Authorization: Bearer TOKEN`. Raises NotAuthenticated."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise NotAuthenticated("the request carries no bearer token")
    return token
