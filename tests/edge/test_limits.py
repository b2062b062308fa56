import asyncio
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI, Request

from softfall.edge.app import make_app
from softfall.edge.errors import RateLimited
from softfall.edge.limits import RateLimit
from tests.edge.asking import Lines, ask


def an_app(seen: list[int] | None = None, per_minute: int = 1000, seconds: float = 60) -> FastAPI:
    app = make_app(
        "t", "d", max_body_bytes=1000, requests_per_minute=per_minute, body_seconds=seconds,
        route_body_bytes={"PUT /files/{name}": 5000}, log=Lines().log,
        key_of_request=lambda request: request.headers.get("authorization", ""),
    )  # fmt: skip

    async def read(request: Request) -> int:
        size = 0
        async for part in request.stream():
            size += len(part)
            if seen is not None:
                seen.append(size)
        return size

    app.post("/small")(read)
    app.put("/files/{name}")(read)

    @app.post("/stubborn")
    async def stubborn(request: Request) -> str:
        try:
            await request.body()
        except Exception:
            return "all is well"
        return "read"

    return app


async def parts(count: int, pause_seconds: float = 0) -> AsyncIterator[bytes]:
    for _ in range(count):
        await asyncio.sleep(pause_seconds)
        yield bytes(500)


@pytest.mark.parametrize(
    ("method", "path", "most"), [("POST", "/small", 2), ("PUT", "/files/a", 10)]
)
def test_a_body_up_to_its_routes_limit_passes_and_one_more_part_does_not(
    method: str, path: str, most: int
) -> None:
    assert ask(an_app(), method, path, content=parts(most)).json() == most * 500
    for content in (parts(most + 1), bytes(most * 500 + 1)):
        reply = ask(an_app(), method, path, content=content)
        assert (reply.status_code, reply.json()["error"]) == (413, "RequestTooLarge")


def test_a_body_of_unknown_length_is_cut_off_at_the_limit() -> None:
    seen: list[int] = []
    reply = ask(an_app(seen), "POST", "/small", content=parts(1000))
    assert reply.status_code == 413
    assert max(seen) <= 1000


def test_a_length_over_the_limit_is_refused_before_anything_is_read() -> None:
    seen: list[int] = []
    reply = ask(an_app(seen), "POST", "/small", content=bytes(1001))
    assert reply.status_code == 413
    assert seen == []


def test_a_lying_length_does_not_help() -> None:
    headers = {"content-length": "10"}
    assert ask(an_app(), "POST", "/small", content=parts(3), headers=headers).status_code == 413


def test_a_route_that_swallows_the_refusal_can_not_hide_it() -> None:
    assert ask(an_app(), "POST", "/stubborn", content=parts(3)).status_code == 413
    assert ask(an_app(), "POST", "/stubborn", content=parts(2)).json() == "read"


def test_a_body_that_trickles_is_cut_off() -> None:
    reply = ask(an_app(seconds=0.2), "POST", "/small", content=parts(2, pause_seconds=0.3))
    assert (reply.status_code, reply.json()["error"]) == (408, "RequestTooSlow")


def test_each_key_has_its_own_rate() -> None:
    app = an_app(per_minute=3)
    codes = [ask(app, "POST", "/small").status_code for _ in range(8)]
    # The sliding window is an approximation: just after a full minute it may let one more through.
    assert codes in ([200] * 3 + [429] * 5, [200] * 4 + [429] * 4)
    other = ask(app, "POST", "/small", headers={"authorization": "b"})
    assert other.status_code == 200


def test_over_the_rate_the_wait_is_told() -> None:
    limit = RateLimit("pictures", 1)
    limit.take("a")
    with pytest.raises(RateLimited, match="1 pictures a minute") as caught:  # noqa: PT012 - see above
        limit.take("a")
        limit.take("a")
    assert 1 <= caught.value.retry_after_seconds <= 60
