"""The real server over loopback: who gets through the handshake, how it starts, how it stops."""

import contextlib
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, Request

from softfall.edge.app import make_app
from softfall.edge.serve import AddressUnusable, ServiceFailed, serve
from softfall.edge.tls import TlsFiles, TlsFilesUnusable, client_context
from softfall.errors import OperatorError
from tests.edge.asking import Lines, fresh_tls, served


def an_app(lines: Lines | None = None) -> FastAPI:
    log = (lines or Lines()).log
    app = make_app("t", "d", max_body_bytes=1000, requests_per_minute=100_000, log=log)

    @app.post("/read")
    async def read(request: Request) -> int:
        return len(await request.body())

    return app


@pytest.fixture(scope="module")
def mutual(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    tls = fresh_tls(tmp_path_factory.mktemp("tls"))
    with served(an_app(), tls, mutual=True) as url:
        yield url, tls


def get(url: str, context: ssl.SSLContext) -> httpx.Response:
    with httpx.Client(verify=context, timeout=30) as client:
        return client.get(url + "/v1/health")


def test_the_providers_certificate_gets_through(mutual: tuple[str, Path]) -> None:
    url, tls = mutual
    assert get(url, client_context(tls, "provider")).json() == {"ok": True}


def test_no_certificate_is_refused_in_the_handshake(mutual: tuple[str, Path]) -> None:
    url, tls = mutual
    with pytest.raises(httpx.TransportError, match="CERTIFICATE_REQUIRED"):
        get(url, client_context(tls))


def test_a_certificate_of_another_authority_is_refused(
    mutual: tuple[str, Path], tmp_path: Path
) -> None:
    url, tls = mutual
    foreign = fresh_tls(tmp_path)
    context = client_context(tls)
    context.load_cert_chain(foreign / "provider.crt", foreign / "provider.key")
    with pytest.raises(httpx.TransportError, match="ALERT"):
        get(url, context)


def test_a_certificate_that_serves_only_is_no_clients(mutual: tuple[str, Path]) -> None:
    url, tls = mutual
    with pytest.raises(httpx.TransportError, match="ALERT"):
        get(url, client_context(tls, "dealer"))


def test_a_client_of_another_authority_does_not_trust_us(
    mutual: tuple[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        get(mutual[0], client_context(fresh_tls(tmp_path), "provider"))


def test_tls_1_2_is_refused(mutual: tuple[str, Path]) -> None:
    url, tls = mutual
    context = client_context(tls, "provider")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(httpx.ConnectError):
        get(url, context)


def test_plain_http_gets_no_answer(mutual: tuple[str, Path]) -> None:
    with pytest.raises(httpx.TransportError):
        httpx.get(mutual[0].replace("https", "http") + "/v1/health")


def test_a_chunked_body_over_the_limit_is_cut_off_over_a_real_socket(
    mutual: tuple[str, Path],
) -> None:
    url, tls = mutual
    with httpx.Client(verify=client_context(tls, "provider"), timeout=30) as client:
        assert client.post(url + "/read", content=iter([bytes(500)] * 2)).json() == 1000
        reply = client.post(url + "/read", content=iter([bytes(500)] * 3))
        assert reply.status_code == 413


def test_a_caller_that_hangs_up_in_the_middle_is_no_failure_of_ours(tmp_path: Path) -> None:
    tls, lines = fresh_tls(tmp_path), Lines()
    with served(an_app(lines), tls) as url:
        port = int(url.rpartition(":")[2])
        raw = socket.create_connection(("127.0.0.1", port))
        caller = client_context(tls).wrap_socket(raw, server_hostname="localhost")
        caller.sendall(b"POST /read HTTP/1.1\r\nhost: a\r\ncontent-length: 900\r\n\r\nhalf")
        caller.close()
        while not lines.text:
            time.sleep(0.02)
    (line,) = lines.all()
    assert (line["route"], line["status"], line["level"]) == ("/read", 0, "info")
    assert line["error"] == "ClientDisconnect"


def test_a_port_in_use_is_an_error_by_name(mutual: tuple[str, Path]) -> None:
    url, tls = mutual
    port = int(url.rpartition(":")[2])
    files = TlsFiles.of(tls, "provider")
    with pytest.raises(AddressUnusable, match=str(port)):
        serve(an_app(), "127.0.0.1", port, files.certificate, files.key)


def test_an_address_that_is_not_ours_is_an_error_by_name(mutual: tuple[str, Path]) -> None:
    files = TlsFiles.of(mutual[1], "provider")
    with pytest.raises(AddressUnusable):
        serve(an_app(), "192.0.2.1", 0, files.certificate, files.key)


def test_missing_tls_files_are_an_error_by_name(tmp_path: Path) -> None:
    files = TlsFiles.of(tmp_path, "provider")
    with pytest.raises(TlsFilesUnusable):
        serve(an_app(), "127.0.0.1", 0, files.certificate, files.key)


class NotToday(OperatorError):
    """A reason of the application's own."""

    remedy = "Tomorrow."


@pytest.mark.parametrize(
    ("raised", "expected"), [(NotToday("closed"), NotToday), (ValueError("x"), ServiceFailed)]
)
def test_an_application_that_can_not_start_says_why(
    mutual: tuple[str, Path], raised: Exception, expected: type[Exception]
) -> None:
    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        raise raised
        yield

    app = FastAPI(lifespan=lifespan)
    with pytest.raises(expected), served(app, mutual[1]):
        pass


SERVICE = """
import asyncio, contextlib, sys
from pathlib import Path
from softfall.edge.app import make_app
from softfall.edge.serve import end_process, serve
from softfall.edge.tls import TlsFiles

@contextlib.asynccontextmanager
async def lifespan(app):
    yield
    print("closed in good order", flush=True)

app = make_app("t", "d", max_body_bytes=10, requests_per_minute=1000, lifespan=lifespan)

@app.get("/slow")
async def slow() -> str:
    print("asked", flush=True)
    await asyncio.sleep(0.5)
    return "answered"

files = TlsFiles.of(Path(sys.argv[1]), "provider")
serve(app, "127.0.0.1", 0, files.certificate, files.key)
end_process()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_the_request_in_flight_finish(tmp_path: Path, number: int) -> None:
    tls = fresh_tls(tmp_path)
    process = subprocess.Popen(
        [sys.executable, "-c", SERVICE, str(tls)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    ready = process.stdout.readline()
    assert ready.startswith("listening on https://127.0.0.1:")
    url = ready.split()[-1]
    # The line is only printed once the socket accepts: so no retry here.
    answers: list[str] = []

    def ask() -> None:
        with httpx.Client(verify=client_context(tls), timeout=30) as client:
            answers.append(client.get(url + "/slow").json())

    thread = threading.Thread(target=ask)
    thread.start()
    assert process.stdout.readline() == "asked\n"
    process.send_signal(number)
    thread.join()
    rest = process.stdout.read()
    assert answers == ["answered"]
    assert process.wait() == 0
    assert rest == "closed in good order\n"
    host, _, port = url.removeprefix("https://").partition(":")
    with socket.socket() as probe:
        assert probe.connect_ex((host, int(port))) != 0
