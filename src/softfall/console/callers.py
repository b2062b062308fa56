"""Tokens that were good before: who is counted by the limit on requests.

Guarantees: made-up tokens get nobody a limit of their own; tokens are kept as digests, and the
oldest are forgotten.
"""

import threading
from collections import OrderedDict
from typing import Final

from softfall.console.sessions import digest

REMEMBERED: Final = 10_000


class Callers:
    """Whose token it was, when it was last found to be good; no proof that it still is."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[bytes, str] = OrderedDict()

    def saw(self, token: str, key: str) -> None:
        """This token was just found to be good."""
        with self._lock:
            self._known[digest(token)] = key
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)

    def key_of(self, token: str) -> str | None:
        """Who is counted for a request with this token; None where it was never good."""
        with self._lock:
            return self._known.get(digest(token))
