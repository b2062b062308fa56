"""The server on another machine proves who it is; here one that answers PostgreSQL's TLS request.

(The PostgreSQL of the tests is built without TLS.)
"""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import make_url

from softfall.edge.tls import init_tls
from softfall.store.database import StoreUnusable
from softfall.store.postgresql import with_tls
from softfall.store.transactions import Database

from .worker import MIGRATIONS

TLS_REQUEST_BYTES = 8


@contextmanager
def server(answer: bytes, tls_dir: Path, shaken: list[str]) -> Iterator[int]:
    """Says `answer` to a request for TLS, shakes hands, writes down how that went, and hangs up."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tls_dir / "provider.crt", tls_dir / "provider.key")

    def serve(listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                connection.recv(TLS_REQUEST_BYTES)
                connection.sendall(answer)
                if answer == b"S":
                    try:
                        context.wrap_socket(connection, server_side=True).recv(1)
                        shaken.append("trusted")
                    except ssl.SSLError:
                        shaken.append("refused")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,), daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
    thread.join()


@pytest.fixture(scope="module")
def tls_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls") / "tls"
    init_tls(folder, datetime.now(UTC))
    return folder


def opened(port: int, query: str) -> str:
    with pytest.raises(StoreUnusable) as refused:
        Database(f"postgresql://softfall:hunter2@127.0.0.1:{port}/softfall?{query}", MIGRATIONS)
    assert "hunter2" not in refused.value.what
    return refused.value.what


def test_a_server_of_a_trusted_authority_is_spoken_to(tls_dir: Path) -> None:
    shaken: list[str] = []
    with server(b"S", tls_dir, shaken) as port:
        opened(port, f"sslmode=verify-full&sslrootcert={tls_dir / 'ca.crt'}")
    assert shaken == ["trusted"]


def test_a_server_of_no_trusted_authority_hears_no_password(tls_dir: Path) -> None:
    shaken: list[str] = []
    with server(b"S", tls_dir, shaken) as port:
        opened(port, "sslmode=verify-full")
    assert shaken == ["refused"]


@pytest.mark.parametrize("mode", ["verify-full", "require"])
def test_a_server_without_tls_is_not_spoken_to_in_clear(tls_dir: Path, mode: str) -> None:
    with server(b"N", tls_dir, []) as port:
        assert "Server refuses SSL" in opened(port, f"sslmode={mode}")


@pytest.mark.parametrize(
    ("url", "verified"),
    [
        ("postgresql://softfall@db.example/softfall", True),
        ("postgresql://softfall@10.0.0.7/softfall?sslmode=verify-full", True),
        ("postgresql://softfall@db.example/softfall?sslmode=require", False),
    ],
)
def test_proof_is_asked_of_every_other_machine_unless_the_url_says_otherwise(
    url: str, verified: bool
) -> None:
    rest, asked = with_tls(make_url(url))
    context = asked["ssl_context"]
    assert context.check_hostname is verified
    assert (context.verify_mode == ssl.CERT_REQUIRED) is verified
    assert "sslmode" not in rest.query


def test_on_the_same_machine_nothing_is_asked() -> None:
    assert with_tls(make_url("postgresql://softfall@localhost/softfall"))[1] == {}
    by_socket = make_url("postgresql://softfall@/softfall?unix_sock=/run/postgresql/.s.PGSQL.5432")
    rest, asked = with_tls(by_socket)
    assert asked == {"ssl_context": False}
    assert "unix_sock" in rest.query


@pytest.mark.parametrize("query", ["sslmode=prefer", "sslmode=verify-full&sslrootcert=/no/file"])
def test_what_can_not_be_done_about_tls_is_refused(query: str) -> None:
    opened(1, query)
