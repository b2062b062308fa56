from typing import Annotated

import pytest
from fastapi import FastAPI, Query
from pydantic import BaseModel, ConfigDict

from softfall import errors
from softfall.edge.app import make_app
from softfall.edge.errors import STATUS_OF_BLAME, RateLimited, error_reply, status_of
from tests.edge.asking import Lines, ask


class Teapot(errors.RefusedError):
    """A rule."""

    remedy = "Use the kettle."


class LostDisk(errors.OperatorError):
    """A broken installation."""

    remedy = "Mount it."


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")
    size: int
    note: str = ""


def an_app(lines: Lines | None = None) -> FastAPI:
    app = make_app(
        "t", "d", max_body_bytes=1000, requests_per_minute=1000, statuses={Teapot: 418},
        log=(lines or Lines()).log,
    )  # fmt: skip

    @app.get("/raise/{kind}")
    def raise_it(kind: str) -> None:
        raise {
            "teapot": Teapot("short and stout"),
            "disk": LostDisk("/srv/secret/path is gone"),
            "limit": RateLimited("too fast", 7),
            "bug": RuntimeError("private words"),
        }[kind]

    @app.post("/form")
    def form(body: Body, page: Annotated[int, Query()] = 0) -> int:
        return body.size + page

    return app


def test_every_blame_has_a_status() -> None:
    assert set(STATUS_OF_BLAME) == set(errors.Blame)


def test_an_error_tells_its_name_blame_what_and_remedy() -> None:
    reply = ask(an_app(), "GET", "/raise/teapot")
    assert reply.status_code == 418
    assert reply.json() == {
        "error": "Teapot", "blame": "rule", "what": "short and stout", "remedy": "Use the kettle.",
    }  # fmt: skip


def test_a_class_without_its_own_status_takes_that_of_its_blame() -> None:
    assert status_of(Teapot("x"), {}) == 403
    assert status_of(Teapot("x"), {errors.RefusedError: 409}) == 409
    assert status_of(Teapot("x"), {errors.RefusedError: 409, Teapot: 418}) == 418


def test_an_operators_trouble_is_named_but_its_details_stay_in_the_log() -> None:
    lines = Lines()
    reply = ask(an_app(lines), "GET", "/raise/disk")
    assert reply.status_code == 500
    assert reply.json()["error"] == "LostDisk"
    assert "secret" not in reply.text
    assert lines.all()[-1]["what"] == "/srv/secret/path is gone"


def test_an_unforeseen_exception_is_answered_and_logged_without_its_message() -> None:
    lines = Lines()
    reply = ask(an_app(lines), "GET", "/raise/bug")
    assert reply.status_code == 500
    assert reply.json()["error"] == "InternalError"
    assert "private" not in reply.text + lines.text
    told = lines.all()[-1]
    assert told["error"] == "RuntimeError"
    assert any(place.startswith("tests.edge.test_errors:") for place in told["places"])
    assert reply.headers["x-request-id"] == told["request_id"]


def test_waiting_time_becomes_retry_after() -> None:
    reply = ask(an_app(), "GET", "/raise/limit")
    assert reply.status_code == 429
    assert reply.headers["retry-after"] == "7"


def test_an_unauthorised_reply_says_how_to_authenticate() -> None:
    assert error_reply(Teapot("x"), {Teapot: 401}).headers["www-authenticate"] == "Bearer"


def test_further_fields_can_ride_along() -> None:
    assert b'"voucher":"abc"' in bytes(error_reply(Teapot("x"), {}, {"voucher": "abc"}).body)


@pytest.mark.parametrize(
    ("path", "json", "named"),
    [
        ("/form", {"size": "PRIVATE"}, "body.size"),
        ("/form", {"size": 1, "PRIVATE": 2}, "body"),
        ("/form?page=PRIVATE", {"size": 1}, "query.page"),
        ("/form", ["PRIVATE"], "body"),
    ],
)
def test_a_form_error_names_the_field_and_repeats_nothing(
    path: str, json: object, named: str
) -> None:
    lines = Lines()
    reply = ask(an_app(lines), "POST", path, json=json)
    assert reply.status_code == 422
    assert reply.json()["error"] == "InvalidRequest"
    assert reply.json()["what"].endswith(named)
    assert "PRIVATE" not in reply.text + lines.text


def test_broken_json_is_not_repeated() -> None:
    lines = Lines()
    headers = {"content-type": "application/json"}
    reply = ask(an_app(lines), "POST", "/form", content=b'{"PRIVATE', headers=headers)
    assert reply.status_code == 422
    assert "PRIVATE" not in reply.text + lines.text


def test_unknown_addresses_and_methods_answer_in_the_one_shape() -> None:
    assert ask(an_app(), "GET", "/PRIVATE").json()["error"] == "RouteUnknown"
    reply = ask(an_app(), "DELETE", "/form")
    assert (reply.status_code, reply.json()["error"]) == (405, "MethodRefused")
    assert reply.headers["allow"] == "POST"
