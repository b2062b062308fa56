"""The witness of `--video`: a clip past each option, whole and as a live stream; real processes.

Guarantees: every option gets the same files; what was stopped is read from the provider's own
record and from what the recipient's app shows; which option goes first changes from message to
message. A live stream goes at the clip's own pace, a part as soon as its last picture was taken;
the option's whole machine is its own meanwhile.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from softfall import __version__
from softfall.compare.casts.cast import (
    DEVICES,
    RECIPIENT,
    SENDER,
    SERVICES,
    Cast,
    Fate,
    Place,
    Play,
    Played,
)
from softfall.compare.casts.registry import make_cast
from softfall.compare.film_plan import FilmMessage, FilmPlan, plan_films
from softfall.compare.film_results import FilmComparison, FilmFacts, FilmRun, FilmSent
from softfall.compare.machine import describe_machine
from softfall.compare.parties.device import LIVE_MIME
from softfall.compare.plan import Kind, Turn
from softfall.compare.processes import Stage
from softfall.compare.recorder import read_exchanges
from softfall.compare.results import Outcome, Setup, Undeclared
from softfall.compare.views import Recording, bytes_by_time, draw_views
from softfall.compare.witness import DEFAULT_OPTIONS, Show, make_place, scratch, shown

DEFAULT_LIST_SIZE: Final = 10_000
VIDEO_MIME: Final = "video/mp4"
SETTLE_SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True)
class AskedFilms:
    """What to compare. random_count: random hashes on the list besides."""

    clip: Path
    options: Sequence[str] = DEFAULT_OPTIONS
    list_file: Path | None = None
    random_count: int = DEFAULT_LIST_SIZE
    seed: int = 1
    keep: Path | None = None
    live: bool = False


def compare_films(asked: AskedFilms, show: Show) -> FilmComparison:
    """Run everything. Raises InputErrors for what was asked, PartyFailed where a party fails."""
    started_at, start = datetime.now(UTC), time.monotonic()
    casts = [make_cast(name) for name in dict.fromkeys(asked.options)]
    plan = plan_films(asked.clip, asked.list_file, asked.random_count, asked.seed, asked.live)
    show("the clip", 1, 1)
    with scratch(asked.keep) as folder, Stage(folder) as stage:
        places = {cast.name: make_place(folder, cast.name, plan.known) for cast in casts}
        for cast in casts:
            cast.begin(stage, places[cast.name])
        setups = {
            cast.name: cast.finish(stage, shown(show, f"{cast.name}: set-up")) for cast in casts
        }
        files = _write(folder / "films", plan)
        played = _play(casts, files, len(plan.messages), show)
        live = {cast.name: Stream(cast, plan, files, show).run() for cast in casts if plan.live}
        runs = [
            _gather(cast, setups[cast.name], played[cast.name], live.get(cast.name, []), places)
            for cast in casts
        ]
    return FilmComparison(
        softfall=__version__,
        started_at=started_at.isoformat(timespec="seconds"),
        seconds=time.monotonic() - start,
        clip=asked.clip.name,
        list_size=len(plan.known.hashes),
        list_origin=plan.known.origin,
        machine=describe_machine(),
        messages=tuple(_facts(each) for each in plan.messages),
        live=tuple(_facts(each) for each in plan.live),
        options=tuple(runs),
    )


def _gather(
    cast: Cast,
    setup: Sequence[Setup],
    played: Sequence[Played],
    live: Sequence[FilmSent],
    places: Mapping[str, Place],
) -> FilmRun:
    views = places[cast.name].views
    recordings = {
        role: Recording(role, role if role in SERVICES else "device", *read_exchanges(views, role))
        for role in cast.parties
    }
    undeclared: list[Undeclared] = []
    for recording in recordings.values():
        undeclared += draw_views(recording, cast.declared)[1]
    return FilmRun(
        name=cast.name,
        summary=cast.summary,
        setup=tuple(setup),
        sent=tuple(_sent(at, each, recordings) for at, each in enumerate(played)),
        live=tuple(live),
        undeclared=tuple(undeclared),
    )


def _write(folder: Path, plan: FilmPlan) -> list[tuple[Path, str, str]]:
    """Every message's file, type and digest: first those sent one by one, then the stream's."""
    folder.mkdir()
    files = []
    for number, message in enumerate((*plan.messages, *plan.live)):
        path = folder / f"{number:04d}.mp4"
        path.write_bytes(message.data)
        mime = VIDEO_MIME if number < len(plan.messages) else LIVE_MIME
        files.append((path, mime, message.sha256))
    return files


def _play(
    casts: Sequence[Cast], files: Sequence[tuple[Path, str, str]], count: int, show: Show
) -> dict[str, list[Played]]:
    plays = {cast.name: Play(cast, files, files[0][0]) for cast in casts}
    played: dict[str, list[Played]] = {cast.name: [] for cast in casts}
    for number in range(count):
        first = number % len(casts)
        for cast in (*casts[first:], *casts[:first]):
            played[cast.name].append(plays[cast.name].turn(Turn(Kind.AS_IS, number)))
        show("messages", number + 1, count)
    return {name: plays[name].amend(each) for name, each in played.items()}


class Stream:
    """One live stream past one option: sent at its own pace, and looked after."""

    def __init__(
        self, cast: Cast, plan: FilmPlan, files: Sequence[tuple[Path, str, str]], show: Show
    ) -> None:
        self._cast = cast
        self._parts = plan.live
        self._files = files[len(plan.messages) :]
        self._show = show
        self._fates: dict[str, tuple[Fate, float]] = {}
        self._cpu_ms: dict[str, float] = {}

    def run(self) -> list[FilmSent]:
        """Each part as it went. Raises PartyFailed."""
        start = time.monotonic()
        answers: list[dict[str, Any]] = []
        for number in range(len(self._parts)):
            # A part can be sent once its last picture was taken: when the next one begins.
            self._look(answers, until=start + self._end_ms(number) / 1000)
            path, mime, _ = self._files[number]
            told = {"picture": str(path), "mime": mime, "to": DEVICES[RECIPIENT], "text": ""}
            answer = self._cast.parties[SENDER].ask("send", **told)
            answers.append({**answer, "at": time.monotonic()})
            self._show(f"{self._cast.name}: live", number + 1, len(self._parts))
        self._look(answers, until=time.monotonic() + SETTLE_SECONDS)
        arrived = self._arrived({answer["id"] for answer in answers})
        return [self._sent(number, answer, arrived, start) for number, answer in enumerate(answers)]

    def _end_ms(self, number: int) -> float:
        if number + 1 < len(self._parts):
            return self._parts[number + 1].start_ms
        before = self._parts[number - 1].start_ms if number else 0.0
        return 2 * self._parts[number].start_ms - before

    def _look(self, answers: Sequence[dict[str, Any]], until: float) -> None:
        """Watch what becomes of what was sent, until the next part is due or all is decided."""
        while True:
            waiting = [a for a in answers if a["id"] and a["id"] not in self._fates]
            for answer in waiting:
                fate = self._cast.fate(answer["id"])
                if fate is not None:
                    self._fates[answer["id"]] = fate, time.monotonic()
            left = until - time.monotonic()
            if left <= 0 or (not waiting and len(answers) == len(self._parts)):
                return
            time.sleep(min(left, 0.02))

    def _arrived(self, ids: set[str]) -> dict[str, dict[str, Any]]:
        """What the recipient's app shows; asked until all that was delivered has come."""
        found: dict[str, dict[str, Any]] = {}
        expected = {at for at in ids if at in self._fates and self._fates[at][0].delivered}
        until = time.monotonic() + SETTLE_SECONDS
        while True:
            events = self._cast.parties[RECIPIENT].ask("sync")["events"]
            found |= {event["id"]: event for event in events}
            if expected <= set(found) or time.monotonic() > until:
                return found

    def _sent(
        self,
        number: int,
        answer: dict[str, Any],
        arrived: dict[str, dict[str, Any]],
        start: float,
    ) -> FilmSent:
        part, fated = self._parts[number], self._fates.get(answer["id"])
        fate = fated[0] if fated else None
        outcome, reason = _outcome(answer, fate, arrived.get(answer["id"]))
        stopped_at = None
        if part.listed_ms is not None and outcome in (Outcome.HELD, Outcome.REFUSED):
            known_at = fated[1] if fated is not None else answer["at"]
            stopped_at = 1000 * (known_at - start) - part.listed_ms
        return FilmSent(
            message=number,
            outcome=outcome,
            reason=reason,
            sender_ms=answer["ms"],
            verdict_ms=(fate.decided_ms or 0.0) if fate else 0.0,
            recipient_ms=0.0,
            cpu_ms={},
            up_bytes=0,
            stopped_after_ms=stopped_at,
        )


def _outcome(
    answer: dict[str, Any], fate: Fate | None, event: dict[str, Any] | None
) -> tuple[Outcome, str]:
    if answer["refused"]:
        return Outcome.REFUSED, answer["refused"]
    if event is not None:
        return (Outcome.SHOWN if event["shown"] else Outcome.QUARANTINED), event["reason"]
    if fate is not None and fate.held:
        return Outcome.HELD, fate.reason
    return Outcome.LOST, "the provider did not decide" if fate is None else "never arrived"


def _facts(message: FilmMessage) -> FilmFacts:
    return FilmFacts(
        kind=message.kind,
        size_bytes=len(message.data),
        start_ms=message.start_ms,
        seen=message.seen,
        submitted=message.distinct,
        listed=message.listed,
    )


def _sent(number: int, played: Played, recordings: dict[str, Recording]) -> FilmSent:
    up, _ = bytes_by_time(recordings, played.start_ns, played.end_ns)
    return FilmSent(
        message=number,
        outcome=played.outcome,
        reason=played.reason,
        sender_ms=played.sender_ms,
        verdict_ms=played.verdict_ms,
        recipient_ms=played.recipient_ms,
        cpu_ms=played.cpu_ms,
        up_bytes=up.get(SENDER, 0),
    )
