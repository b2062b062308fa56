"""The custodian's tokens: who may ask at all, without the custodian learning who asks.

Guarantees: in any 24 hours at most `tokens_per_day` tokens are minted, whoever asks for them; each
is good for one question, under one token key; which are spent is on disk, in one transaction with
the count of evaluations, before the answer leaves, so kill -9 spends nothing twice. The same `ask`
again (its answer was lost on the way) is answered again, at most `MAX_ANSWERS` times in all within
`REPEAT_MS`, and counts again; the same token on another question never.
A token key lives while a live epoch's signed manifest names it, then it is overwritten, and what
was spent under it is forgotten. It outlives single epochs: a list that changes daily must not empty
every wallet daily. That the manifest names it has devices find out, as they compare epochs, a
custodian that would give one of them a key of its own.
Limits: a provider may have all tokens minted for accounts of its own; `tokens_per_day` is what
bounds it, and what honest devices then lack. Blocks that a disk keeps back are beyond overwriting.
"""

import os
from collections.abc import Callable, Collection

from sqlalchemy import Connection, Engine, delete, insert, select, update

from softfall.config import CustodianSettings
from softfall.custodian.counting import Allowance, Clock, Counting
from softfall.custodian.quota import on_disk
from softfall.custodian.quota_tables import token_keys, tokens_minted, tokens_spent
from softfall.custodian.store import open_quota_database
from softfall.errors import RefusedError
from softfall.options.tokens.custodian import Asked, Mint, derive_secret
from softfall.options.tokens.wire import TOKEN_REQUEST, TokenRefused, decode, key_id, octets
from softfall.store.database import empty_the_log

DAY_MS = 86_400_000
WINDOW_MS = 1_800_000
REPEAT_MS = 600_000
MAX_ANSWERS = 3
SEED_BYTES = 32
_NEWEST_FIRST = select(token_keys.c.public_key, token_keys.c.made_at_ms).order_by(
    token_keys.c.made_at_ms.desc()
)


class TokensMinted(RefusedError):
    """The custodian's tokens for 24 hours are minted."""

    remedy = "Wait as long as Retry-After says; the keeper sets custodian.tokens_per_day."

    def __init__(self, what: str, retry_after_seconds: int) -> None:
        super().__init__(what)
        self.retry_after_seconds = retry_after_seconds


class TokenBook:
    """The token keys and spent tokens of a running service, in the quota's database.

    wall_ms: milliseconds since 1970. monotonic_ms: any origin, never runs back.
    """

    def __init__(self, engine: Engine, per_day: int, wall_ms: Clock, monotonic_ms: Clock) -> None:
        allowance = Allowance(
            tokens_minted, per_day, "tokens a day", WINDOW_MS, DAY_MS, TokensMinted
        )
        self._engine = engine
        self._wall_ms = wall_ms
        self._minted = Counting(engine, allowance, wall_ms, monotonic_ms)
        self._mints: dict[bytes, Mint] = {}
        self._ends_pending = False

    def issue(self, body: bytes, alive: Collection[bytes]) -> tuple[bytes, int]:
        """The reply to one `token_request`, and how many tokens it mints.

        alive: the public token keys that live epochs name.
        Raises MalformedMessage, MalformedPoint, TokenRefused, TokensMinted, QuotaNotCounted.
        """
        wanted = octets(decode(TOKEN_REQUEST, body), "key_id")
        named = next((key for key in alive if key_id(key) == wanted), b"")
        mint = self._mint(named)
        count = mint.count(body)
        with on_disk(), self._minted.counted(count):
            pass
        return mint.issue(body), count

    def check(self, asked: Asked, public_key: bytes) -> None:
        """Pass only a question with a token of this key; spent or not, `spend` says.

        Raises TokenRefused.
        """
        self._mint(public_key).check(asked)

    def spend(self, connection: Connection, asked: Asked) -> None:
        """Note the token as spent by this very `ask`, in a transaction that writes already.

        Raises TokenRefused: it was spent on another question, or this one was repeated too often.
        """
        now_ms, spent = self._wall_ms(), tokens_spent.c
        here = (spent.key_id == asked.key_id, spent.nonce == asked.nonce)
        known = connection.execute(select(tokens_spent).where(*here)).first()
        if known is None:
            row = insert(tokens_spent).values(
                key_id=asked.key_id,
                nonce=asked.nonce,
                ask_sha256=asked.sha256,
                answers=1,
                spent_at_ms=now_ms,
            )
            connection.execute(row)
            return
        if known.ask_sha256 != asked.sha256:
            raise TokenRefused("the token was spent on another question")
        if known.answers >= MAX_ANSWERS or abs(now_ms - known.spent_at_ms) > REPEAT_MS:
            raise TokenRefused("the token is spent, and its question was answered")
        connection.execute(update(tokens_spent).where(*here).values(answers=known.answers + 1))

    def end_due(self, alive: Collection[bytes]) -> int:
        """Destroy token keys that no live epoch names; says how many ended now.

        The newest key stays: an epoch that is being published may be about to name it.
        """
        with self._engine.connect() as connection:
            known = list(connection.scalars(_NEWEST_FIRST))
        ended = [key for key in known[1:] if key not in alive]
        for key in ended:
            with self._engine.begin() as connection:
                _destroy(connection, key)
            self._mints.pop(key, None)
        self._ends_pending |= bool(ended)
        if self._ends_pending and empty_the_log(self._engine):
            self._ends_pending = False
        return len(ended)

    def minted(self) -> int:
        """How many tokens count against the day at present."""
        return self._minted.used()

    def _mint(self, public_key: bytes) -> Mint:
        if public_key not in self._mints:
            query = select(token_keys.c.secret_key).where(token_keys.c.public_key == public_key)
            with self._engine.connect() as connection:
                secret: bytes | None = connection.scalar(query)
            if secret is None:
                raise TokenRefused("no epoch in use has this token key")
            self._mints[public_key] = Mint(secret)
        return self._mints[public_key]


def token_key(
    engine: Engine,
    key_days: float,
    now_ms: int,
    random_bytes: Callable[[int], bytes] = os.urandom,
) -> bytes:
    """The public token key for an epoch to be published: the newest, or a new one.

    engine: of the quota's database. key_days: a key older than that is not given to a new epoch.
    The caller publishes alone. Raises QuotaNotCounted where the database can't be written.
    """
    with on_disk():
        with engine.connect() as connection:
            newest = connection.execute(_NEWEST_FIRST.limit(1)).first()
        if newest is not None and now_ms - newest.made_at_ms < key_days * DAY_MS:
            return bytes(newest.public_key)
        secret = derive_secret(random_bytes(SEED_BYTES))
        public = Mint(secret).public_key
        row = {"public_key": public, "secret_key": secret, "made_at_ms": now_ms}
        with engine.begin() as connection:
            connection.execute(insert(token_keys).values(row))
        return public


def token_key_of_new_epoch(settings: CustodianSettings, now_ms: int) -> bytes:
    """`token_key` of the custodian with these settings. Raises StoreUnusable, QuotaNotCounted."""
    engine = open_quota_database(settings.data_dir)
    try:
        return token_key(engine, settings.token_key_days, now_ms)
    finally:
        engine.dispose()


def _destroy(connection: Connection, public_key: bytes) -> None:
    here = token_keys.c.public_key == public_key
    # Equal length first: it overwrites in place, before the row goes.
    connection.execute(update(token_keys).where(here).values(secret_key=bytes(SEED_BYTES)))
    connection.execute(delete(token_keys).where(here))
    connection.execute(delete(tokens_spent).where(tokens_spent.c.key_id == key_id(public_key)))
