"""The load tool: this machine alone, within bounds, and what it counts is right."""

import ssl
from pathlib import Path

import pytest
from bench.load import MAX_CONNECTIONS, MAX_SECONDS, NotThisMachine, Target, Told, load
from bench.load import packed_requests as packed

from tests.edge.asking import fresh_tls, served


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org:443",
        "https://192.168.0.1:8449",
        "https://0.0.0.0:8449",
        "https://127.0.0.1.example.org:8449",
        "https://[::2]:8449",
        "http://127.0.0.1:8449",
        "https://127.0.0.1",
        "https://127.0.0.1@example.org:8449",
        "file:///etc/hostname",
    ],
)
def test_another_machine_is_never_asked(url: str) -> None:
    with pytest.raises(NotThisMachine):
        Target.of(url, Path("ca.crt"), "token")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.8.8.8"])
def test_this_machine_is(host: str) -> None:
    assert Target.of(f"https://{host}:8449", Path("ca.crt"), "token").port == 8449


TARGET = Target("127.0.0.1", 1, Path("ca.crt"), "token")


@pytest.mark.parametrize(
    ("connections", "seconds"),
    [(0, 1), (MAX_CONNECTIONS + 1, 1), (1, 0), (1, MAX_SECONDS + 1)],
)
def test_more_than_the_bounds_is_refused(connections: int, seconds: float) -> None:
    with pytest.raises(SystemExit, match="at most"):
        load(TARGET, [b""], connections, seconds)


def test_hashes_are_packed_in_whole_batches() -> None:
    requests = packed(TARGET, bytes(range(160)), 2)
    assert [each.partition(b"\r\n\r\n")[2] for each in requests] == [
        bytes(range(64)),
        bytes(range(64, 128)),
    ]
    assert all(b"Content-Length: 64\r\n" in each for each in requests)


def test_percentiles_are_of_the_times() -> None:
    told = Told(2.0, [float(n) for n in range(1, 101)])
    assert told.per_second == 50
    assert told.percentile_ms(50) == 50.5
    assert 99 <= told.percentile_ms(99) <= 100


@pytest.mark.parametrize("rate", [None, 50.0])
def test_every_answer_is_counted_and_each_that_failed(tmp_path: Path, rate: float | None) -> None:
    from fastapi import FastAPI, Response

    asked: list[int] = []
    app = FastAPI()

    @app.post("/v1/lookup")
    async def look_up() -> Response:
        asked.append(1)
        return Response(b"x" * 70_000, 200 if len(asked) % 2 else 503)

    tls = fresh_tls(tmp_path)
    with served(app, tls) as url:
        target = Target.of(url, tls / "ca.crt", "token")
        told = load(target, packed(target, bytes(64), 1), 3, 0.4, rate)
    assert len(told.times_ms) == len(asked) > 3
    assert told.failed == len(asked) // 2
    if rate is not None:
        assert len(asked) <= 0.4 * rate + 1


def test_a_service_of_another_authority_is_not_asked(tmp_path: Path) -> None:
    from fastapi import FastAPI

    tls, other = fresh_tls(tmp_path / "one"), fresh_tls(tmp_path / "other")
    with served(FastAPI(), tls) as url, pytest.raises(ssl.SSLCertVerificationError):
        load(Target.of(url, other / "ca.crt", "token"), [b"x"], 1, 0.1)
