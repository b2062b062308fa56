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
from softfall.options.homomorphic.provider import (
    Asked,
    KeyReused,
    Match,
    NoMatch,
    Outcome,
    PreparedList,
)
from softfall.provider.database import CONFIRM_MIGRATIONS
from softfall.provider.homomorphic import judging
from softfall.provider.homomorphic.figures import HomomorphicFigures
from softfall.provider.homomorphic.judging import (
    MAX_QUESTION_BYTES,
    MAX_STARTS,
    Matcher,
    NotMatched,
    Patience,
    at_once,
)
from softfall.provider.homomorphic.keyholder_way import (
    KeyholderUnavailable,
    OtherList,
    RunRefused,
    StaleRun,
    Step,
)
from softfall.provider.homomorphic.lists import Lists
from softfall.provider.homomorphic.outcomes import KnownOutcomes
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
            known=KnownOutcomes(self.db),
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
    town.faults = [fails(RunRefused("MalformedMessage"))]
    (refused,) = town.match(listed)
    assert isinstance(away, NotMatched)
    assert isinstance(refused, NotMatched)
    assert "MalformedMessage" in refused.what
    assert (away.party_is_away, refused.party_is_away) == (True, False)


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
    assert not outcome.party_is_away  # or an operator's rule would let a picture by that causes it


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


def test_a_listed_picture_submitted_twelve_times_is_a_match_each_time_by_one_run(
    town: Town,
) -> None:
    (same,) = town.asked(pictures(town)[0])
    fates = [outcome for _ in range(12) for outcome in town.matcher.match(EPOCH, [same])]
    assert fates == [Match((5,))] * 12
    assert town.used == [1]


def test_the_same_submission_twice_in_one_lot_is_run_once(town: Town) -> None:
    same, other = town.asked(*pictures(town))
    told = town.matcher.match(EPOCH, [same, other, same])
    assert list(told) == [Match((5,)), NoMatch(), Match((5,))]
    assert town.used == [1, 2]


def test_a_match_is_known_while_list_and_keyholder_are_away(town: Town) -> None:
    (same,) = town.asked(pictures(town)[0])
    town.matcher.match(EPOCH, [same])
    town.lists.forget_others([])
    town.away = True
    assert list(town.matcher.match(EPOCH, [same])) == [Match((5,))]


def test_that_there_was_no_match_counts_for_its_list_version_alone(town: Town) -> None:
    _, unlisted = pictures(town)
    (same,) = town.asked(unlisted)
    for _ in range(3):
        assert list(town.matcher.match(EPOCH, [same])) == [NoMatch()]
    assert town.used == [1]
    town.desk.add(unlisted)
    for segment in town.desk.version.segments:
        town.lists.shelf.rows.put(town.desk.files[segment.rows_sha256])
    town.use_list()
    town.faults = [fails(RunRefused("asked anew"))]
    (outcome,) = town.matcher.match(EPOCH, [same])
    assert isinstance(outcome, NotMatched)
    assert "asked anew" in outcome.what


@pytest.mark.parametrize("judged", [True, False], ids=["judged", "cut off"])
def test_a_commitment_that_came_with_another_query_is_refused_and_not_run(
    town: Town, judged: bool
) -> None:
    first, second = town.asked(*pictures(town))
    if not judged:
        town.faults = [fails(RunRefused("MalformedMessage"))]
    town.matcher.match(EPOCH, [second])
    spent = list(town.used)
    forged = Asked(second.capsule, second.commitment, first.query)
    assert list(town.matcher.match(EPOCH, [forged])) == [KeyReused()]
    assert town.used == spent


def test_when_the_list_becomes_empty_in_mid_lot_what_was_found_before_stays(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed, unlisted = pictures(town)
    town.stock.take(Mode.ONE_BIT, 1, 7)  # one serial is left: the lot of two is split
    here = town.lists.current(EPOCH)
    assert here is not None
    empty = PreparedList(EPOCH, here.list_version + 1, here.parameters, ())
    answers = [here, empty]
    monkeypatch.setattr(town.lists, "wait_for", lambda epoch, seconds: answers.pop(0))
    assert list(town.match(listed, unlisted)) == [Match((5,)), NoMatch()]


def test_a_question_stays_below_what_a_keyholder_takes_or_holds_one_query() -> None:
    assert at_once(1_000_000) == 16
    assert at_once(10_000_000) == 6
    assert at_once(2**24) == 3
    assert at_once(2**40) == 1
    for rows in (1, 48, 4_000_000, 10_000_000, 2**24):
        assert at_once(rows) * rows * 1.5 < MAX_QUESTION_BYTES


def test_a_lot_against_a_large_list_is_asked_in_several_questions(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed, unlisted = pictures(town)
    monkeypatch.setattr(judging, "MAX_QUESTION_BYTES", 2 * (96 * 3 // 2 + 1400))
    asked, honest = list[int](), town.ask

    def counted(step: Step, body: bytes) -> bytes:
        if step == "begin":
            asked.append(len(keyholder.read(body).runs))
        return honest(step, body)

    monkeypatch.setattr(town, "ask", counted)
    told = town.match(listed, unlisted, listed)
    assert list(told) == [Match((5,)), NoMatch(), Match((5,))]
    assert max(asked) < 3
    assert sum(asked) == 3
