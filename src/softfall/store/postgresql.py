"""PostgreSQL, as services use it: how a connection behaves, where tables lie, what its faults mean.

Guarantees: a commit is on the server's disk before it returns (synchronous_commit), no statement,
lock or silence of the other side keeps a thread for ever, and a process that dies or loses its
machine in the midst of a transaction lets go of its locks within a minute. Each room's tables lie
in a schema of its own, named after the room, so one database may serve several services and none
takes another's tables for its own.
A server on another machine must prove by TLS who it is, unless the URL says otherwise.
Refuses: other drivers than pg8000, and URLs that can't be read, without printing them: a URL may
hold a password. Faults of the server become errors by name: `StorageFull`, `StoreBusy`,
`StoreAway`.
Limit: PostgreSQL keeps deleted values in dead rows until VACUUM, and in its log (WAL) and back-ups
after that; SQLite's `secure_delete` has no equal there.
Source: PostgreSQL, "Client Connection Defaults", "Explicit Locking", "Error Codes"; pg8000 raises
one class for nearly all, so the five-letter codes (SQLSTATE) decide.
"""

import hashlib
import ssl
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from softfall.errors import SoftfallError, UnavailableError

DRIVER = "postgresql+pg8000"
LOCK_MS = 10_000  # as long as SQLite waits
STATEMENT_SECONDS = 60
SILENCE_SECONDS = 75  # longer than any statement: the server's machine is gone
POOLED = 5
CONNECTIONS = 15  # of one process; beyond them, threads wait


class StorageFull(UnavailableError):
    """The service has no room left to keep what was sent; nothing of it was kept."""

    remedy = "Try again later, the same request is safe; the operator must make room on the disk."


class StoreBusy(UnavailableError):
    """Another writer kept the database for too long; nothing was changed."""

    remedy = "Try again; the same request may be repeated safely."


class StoreAway(UnavailableError):
    """The database's server can't be reached, or went away in the midst of the work."""

    remedy = "Try again; what was kept after all is found then, and nothing is done twice."


_WRITING = {
    "lock_timeout": str(LOCK_MS),
    "statement_timeout": f"{STATEMENT_SECONDS}s",
    "idle_in_transaction_session_timeout": "60s",
    "synchronous_commit": "on",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "4",
}
_MIGRATING = {"lock_timeout": "0", "statement_timeout": "0", "synchronous_commit": "on"}

# SQLSTATE: what it means to a caller. Two letters stand for their whole class.
_MEANINGS: dict[str, tuple[type[SoftfallError], str]] = {
    "53100": (StorageFull, "the service has no room left on its disk"),
    "53200": (StorageFull, "the database's server has no memory left"),
    "53300": (StoreBusy, "the database's server takes no more connections"),
    "53400": (StorageFull, "the database's server is at a limit of its own"),
    "55P03": (StoreBusy, "the service's database is busy"),
    "57014": (StoreBusy, "the service's database took too long"),
    "40": (StoreBusy, "the service's database could not be shared this time"),
    "57P": (StoreAway, "the database's server is stopping or starting"),
    "25P03": (StoreAway, "the database's server gave up on this process"),
    "08": (StoreAway, "the connection to the database's server broke"),
}
_AWAY = "the database's server can't be reached"
_HERE = frozenset({"", "localhost", "127.0.0.1", "::1"})


def room_of(migrations: Path) -> str:
    """The name of the room whose tables these migrations make, and so of its schema.

    `provider/migrations` is `provider`, `provider/confirm_migrations` is `provider_confirm`.
    """
    part = migrations.name.removesuffix("migrations").strip("_")
    return f"{migrations.parent.name}_{part}" if part else migrations.parent.name


def lock_number(name: str) -> int:
    """The number of an advisory lock of this name: 63 bits, the same in every process."""
    return int.from_bytes(hashlib.sha256(f"softfall|{name}".encode()).digest()[:8]) >> 1


def lock_pair(room: str) -> int:
    """The first half of a room's numbered locks, 31 bits: the second is the number."""
    return lock_number(f"{room}|numbered") >> 32


