"""What a trial is given, and what it gives back: one question about cheating or curiosity, run.

Guarantees: trials come after the conversation, on the same running parties, and after its figures
are taken, so that they change none of them; whatever a trial says is worked out from what the run
returned. A trial that could not be run says so, with the reason; it never guesses.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from softfall.compare.blast import Loot
from softfall.compare.casts.cast import (
    DEVICES,
    FATE_SECONDS,
    POLL_SECONDS,
    SERVICES,
    Cast,
    Place,
    Played,
)
from softfall.compare.plan import Conversation
from softfall.compare.processes import PartyFailed
from softfall.compare.recorder import read_exchanges
from softfall.compare.results import OptionRun, TrialCell, TrialResult
from softfall.compare.views import Recording
from softfall.errors import SoftfallError

if TYPE_CHECKING:
    from softfall.compare.trials.street import Street

MATCHING: Final = ("split", "on_device", "enclave", "homomorphic")


@dataclass(frozen=True, slots=True)
class Finding:
    """What one trial found. The fields are those of `TrialCell`."""

    result: TrialResult
    told: str
    by_whom: str = ""
    evidence: tuple[str, ...] = ()
    figure: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """One row. name: for the JSON file. question, detail: as the table prints them."""

    name: str
    question: str
    detail: str
    play: "Callable[[Scene], Finding]"


@dataclass(frozen=True, slots=True)
class Sending:
    """One message that a trial sent. Times by the monotonic clock; refused: why, or empty."""

    envelope_id: bytes
    refused: str
    start_ns: int
    end_ns: int


@dataclass
class Scene:
    """One option's running parties, and what is known of them.

    files: for each picture of the conversation its path, its type, its SHA-256 in hex.
    """

    cast: Cast
    run: OptionRun
    place: Place
    conversation: Conversation
    files: Sequence[tuple[Path, str, str]]
    played: Sequence[Played]
    memory: dict[str, Any] = field(default_factory=dict)
    _open: ExitStack = field(default_factory=ExitStack)

    @property
    def option(self) -> str:
        """The option's name, which two casts share where one option is cast in two modes."""
        return self.cast.option

    @property
    def matches(self) -> bool:
        """Whether devices hash, and hand over something that only an epoch's keys match."""
        return self.option in MATCHING

    @cached_property
    def street(self) -> "Street":
        """A small epoch of this very option in this process, where time and lists can be moved."""
        from softfall.compare.trials.street import Street

        folder = Path(self._open.enter_context(tempfile.TemporaryDirectory()))
        return self._open.enter_context(Street(self.option, folder))

    @property
    def loot(self) -> Loot:
        """What lies about by now, as `blast` takes it."""
        recordings = {role: self.recording(role) for role in self.cast.parties}
        return Loot(self.place, recordings, self.conversation)

    def recording(self, role: str) -> Recording:
        """What a role has received until now."""
        exchanges, spool = read_exchanges(self.place.views, role)
        return Recording(role, role if role in SERVICES else "device", exchanges, spool)

    def send(self, role: str, to: str, picture: Path, mime: str = "image/jpeg") -> Sending:
        """One picture from an honest device, and its fate awaited. Raises PartyFailed."""
        start_ns = time.monotonic_ns()
        answer = self.cast.parties[role].ask(
            "send", to=DEVICES[to], text="", picture=str(picture), mime=mime
        )
        if not answer["refused"]:
            self._await_fate(answer["id"])
        end_ns = time.monotonic_ns()
        return Sending(bytes.fromhex(answer["id"]), answer["refused"], start_ns, end_ns)

    def say(self, role: str, to: str, texts: Sequence[str]) -> list[str]:
        """Words from one device to another: what arrived, in order. Raises PartyFailed."""
        for text in texts:
            answer = self.cast.parties[role].ask("send", to=DEVICES[to], text=text)
            if answer["refused"]:
                raise PartyFailed(f"words were refused: {answer['refused']}")
        arrived, until = list[str](), time.monotonic() + FATE_SECONDS
        while len(arrived) < len(texts) and time.monotonic() < until:
            arrived += [event["text"] for event in self.sync(to) if event["text"]]
            time.sleep(POLL_SECONDS)
        return arrived

    def sync(self, role: str) -> list[dict[str, Any]]:
        """What has arrived at one device since the last time."""
        events: list[dict[str, Any]] = self.cast.parties[role].ask("sync")["events"]
        return events

    def file_of(self, data: bytes, name: str) -> Path:
        """A picture as a file that the parties can read."""
        path = self.place.folder / f"trial-{name}"
        path.write_bytes(data)
        return path

    def close(self) -> None:
        """Let go of the street, if there was one."""
        self._open.close()

    def _await_fate(self, message_id: str) -> None:
        until = time.monotonic() + FATE_SECONDS
        while self.cast.fate(message_id) is None:
            if time.monotonic() > until:
                raise PartyFailed("the provider did not decide")
            time.sleep(POLL_SECONDS)


def not_applicable(why: str) -> Finding:
    """This option has nothing of the kind; why, as the run shows it."""
    return Finding(TrialResult.NOT_APPLICABLE, why)


def play_all(
    scene: Scene, trials: Sequence[Trial], show: Callable[[int, int], None]
) -> tuple[TrialCell, ...]:
    """Every trial in its order; the street is let go of afterwards.

    A trial that an error ended is "not run", with the error's own words.
    """
    cells = []
    try:
        for done, trial in enumerate(trials, start=1):
            cells.append(_cell(trial, scene))
            show(done, len(trials))
    finally:
        scene.close()
    return tuple(cells)


def _cell(trial: Trial, scene: Scene) -> TrialCell:
    try:
        found = trial.play(scene)
    except SoftfallError as error:
        found = Finding(TrialResult.NOT_RUN, f"{error.name}: {error.what}")
    except Exception as error:  # one trial's fault must not cost the whole report
        found = Finding(TrialResult.NOT_RUN, f"the trial itself failed: {error!r}")
    return TrialCell(
        trial=trial.name,
        result=found.result,
        told=found.told,
        by_whom=found.by_whom,
        evidence=found.evidence,
        figure=found.figure,
    )
