"""Encrypted pictures and a keyholder that comes, goes, forgets and talks nonsense."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from softfall.device.surroundings import REAL
from softfall.edge.stock_keeping import Batch
from softfall.errors import UnavailableError
from softfall.options.homomorphic import dealer, keyholder
from softfall.options.homomorphic.keyholder import Kept
from softfall.options.homomorphic.material import DealtKeyholder
from softfall.options.homomorphic.parameters import Mode
from softfall.options.homomorphic.provider import Asked, Match, NoMatch, Outcome
from softfall.provider.database import CONFIRM_MIGRATIONS
from softfall.provider.homomorphic.figures import HomomorphicFigures
from softfall.provider.homomorphic.judging import MAX_STARTS, Matcher, NotMatched, Patience
from softfall.provider.homomorphic.keyholder_way import (
    KeyholderUnavailable,
    OtherList,
    RunRefused,
    StaleRun,
    Step,
)
from softfall.provider.homomorphic.lists import Lists
from softfall.provider.homomorphic.shelf import Shelf
from softfall.provider.homomorphic.stock import HomomorphicStock, Kind
from softfall.store.database import sqlite_url
from softfall.store.transactions import Database

from .listed import EPOCH, Desk
from .town import altered, submitted

Fault = Callable[[], None]


class Town:
    """The real halves of all parties in one process; `faults` come first, one a question."""

    def __init__(self, folder: Path, entries: int = 60) -> None:
        self.desk = Desk(entries)
        shelf = Shelf(folder)
        for segment in self.desk.version.segments:
            shelf.rows.put(self.desk.files[segment.rows_sha256])
        self.lists = Lists(folder, shelf)
        self.db = Database(sqlite_url(folder / "confirm.db"), CONFIRM_MIGRATIONS)
        self.stock = HomomorphicStock(self.db, self.deal)
        self.theirs: dict[int, bytes] = {}
        self.used: list[int] = []
        self.faults: list[Fault] = []
        self.away = False
        self.now = 0.0
        self.kept: Kept | None = None
        self.matcher = Matcher(
            self.lists,
            self.stock,
            self,
            HomomorphicFigures(CollectorRegistry()),
            Patience(2.0, lambda: self.now, self.wait),
            threads=1,
        )
        self.stock.want([Kind(Mode.ONE_BIT, 1024)])

    def use_list(self) -> None:
        self.lists.use(self.lists.prepare(self.desk.epoch, self.desk.signed))

    def wait(self, seconds: float) -> None:
        self.pause(seconds)

    def pause(self, seconds: float) -> None:
        self.now += seconds

    def deal(self, kind: Kind, count: int) -> Batch:
        batch = []
        for serial in range(len(self.theirs) + 1, len(self.theirs) + 1 + count):
            dealt = dealer.deal(serial, kind.mode, kind.capacity_rows, REAL.random_bytes)
            self.theirs[serial] = dealt.keyholder
            batch.append((serial, dealt.provider))
        return batch

    def ask(self, step: Step, body: bytes) -> bytes:
        if self.faults:
            self.faults.pop(0)()
        if step == "finish":
            assert self.kept is not None
            return keyholder.finish(body, self.kept)
        question = keyholder.read(body)
        serials = [run.serial for run in question.runs]
        assert not set(serials) & set(self.used), "a serial was used twice"
        self.used += serials
        dealt = [DealtKeyholder.decode(self.theirs[serial]) for serial in serials]
        hints = self.desk.laid.hints
        reply, self.kept = keyholder.begin(question, hints, dealt, [self.desk.keyholder.secret])
        return reply

    def is_there(self) -> bool:
        return not self.away

    def asked(self, *hashes: bytes) -> list[Asked]:
        from softfall.lists.manifest import read

        manifest = read(self.desk.epoch.manifest)
        return [Asked.read(submitted(manifest, each).body) for each in hashes]

    def match(self, *hashes: bytes) -> Sequence[Outcome | UnavailableError]:
        return self.matcher.match(EPOCH, self.asked(*hashes))


@pytest.fixture
def town(tmp_path: Path) -> Town:
    made = Town(tmp_path)
    made.use_list()
    made.stock.fetch(8)
    return made


def fails(error: Exception) -> Fault:
    def fault() -> None:
        raise error

    return fault


def pictures(town: Town) -> tuple[bytes, bytes]:
    """One that is listed as entry 5, and one that is not."""
    return altered(town.desk.listed[4], 30), altered(town.desk.listed[4], 128)


def test_several_pictures_are_compared_in_one_run_each_with_its_own_outcome(town: Town) -> None:
    listed, unlisted = pictures(town)
    assert list(town.match(listed, unlisted, listed)) == [Match((5,)), NoMatch(), Match((5,))]
    assert town.used == [1, 2, 3]


@pytest.mark.parametrize(
    "error",
    [StaleRun("MaterialUnknown"), StaleRun("RunUnknown"), OtherList("WrongListVersion")],
    ids=str,
)
@pytest.mark.parametrize("step", [0, 1], ids=["begin", "finish"])
def test_a_keyholder_that_forgot_is_asked_anew_with_fresh_material(
    town: Town, error: Exception, step: int
) -> None:
    listed, _ = pictures(town)
    town.faults = [lambda: None] * step + [fails(error)]
    assert list(town.match(listed)) == [Match((5,))]
    assert len(set(town.used)) == len(town.used)


def test_a_keyholder_that_is_away_for_a_moment_costs_no_more_than_one_run(town: Town) -> None:
    listed, _ = pictures(town)
    town.away = True

    def pause(seconds: float) -> None:
        town.now += seconds
        town.away = town.now < 1.0

    town.pause = pause  # type: ignore[method-assign]
    town.faults = [fails(KeyholderUnavailable("away"))]
    assert list(town.match(listed)) == [Match((5,))]
    assert town.stock.count() == 6


def test_one_that_stays_away_or_refuses_is_an_outage_and_never_a_verdict(town: Town) -> None:
    listed, _ = pictures(town)
    town.away = True
    town.faults = [fails(KeyholderUnavailable("away"))]
    (away,) = town.match(listed)
    town.away = False
    town.faults = [fails(RunRefused("ReplayBudgetSpent"))]
    (refused,) = town.match(listed)
    assert isinstance(away, NotMatched)
    assert isinstance(refused, NotMatched)
    assert "ReplayBudgetSpent" in refused.what


def test_in_a_long_outage_only_the_first_picture_waits_and_none_costs_material(
    town: Town,
) -> None:
    listed, _ = pictures(town)
    town.away = True
    town.faults = [fails(KeyholderUnavailable("away"))]
    for _ in range(4):
        (outcome,) = town.match(listed)
        assert isinstance(outcome, NotMatched)
    assert town.now < 2.5
    assert town.stock.count() == 7
    town.away = False
    assert list(town.match(listed)) == [Match((5,))]


def test_while_no_material_comes_the_next_pictures_are_not_kept_waiting_too(town: Town) -> None:
    listed, _ = pictures(town)
    town.stock.take(Mode.ONE_BIT, 1, 8)
    for _ in range(4):
        (outcome,) = town.match(listed)
        assert isinstance(outcome, NotMatched)
    assert town.now < 2.5
    town.stock.fetch(1)
    assert list(town.match(listed)) == [Match((5,))]


def test_one_that_forgets_for_ever_is_given_up_after_some_tries(town: Town) -> None:
    listed, _ = pictures(town)
    town.stock.fetch(200)
    town.faults = [fails(StaleRun("MaterialUnknown")) for _ in range(100)]
    (outcome,) = town.match(listed)
    assert isinstance(outcome, NotMatched)
    assert len(town.faults) == 100 - MAX_STARTS


@pytest.mark.parametrize("step", ["begin", "finish"])
def test_an_answer_that_is_none_is_no_verdict(
    town: Town, step: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed, _ = pictures(town)
    honest = town.ask

    def spoiled(now: Step, body: bytes) -> bytes:
        answer = honest(now, body)
        return answer[:-1] if now == step else answer

    monkeypatch.setattr(town, "ask", spoiled)
    town.stock.fetch(8)
    (outcome,) = town.match(listed)
    assert isinstance(outcome, NotMatched)


def test_with_less_material_than_pictures_the_rest_waits_for_more(town: Town) -> None:
    listed, unlisted = pictures(town)
    town.stock.take(Mode.ONE_BIT, 1, 7)

    def pause(seconds: float) -> None:
        town.now += seconds
        if not town.stock.count():
            town.stock.fetch(2)

    town.pause = pause  # type: ignore[method-assign]
    assert list(town.match(listed, unlisted, listed)) == [Match((5,)), NoMatch(), Match((5,))]


def test_without_material_a_picture_waits_its_time_and_says_so(town: Town) -> None:
    listed, unlisted = pictures(town)
    town.stock.take(Mode.ONE_BIT, 1, 7)
    first, second = town.match(listed, unlisted)
    assert first == Match((5,))
    assert isinstance(second, NotMatched)
    assert second.what == "no dealt material is left"
    assert 2.0 <= town.now < 3.0


def test_before_the_list_is_here_nothing_is_decided(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.matcher._patience = Patience(0.01)
    (outcome,) = town.match(pictures(town)[0])
    assert isinstance(outcome, NotMatched)
    assert "not here yet" in outcome.what


def test_an_empty_list_matches_nothing_and_asks_nobody(tmp_path: Path) -> None:
    town = Town(tmp_path, entries=0)
    town.use_list()
    assert list(town.match(bytes(32))) == [NoMatch()]
    assert town.used == []
