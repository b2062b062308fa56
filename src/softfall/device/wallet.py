"""The device's tokens: kept sealed, each spent on one question, refilled before they run out.

Guarantees: a token leaves the store, on disk, before its question leaves the device, so that a kill
spends nothing twice; it comes back only where its question was certainly or perhaps not answered.
Only tokens whose proof verified under the signed manifest's token key are kept; those of another
key are dropped. Refills happen in the background (`top_up`), and keep no message waiting; only a
picture whose device has none left waits for the way there and back.
Refuses: nothing by itself; what the provider and `options.tokens.device` raise goes through.
Limits: a stolen, opened device gives away the tokens that it has (`device.tokens_kept` questions).
A token that came back and turns out to be spent tells the custodian that two questions are of one
device, though not of which.
"""

from typing import Any

from softfall.device.records import TOKEN
from softfall.device.store import SealedStore
from softfall.device.surroundings import Surroundings
from softfall.device.transport import SaidByService, Transport
from softfall.errors import SoftfallError
from softfall.options.tokens.device import Token, begin
from softfall.options.tokens.wire import key_id

_DRAWER = "tokens"
_SHARE_USED_UP = "TokensUsedUp"
TRY_AGAIN_MS = 60_000


class Wallet:
    """The tokens of one device. kept: how many to have in stock."""

    def __init__(
        self, store: SealedStore, transport: Transport, surroundings: Surroundings, kept: int
    ) -> None:
        self._store = store
        self._transport = transport
        self._surroundings = surroundings
        self._kept = kept
        self._not_before_ms = 0.0

    def take(self, token_key: bytes) -> Token:
        """A token of this key, out of the stock, or fetched now if there is none.

        token_key: 32 bytes, from a verified manifest. Raises CustodianAway, BadTokens, or what the
        provider says.
        """
        token = self._oldest(token_key)
        if token is None:
            self._fetch_some(token_key)
            token = self._oldest(token_key)
        assert token is not None, "a batch has at least one token"
        return token

    def put_back(self, token: Token) -> None:
        """Its question was not answered."""
        with self._store.transaction():
            self._put(token)

    def left(self, token_key: bytes) -> int:
        """How many tokens of this key are in stock."""
        with self._store.transaction():
            return len(self._of(key_id(token_key)))

    def top_up(self, token_key: bytes) -> None:
        """Refill if half is gone; trouble is left for the next call, a minute later or more."""
        missing = self._kept - self.left(token_key)
        now_ms = self._surroundings.monotonic_ms()
        if 2 * missing < self._kept or now_ms < self._not_before_ms:
            return
        try:
            self._fetch(token_key, missing)
        except SoftfallError:  # whoever needs a token and has none is told
            self._not_before_ms = now_ms + TRY_AGAIN_MS

    def _fetch_some(self, token_key: bytes) -> None:
        """A whole stock; where that is more than the account may still have, one."""
        try:
            self._fetch(token_key, self._kept)
        except SaidByService as error:
            if error.name != _SHARE_USED_UP or self._kept == 1:
                raise
            self._fetch(token_key, 1)

    def _fetch(self, token_key: bytes, count: int) -> None:
        pending = begin(token_key, count, self._surroundings.random_bytes)
        tokens = pending.finish(self._transport.issue_tokens(pending.request))
        with self._store.transaction():
            self._drop_others(tokens[0].key_id)
            for token in tokens:
                self._put(token)

    def _oldest(self, token_key: bytes) -> Token | None:
        with self._store.transaction():
            tokens = self._of(key_id(token_key))
            if not tokens:
                return None
            self._store.delete(_DRAWER, tokens[0].key_id, tokens[0].nonce)
            return tokens[0]

    def _of(self, key: bytes) -> list[Token]:
        found = []
        for place, body in self._store.items(_DRAWER):
            named: tuple[Any, ...] = place
            if named[0] == key:
                values: dict[str, Any] = TOKEN.decode(body)
                found.append(Token(named[0], named[1], values["value"]))
        return found

    def _put(self, token: Token) -> None:
        value = TOKEN.encode({"value": token.value})
        self._store.put(_DRAWER, token.key_id, token.nonce, value=value)

    def _drop_others(self, key: bytes) -> None:
        for place, _ in list(self._store.items(_DRAWER)):
            if place[0] != key:
                self._store.delete(_DRAWER, *place)