def make_engine(url: URL, room: str) -> Engine:
    """An engine for the room's daily work; its faults come by name. Connects to nothing yet."""
    url, tls = with_tls(url)
    engine = create_engine(
        url,
        hide_parameters=True,  # an error must not print a row's values
        pool_pre_ping=True,
        pool_size=POOLED,
        max_overflow=CONNECTIONS - POOLED,
        pool_timeout=LOCK_MS / 1000,
        connect_args={"timeout": SILENCE_SECONDS, **_starting(room, _WRITING), **tls},
    )
    event.listen(engine, "handle_error", _named, retval=True)
    return engine


def make_migrating_engine(url: URL, room: str) -> Engine:
    """An engine for migrations, which may take as long as they need; one connection at a time."""
    url, tls = with_tls(url)
    starting = {**_starting(room, _MIGRATING), **tls}
    return create_engine(url, hide_parameters=True, poolclass=NullPool, connect_args=starting)


def with_tls(url: URL) -> tuple[URL, dict[str, Any]]:
    """The URL without `sslmode` and `sslrootcert`, and what the driver is to do about TLS.

    sslmode: `verify-full` (the default unless the server is on this machine): its certificate must
    be for the URL's host, and of an authority in `sslrootcert` (a file; the system's unless given);
    `require`: TLS with whoever answers; `disable`. Raises ValueError, OSError (ssl.SSLError).
    """
    told = {name: str(url.query.get(name, "")) for name in ("sslmode", "sslrootcert")}
    rest = url.difference_update_query(told)
    is_here = "unix_sock" in url.query or (url.host or "") in _HERE
    mode = told["sslmode"] or ("" if is_here else "verify-full")
    if mode not in ("", "disable", "require", "verify-full"):
        raise ValueError("sslmode must be verify-full, require or disable")
    if mode in ("", "disable"):
        # A socket file has no TLS, and the driver would read all of the system's authorities first.
        return rest, {"ssl_context": False} if mode or "unix_sock" in url.query else {}
    context = ssl.create_default_context(cafile=told["sslrootcert"] or None)
    if mode == "require":
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return rest, {"ssl_context": context}


def make_room(tx: Connection, room: str) -> None:
    """Wait for the room's writers and other migrations to end, then make its schema if need be.

    Held until this transaction ends, so that of two processes that start at once one migrates.
    """
    tx.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": lock_number(room)})
    here = text("SELECT 1 FROM pg_namespace WHERE nspname = :room")
    if tx.execute(here, {"room": room}).first() is None:
        tx.exec_driver_sql(f'CREATE SCHEMA "{room}"')


def said(error: DBAPIError) -> str:
    """What the server said, on one line: its code and message, no values of any row."""
    told = _fields(error.orig)
    return f"{told.get('M')} ({told['C']})" if "C" in told else str(error.orig)


def _starting(room: str, settings: dict[str, str]) -> dict[str, Any]:
    params = {"search_path": room, **settings}
    return {"application_name": f"softfall {room}", "startup_params": params}


def _fields(error: BaseException | None) -> dict[str, str]:
    """The server's own account of an error, by PostgreSQL's letters: C its code, M its message.

    The driver, refused while it connects, may hide it behind the fault of its own farewell.
    """
    while error is not None:
        if error.args and isinstance(error.args[0], dict):
            return error.args[0]
        error = error.__context__
    return {}


def _named(context: ExceptionContext) -> BaseException | None:
    """The error by its name; None leaves it as it is (a broken constraint, or a fault of ours)."""
    if context.is_pre_ping:
        return None  # the pool tries another connection
    error = context.original_exception
    code = _fields(error).get("C", "")
    for length in (5, 3, 2):
        if code[:length] in _MEANINGS:
            kind, what = _MEANINGS[code[:length]]
            return kind(what)
    if context.is_disconnect or isinstance(error, OSError) or _is_unanswered(context):
        if context.connection is not None and not context.connection.invalidated:
            context.connection.invalidate(error)  # pg8000 lets some faults of sockets through raw
        return StoreAway(_AWAY)
    return None


def _is_unanswered(context: ExceptionContext) -> bool:
    """Whether the driver, not the server, says that something is wrong with the connection."""
    dialect = context.dialect
    return isinstance(context.original_exception, dialect.loaded_dbapi.InterfaceError)
