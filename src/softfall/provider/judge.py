"""Judging what was received, after its sender was answered, and moving it on.

Guarantees: nothing leaves `received` but by a decision; a judge that fails is tried again a few
times, then the envelope is held as an outage and never lost. It is delivered, unchecked, only where
the operator's rule says so and a party that must judge it is away: never for what its own bytes may
bring about, nor for a fault of this service. While the disk is full, envelopes stay where they are.
What is `received` and whose process ended is judged again.
A candidate is held only once `confirm` has said so; unconfirmed, it is delivered like any other.
A part of a live stream is judged in its turn, and held after one that is (streams.py).
All media wait a random time before they are judged, so that when a message arrives tells little of
what the judge did.
Refuses to be brought down again and again by one envelope: after `MAX_RECOVERIES` restarts that
found it unjudged, it is held unjudged.
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Row, select

from softfall.edge.logs import Logger, failure
from softfall.errors import UnavailableError
from softfall.options.contract import (
    BatchHalf,
    Candidate,
    Clear,
    Held,
    Malformed,
    ProviderHalf,
    ProviderPorts,
    Submission,
    Verdict,
)
from softfall.options.framed import is_live
from softfall.provider import streams
from softfall.provider.bell import Bell
from softfall.provider.clock import Clock
from softfall.provider.figures import Figures
from softfall.provider.keepers import Keepers
from softfall.provider.lanes import Due, Lane
from softfall.provider.life import Actor, HoldKind, State, UnknownTransition
from softfall.provider.mail import Decision, move
from softfall.provider.options import NONE, OUTAGE
from softfall.provider.outbox import Outbox
from softfall.provider.tables import envelopes
from softfall.store.transactions import Database

MAX_ATTEMPTS = 4
MAX_RECOVERIES = 20
MAX_LOT = 8
RETRY_SECONDS = (0.1, 0.5, 2.0)
STORE_RETRY_SECONDS = 1.0

OutageRule = Literal["hold", "deliver"]


@dataclass(frozen=True, slots=True)
class Bench:
    """What judging needs: who judges an epoch, whom a judge may ask, the rule for outages.

    confirm: what decides about a candidate of (option, epoch); None where no option has any.
    """

    half: Callable[[int], ProviderHalf | None]
    ports: ProviderPorts
    outage_rule: OutageRule
    confirm: Callable[[str, int, Candidate], Verdict] | None = None


class CannotJudge(Exception):
    """Internal: no verdict now; the reason is told if it stays that way.

    party_is_away: as UnavailableError says it.
    """

    def __init__(self, why: str, *, party_is_away: bool = False) -> None:
        super().__init__(why)
        self.party_is_away = party_is_away

    @classmethod
    def of(cls, error: UnavailableError) -> "CannotJudge":
        """Because somebody could not."""
        return cls(error.what, party_is_away=error.party_is_away)


def decide(bench: Bench, submission: Submission | None, who: Actor) -> Decision:
    """Where an envelope goes. Raises CannotJudge, or whatever a broken judge raises."""
    if submission is None:
        return Decision(State.DELIVERED, who, "text")
    if submission.option == NONE:
        return Decision(State.DELIVERED, who, "this service matches nothing")
    if submission.option == OUTAGE:
        if bench.outage_rule == "deliver":
            return Decision(State.DELIVERED, who, "unchecked: the custodian was out of reach")
        return Decision(State.HELD, who, "the custodian was out of reach", HoldKind.OUTAGE)
    half = bench.half(submission.epoch)
    if half is None:
        raise CannotJudge("its list epoch is no longer here")
    try:
        verdict = half.judge(submission, bench.ports)
    except UnavailableError as error:
        raise CannotJudge.of(error) from None
    return _decided(bench, submission, verdict, who)


def decide_together(
    bench: Bench, submissions: Sequence[Submission], who: Sequence[Actor]
) -> list[Decision | Exception]:
    """As `decide` for each, in order, for one epoch whose half judges several at once.

    What can't be judged now has why in its decision's place. Raises whatever a broken judge raises.
    """
    half = bench.half(submissions[0].epoch)
    if not isinstance(half, BatchHalf):
        raise CannotJudge("its half judges one by one")
    decisions: list[Decision | Exception] = []
    verdicts = half.judge_batch(submissions, bench.ports)
    for submission, verdict, actor in zip(submissions, verdicts, who, strict=True):
        try:
            if isinstance(verdict, UnavailableError):
                raise CannotJudge.of(verdict)
            decisions.append(_decided(bench, submission, verdict, actor))
        except Exception as error:  # one picture's trouble keeps back no other
            decisions.append(error)
    return decisions


def _decided(bench: Bench, submission: Submission, verdict: Verdict, who: Actor) -> Decision:
    if isinstance(verdict, Candidate):
        verdict = _confirmed(bench, submission, verdict)
    return decision_of(verdict, who)


def _confirmed(bench: Bench, submission: Submission, candidate: Candidate) -> Verdict:
    """What `confirm` says about a candidate. Raises CannotJudge."""
    if bench.confirm is None:
        raise CannotJudge("nothing here confirms candidates")
    try:
        return bench.confirm(submission.option, submission.epoch, candidate)
    except UnavailableError as error:
        raise CannotJudge.of(error) from None


def decision_of(verdict: Verdict, who: Actor) -> Decision:
    """The move that a verdict asks for. Only evidence that says `confirmed` confirms a hold."""
    if isinstance(verdict, Clear):
        return Decision(State.DELIVERED, who, verdict.reason)
    if isinstance(verdict, Malformed):
        return Decision(State.HELD, who, verdict.reason, HoldKind.MALFORMED)
    confirmed = isinstance(verdict, Held) and verdict.evidence.get("confirmed") is True
    kind = HoldKind.CONFIRMED if confirmed else HoldKind.CANDIDATE
    return Decision(State.HELD, who, verdict.reason, kind, verdict.evidence)


class Judge:
    """Two lanes, so that text never waits for media."""

    def __init__(
        self,
        db: Database,
        bench: Bench,
        bell: Bell,
        clock: Clock,
        figures: Figures,
        log: Logger,
        jitter_ms: int,
        randomness: random.Random,
        outbox: Outbox,
        keepers: Keepers,
    ) -> None:
        self._db = db
        self._bench = bench
        self._bell = bell
        self._clock = clock
        self._figures = figures
        self._log = log
        self._jitter_ms = jitter_ms
        self._random = randomness
        self._outbox = outbox
        self.keepers = keepers
        self._lanes: Mapping[bool, Lane] = {
            False: Lane("judge-text", self._work),
            True: Lane("judge-media", self._work, at_most=MAX_LOT),
        }
        figures.waiting.set_function(lambda: sum(lane.waiting() for lane in self._lanes.values()))

    def start(self) -> None:
        """Take up what ended processes left `received`, and begin."""
        for lane in self._lanes.values():
            lane.start()
        self.take_up()

    def take_up(self) -> None:
        """Judge what nobody is at work on. Raises StoreAway, StoreBusy, StorageFull."""
        for envelope, is_media in self.keepers.left_over(self._at_work):
            self.submit(envelope, is_media, Actor.RECOVERY)

    def stop(self) -> None:
        """Stop between two envelopes; what is left goes to whoever takes it up."""
        for lane in self._lanes.values():
            lane.stop()
        self.keepers.leave()

    def submit(self, envelope: int, is_media: bool, who: Actor = Actor.JUDGE) -> None:
        """Judge this envelope: text at once, media after a random wait."""
        wait_ms = self._random.uniform(0, self._jitter_ms) if is_media else 0.0
        self._lanes[is_media].put(Due(time.monotonic() + wait_ms / 1000, envelope, 1, who))

    def settle(self, timeout_seconds: float = 30.0) -> bool:
        """Wait until nothing is left to judge: is it so? For tests and orderly ends."""
        return all(lane.settle(timeout_seconds) for lane in self._lanes.values())

    def _at_work(self) -> set[int]:
        return set().union(*(lane.envelopes() for lane in self._lanes.values()))

    def _work(self, lot: Sequence[Due]) -> list[Due]:
        """Judge some envelopes and move them; what to do again, and when, if that failed."""
        try:
            with self._db.read() as tx:
                wanted = envelopes.c.row.in_([due.envelope for due in lot])
                rows = {row.row: row for row in tx.execute(select(envelopes).where(wanted))}
        except Exception as error:  # a fault of the store, not of the envelopes: they stay
            return [self._store_failed(due, error) for due in lot]
        received = [due for due in lot if _is_received(rows.get(due.envelope))]
        here = [due for due in received if not self._is_early(rows[due.envelope])]
        together = self._together(here, rows)
        again = self._judge_together(together, rows) if together else []
        again += [self._judge_alone(due, rows[due.envelope]) for due in here if due not in together]
        again += [_in_its_turn(due) for due in received if due not in here]
        return [due for due in again if due is not None]

    def _together(self, lot: Sequence[Due], rows: Mapping[int, Row[Any]]) -> list[Due]:
        """Those of the lot that one half judges together: none, or two at least."""
        fresh = [due for due in lot if due.attempt == 1 and _is_sound(rows[due.envelope])]
        if len(fresh) < 2:
            return []
        epoch = rows[fresh[0].envelope].submission_epoch
        if not isinstance(self._bench.half(epoch), BatchHalf):
            return []
        chosen = [due for due in fresh if rows[due.envelope].submission_epoch == epoch]
        return chosen if len(chosen) > 1 else []

    def _judge_together(self, lot: Sequence[Due], rows: Mapping[int, Row[Any]]) -> list[Due | None]:
        submissions = [_submission(rows[due.envelope]) for due in lot]
        start = time.monotonic()
        try:
            decisions = decide_together(self._bench, submissions, [due.who for due in lot])
        except Exception as error:  # of one of them, perhaps: each is tried again by itself
            decisions = [error] * len(lot)
        seconds = (time.monotonic() - start) / len(lot)
        again = []
        for due, decision in zip(lot, decisions, strict=True):
            self._figures.judge_seconds.observe(seconds)
            if isinstance(decision, Exception):
                again.append(self._failed(due, decision, rows[due.envelope]))
            else:
                again.append(self._move(due, decision, rows[due.envelope]))
        return again

    def _judge_alone(self, due: Due, row: Row[Any]) -> Due | None:
        try:
            decision = self._decide(row, due.who)
        except Exception as error:  # a judge may fail in any way; the envelope must not be lost
            return self._failed(due, error, row)
        return self._move(due, decision, row)

    def _is_early(self, row: Row[Any]) -> bool:
        """Whether a part of a live stream must wait for what its sender sent before it."""
        if not is_live(row.submission_body or b""):
            return False
        with self._db.read() as tx:
            return streams.must_wait(tx, row)

    def _failed(self, due: Due, error: Exception, row: Row[Any]) -> Due | None:
        self._figures.judge_failures.inc()
        self._log.error("judging failed", attempt=due.attempt, **failure(error))
        if due.attempt < MAX_ATTEMPTS:
            at = time.monotonic() + RETRY_SECONDS[due.attempt - 1]
            return Due(at, due.envelope, due.attempt + 1, due.who)
        why = str(error) if isinstance(error, CannotJudge) else "judging failed"
        why = f"{why}, {MAX_ATTEMPTS} times"
        is_away = isinstance(error, CannotJudge) and error.party_is_away
        if is_away and self._bench.outage_rule == "deliver":
            return self._move(due, Decision(State.DELIVERED, due.who, f"unchecked: {why}"), row)
        return self._move(due, _unjudged(due.who, why), row)

    def _decide(self, row: Row[Any], who: Actor) -> Decision:
        if row.submission_option is None:
            return decide(self._bench, None, who)
        if row.recoveries > MAX_RECOVERIES:
            return _unjudged(Actor.RECOVERY, f"unjudged after {MAX_RECOVERIES} restarts")
        with self._figures.judge_seconds.time():
            return decide(self._bench, _submission(row), who)

    def _move(self, due: Due, decision: Decision, row: Row[Any] | None = None) -> Due | None:
        try:
            with self._db.write() as tx:
                now_ms = self._clock()
                if row is not None and is_live(row.submission_body or b""):
                    decision = streams.followed(tx, row, decision)
                grown = move(tx, due.envelope, decision, now_ms)
                if decision.end is State.HELD:
                    self._outbox.held(tx, due.envelope, now_ms)
        except UnknownTransition:
            return None  # somebody else has moved it: nothing is left to do
        except Exception as error:  # a fault of the store, not of the envelope: it stays
            return self._store_failed(due, error)
        self._figures.moves.labels(decision.end, decision.who).inc()
        self._bell.ring(grown)
        return None

    def _store_failed(self, due: Due, error: Exception) -> Due:
        self._figures.storage_faults.inc()
        self._log.error("moving failed", **failure(error))
        return Due(time.monotonic() + STORE_RETRY_SECONDS, due.envelope, due.attempt, due.who)


def _is_received(row: Row[Any] | None) -> bool:
    return row is not None and row.state == State.RECEIVED


def _in_its_turn(due: Due) -> Due:
    return Due(time.monotonic() + streams.WAIT_SECONDS, due.envelope, due.attempt, due.who)


def _is_sound(row: Row[Any]) -> bool:
    """Whether an option's half is to judge it, and may do so beside others."""
    apart = (None, NONE, OUTAGE)
    return row.submission_option not in apart and row.recoveries == 0


def _submission(row: Row[Any]) -> Submission:
    return Submission(row.submission_option, row.submission_epoch, row.submission_body)


def _unjudged(who: Actor, why: str) -> Decision:
    return Decision(State.HELD, who, why, HoldKind.OUTAGE)
