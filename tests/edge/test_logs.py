import logging
import threading
import warnings
from collections.abc import Iterator

import pytest
from fastapi import Request

from softfall.edge.app import make_app
from softfall.edge.logs import failure, quiet_libraries
from tests.edge.asking import Lines, ask

SECRET = "zebra-crossing"  # stands for anything a caller might send


def test_a_line_has_the_route_and_the_sizes_and_nothing_that_was_sent() -> None:
    lines = Lines()
    app = make_app("t", "d", max_body_bytes=1000, requests_per_minute=1000, log=lines.log)

    @app.post("/things/{name}")
    async def thing(name: str, request: Request) -> str:
        return name + (await request.body()).decode()

    reply = ask(
        app, "POST", f"/things/{SECRET}?q={SECRET}", content=SECRET,
        headers={
            "authorization": f"Bearer {SECRET}", "x-request-id": SECRET, "user-agent": SECRET,
            "cookie": f"c={SECRET}",
        },
    )  # fmt: skip
    assert SECRET in reply.text
    (line,) = lines.all()
    assert line["route"] == "/things/{name}"
    assert (line["method"], line["status"]) == ("POST", 200)
    assert line["bytes_in"] == len(SECRET)
    assert line["bytes_out"] == 2 * len(SECRET) + 2
    assert line["duration_ms"] >= 0
    assert SECRET not in lines.text


def test_a_made_up_method_is_not_repeated() -> None:
    lines = Lines()
    app = make_app("t", "d", max_body_bytes=1000, requests_per_minute=1000, log=lines.log)
    assert ask(app, SECRET.upper(), "/v1/health").status_code == 405
    assert lines.all()[0]["method"] == "other"
    assert SECRET not in lines.text.lower()


def test_an_exceptions_message_and_its_causes_messages_are_left_out() -> None:
    try:
        try:
            int(SECRET)
        except ValueError as error:
            raise KeyError(SECRET) from error
    except KeyError as error:
        told = failure(error)
    assert told["error"] == "KeyError"
    assert told["causes"] == ["ValueError"]
    assert SECRET not in str(told)


@pytest.fixture
def quiet() -> Iterator[Lines]:
    root = logging.getLogger()
    before = root.handlers[:], root.level, threading.excepthook, warnings.showwarning
    lines = Lines()
    quiet_libraries(lines.log)
    yield lines
    logging.captureWarnings(False)
    root.handlers[:], root.level = before[0], before[1]
    threading.excepthook = before[2]


def test_libraries_are_heard_without_their_words(quiet: Lines) -> None:
    try:
        int(SECRET)
    except ValueError:
        logging.getLogger("some.library").exception("could not read %s", SECRET)
    logging.getLogger("some.library").info(SECRET)
    (line,) = quiet.all()
    assert line["library"] == "some.library"
    assert line["error"] == "ValueError"
    assert SECRET not in quiet.text


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_threads_failure_is_told_without_its_words(quiet: Lines) -> None:
    thread = threading.Thread(target=int, args=(SECRET,))
    thread.start()
    thread.join()
    assert quiet.all()[-1]["error"] == "ValueError"
    assert SECRET not in quiet.text
