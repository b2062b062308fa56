import io
import threading
from collections.abc import Callable

import httpx
import pytest

from softfall.casework.decisions import Ruling
from softfall.casework.model import Line, Outcome, Role, Source
from softfall.casework.rights import StaffRef
from softfall.config import ProviderSettings, ReferralSettings, Settings
from softfall.console import week
from softfall.console.lines import LIMITS, Here, lines_of_defence
from softfall.console.provider_health import KEPT_MS, ProviderHealth, ProviderNow
from softfall.console.rounds import Round, Rounds
from softfall.edge.logs import make_logger

from .house import START_MS, Clock, House
from .test_transparency_page import report

MO = StaffRef("mo", Role.MODERATOR)
EMPTY = week.Week(dict.fromkeys(Source, 0), dict.fromkeys(Line, 0), dict.fromkeys(Line, 0),
                  0, 0, 0, 0, 0, 0)  # fmt: skip
DEFAULTS = Settings.model_construct()


def words(here: Here, line: Line) -> list[tuple[str, str]]:
    found = next(each for each in lines_of_defence(here) if each.line is line)
    return [(part.state, part.words) for part in found.on]


def test_every_line_says_its_limits_whatever_is_known() -> None:
    for provider in (None, ProviderNow("split", 3), ProviderNow("none", 0)):
        lines = lines_of_defence(Here(DEFAULTS, provider, EMPTY, 0))
        assert [line.line for line in lines] == list(Line)
        for line in lines:
            assert line.limits == LIMITS[line.line]
            assert line.limits
            assert line.on
            assert line.stopped


@pytest.mark.parametrize(
    ("provider", "state", "told"),
    [(None, "unknown", "does not answer"), (ProviderNow("none", 0), "off", "unmatched"),
     (ProviderNow("split", 0), "off", "no list yet"),
     (ProviderNow("on_device", 4), "on", "epoch is 4"),
     (ProviderNow("something-new", 4), "on", "something-new")],
)  # fmt: skip
def test_what_is_not_known_is_said_to_be_unknown_and_never_off(
    provider: ProviderNow | None, state: str, told: str
) -> None:
    ((found, sentence),) = words(Here(DEFAULTS, provider, EMPTY, 0), Line.LISTS)
    assert found == state
    assert told in sentence


def test_settings_and_tools_turn_lines_on() -> None:
    settings = Settings.model_construct(
        provider=ProviderSettings(surface_token="x" * 32),
        referral=ReferralSettings(cybertipline_url="https://authority.example"),
    )
    here = Here(settings, None, EMPTY, 1)
    assert [state for state, _ in words(here, Line.PLATFORM)] == ["on", "on"]
    assert words(here, Line.PLATFORM)[1][1] == "1 tool may hand cases in."
    assert words(here, Line.LAW)[0][0] == "on"
    assert words(Here(DEFAULTS, None, EMPTY, 0), Line.LAW)[0][0] == "off"


def test_a_week_counts_what_came_in_and_what_was_decided(either_house: House) -> None:
    house = either_house
    for number in range(3):
        report(house, number)
    desk = house.service.desk
    before = counted(house, house.clock())
    assert before.taken_in[Source.REPORT] == 3
    assert before.waiting_cases == 1  # reports about one account join one case
    assert before.measures[Line.USERS] == 0
    assert before.audit_lines > 0
    case_id = desk.queue(MO)[0].case_id
    desk.take(case_id, MO)
    desk.decide(case_id, MO, Ruling(Outcome.WARN, "unfriendly, three times", "spam"))
    after = counted(house, house.clock())
    assert (after.measures[Line.USERS], after.freed[Line.USERS]) == (1, 0)
    assert after.measures[Line.LISTS] == 0
    assert after.waiting_cases == 0
    later = counted(house, START_MS + 8 * 86_400_000)
    assert later.taken_in[Source.REPORT] == 0
    assert later.measures[Line.USERS] == 0
    assert later.audit_lines == 0


def counted(house: House, now_ms: int) -> week.Week:
    with house.service.db.read() as tx:
        return week.count(tx, now_ms)


class Answers:
    """A provider that answers as told, and counts how often it is asked."""

    def __init__(self, answer: Callable[[], httpx.Response]) -> None:
        self.asked = 0
        self._answer = answer

    def client(self) -> httpx.Client:
        def reply(request: httpx.Request) -> httpx.Response:
            self.asked += 1
            assert request.url.path == "/v1/health"
            return self._answer()

        return httpx.Client(base_url="https://provider", transport=httpx.MockTransport(reply))


def test_the_provider_is_asked_once_in_a_while() -> None:
    told = {"ok": True, "option": "split", "epoch": 5}
    answers, clock = Answers(lambda: httpx.Response(200, json=told)), Clock()
    health = ProviderHealth(answers.client(), clock)
    for _ in range(3):
        assert health.now() == ProviderNow("split", 5)
    assert answers.asked == 1
    clock.now_ms += KEPT_MS
    health.now()
    assert answers.asked == 2


def _unreachable() -> httpx.Response:
    raise httpx.ConnectError("nobody there")


@pytest.mark.parametrize(
    "answer",
    [_unreachable, lambda: httpx.Response(200, text="<html>"),
     lambda: httpx.Response(200, json=[]), lambda: httpx.Response(503, json={"error": "x"}),
     lambda: httpx.Response(200, json={"option": 7, "epoch": 1})],
)  # fmt: skip
def test_an_answer_without_sense_is_unknown(answer: Callable[[], httpx.Response]) -> None:
    answers = Answers(answer)
    health = ProviderHealth(answers.client(), Clock())
    assert health.now() is None
    assert health.now() is None
    assert answers.asked == 1


def test_a_round_that_fails_is_told_and_tried_again() -> None:
    log, done, calls = io.StringIO(), threading.Event(), []

    def work() -> bool:
        calls.append(1)
        if len(calls) == 1:
            raise ValueError("something secret")
        if len(calls) == 4:
            done.set()
        return len(calls) in {2, 3}  # more to do, at once

    rounds = Rounds([Round("a round", 0.01, work)], make_logger("console", log))
    rounds.start()
    assert done.wait(60)
    rounds.stop()
    assert "round failed" in log.getvalue()
    assert "ValueError" in log.getvalue()
    assert "something secret" not in log.getvalue()


def test_stopping_waits_for_the_round_that_runs_and_starts_no_other() -> None:
    begun, go_on, ended = threading.Event(), threading.Event(), []

    def work() -> bool:
        begun.set()
        go_on.wait(60)
        ended.append(1)
        return True

    rounds = Rounds([Round("a round", 0, work)], make_logger("console", io.StringIO()))
    rounds.start()
    assert begun.wait(60)
    stopping = threading.Thread(target=rounds.stop)
    stopping.start()
    stopping.join(0.05)
    assert stopping.is_alive()
    go_on.set()
    stopping.join(60)
    assert len(ended) <= 2  # the one that ran, and one that may have begun before the stop
