"""kill -9 between any two steps of handing over: casework has everything, and has it once."""

import hashlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from softfall.config import ProviderSettings
from softfall.edge.console_tokens import ConsoleTokenUnusable, console_token_file
from softfall.edge.tls import init_tls
from softfall.messaging.notices import NOTICES
from softfall.provider.clock import system_clock
from softfall.provider.main import main

from .cast import App
from .console_server import ConsoleServer, console_server
from .fake_console import FakeConsole
from .process import Served
from .test_kill import join
from .test_reports import Talk, encoded, file

PICTURES = (b"the bytes of a harmless picture",)
STAFF = {"authorization": "Bearer t"}


class Unmatched(App):
    """An app of a service that matches nothing."""

    def media(self, *to: str, word: bytes = b"", epoch: int = 0, **changes: Any) -> bytes:
        nothing = {"option": "none", "epoch": 0, "body": b""}
        return super().media(*to, submission=nothing, **changes)


class RealHouse:
    """What `Talk` needs of a house, with a real process behind it."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.clock = system_clock

    def join(self, name: str) -> App:
        app = join(self.served, name)
        return Unmatched(app.http, app.identity, app.token, app.clock)

    def send(self, app: App, body: bytes) -> None:
        assert app.post(body).status_code == 202
        time.sleep(0.3)  # until it is judged: a report of it proves that it was


@pytest.fixture
def console(tmp_path: Path) -> Iterator[ConsoleServer]:
    init_tls(tmp_path / "tls")
    with console_server(tmp_path / "tls", FakeConsole()) as made:
        yield made


@pytest.fixture
def served(tmp_path: Path, console: ConsoleServer) -> Iterator[Served]:
    made = Served(tmp_path, option="none", staff_token="t", console_url=console.url)
    made.start()
    made.wait_until_ready()
    yield made
    made.kill()


def enact(served: Served, **changes: Any) -> Any:
    values = {
        "enactment_id": "e" * 32,
        "case_id": "c1",
        "decided_by": "mo",
        "round": "decision",
        "outcome": "warn",
        "account_action": "warn",
        "reason": "a reason",
        "subject": "ada",
        "appeal_until_ms": system_clock() + 10**9,
    }
    with served.client() as http:
        answer = http.post("/v1/staff/enactments", json=values | changes, headers=STAFF)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_killed_before_and_after_each_step_it_loses_nothing_and_doubles_nothing(
    served: Served, console: ConsoleServer
) -> None:
    fake, killed = console.fake, set[tuple[str, str]]()
    dead = threading.Event()

    def pull_the_plug(phase: str, path: str) -> bool:
        if (phase, path) in killed:
            return False
        killed.add((phase, path))
        served.kill()
        dead.set()
        return True

    fake.down = True
    talk = Talk(RealHouse(served))  # type: ignore[arg-type]  # as much of one as is needed
    messages = [talk.message(), *(talk.message(picture) for picture in PICTURES)]
    told = file(talk.ben, encoded(*messages)).json()
    enact(served)
    answer = talk.ada.call("GET", "/v1/notices")
    notice: Any = NOTICES.decode(answer.content)["notices"][0]
    path = f"/v1/notices/{notice['notice_id'].hex()}/appeal"
    assert talk.ada.call("POST", path, json={"text": "Look again."}).status_code == 201
    console.on_request, fake.down = pull_the_plug, False
    digests = {hashlib.sha256(picture).hexdigest(): picture for picture in PICTURES}
    paths = ["/v1/intake", "/v1/intake/appeals", *(f"/v1/intake/pictures/{d}" for d in digests)]
    for _ in range(2 * len(paths)):
        assert dead.wait(60)
        dead.clear()
        served.start()
        served.wait_until_ready()
    assert killed == {(phase, path) for phase in ("before", "after") for path in paths}
    until_gone(served, told["report_id"])
    reference = f"report:{told['report_id']}:0"
    assert fake.order == [reference, f"appeal:{'e' * 32}"], "each once, in their order"
    assert fake.pictures == digests
    assert [m.text for m in fake.cases[reference].messages] == ["hello there"] * 2
    assert not list((served.folder / "provider" / "reports").glob("?" * 64))
    for name in served.folder.glob("provider/provider.db*"):
        assert b"hello there" not in name.read_bytes()
        assert b"Look again." not in name.read_bytes()


def until_gone(served: Served, report_id: str) -> None:
    """Until the report's words are no longer kept here, and their overwriting is through."""
    for _ in range(600):
        with served.client() as http:
            answer = http.get(f"/v1/staff/reports/{report_id}", headers=STAFF).json()
            figures = http.get("/metrics").text
        waits = 'softfall_handovers{state="waiting"} 0.0' in figures
        if waits and all(message["handed_over"] for message in answer["messages"]):
            time.sleep(6)  # the next round of upkeep empties the write-ahead log
            return
        time.sleep(0.1)
    raise AssertionError(served.log.read_text()[-3000:])


def test_it_does_not_start_without_the_token_that_the_console_asks_for(tmp_path: Path) -> None:
    init_tls(tmp_path / "tls")
    console_token_file(tmp_path / "tls").unlink()
    settings = ProviderSettings(
        option="none",
        data_dir=tmp_path / "provider",
        tls_dir=tmp_path / "tls",
        console_url="https://127.0.0.1:1",
    )
    with pytest.raises(ConsoleTokenUnusable):
        main(settings)


def test_a_console_that_hangs_keeps_nobody_from_ending(
    served: Served, console: ConsoleServer
) -> None:
    asked, over = threading.Event(), threading.Event()

    def hang(phase: str, path: str) -> bool:
        asked.set()
        return over.wait(60)

    console.on_request = hang
    talk = Talk(RealHouse(served))  # type: ignore[arg-type]  # as much of one as is needed
    file(talk.ben, encoded(talk.message()))
    assert asked.wait(60)
    try:
        assert served.stop() == 0
        assert not over.is_set(), "it ended while the console still hung"
    finally:
        over.set()
