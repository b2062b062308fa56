"""What a run with `--video` found, as values. Holds no hash of any frame, and no list entry."""

from collections.abc import Mapping

from softfall.compare.film_plan import FilmKind
from softfall.compare.results import Machine, Outcome, Setup, Undeclared, Value

SCHEMA = "softfall compare films v1"


class FilmFacts(Value):
    """One message of the plan. listed: frames that plain PDQ matches, of those looked at."""

    kind: FilmKind
    size_bytes: int
    start_ms: float
    seen: int
    submitted: int
    listed: int


class FilmSent(Value):
    """One message, as it went through one option; see `results.Sent`.

    stopped_after_ms: of a live part that plain PDQ matches: from the moment at which its first
    listed frame was before the camera until the witness saw the provider's hold, or the sender's
    app refused it.
    """

    message: int
    outcome: Outcome
    reason: str
    sender_ms: float
    verdict_ms: float
    recipient_ms: float
    cpu_ms: Mapping[str, float]
    up_bytes: int
    stopped_after_ms: float | None = None


class FilmRun(Value):
    """One option's run."""

    name: str
    summary: str
    setup: tuple[Setup, ...]
    sent: tuple[FilmSent, ...]
    live: tuple[FilmSent, ...]
    undeclared: tuple[Undeclared, ...]


class FilmComparison(Value):
    """The whole run. messages, live: what was sent to each option, in order."""

    schema_name: str = SCHEMA
    softfall: str
    started_at: str
    seconds: float
    clip: str
    list_size: int
    list_origin: str
    machine: Machine
    messages: tuple[FilmFacts, ...]
    live: tuple[FilmFacts, ...]
    options: tuple[FilmRun, ...]

    @property
    def sound(self) -> bool:
        """Whether every message was accounted for, and every received byte declared."""
        return not any(
            run.undeclared or any(sent.outcome is Outcome.LOST for sent in (*run.sent, *run.live))
            for run in self.options
        )
