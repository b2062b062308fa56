"""What a run found, as values: everything that the table, the report and the JSON file say.

Guarantees: nothing here is a conclusion; counts and medians are drawn from these by `table.py`.
Holds no hash of any picture and no entry of the list: distances only.
"""

from collections.abc import Mapping
from enum import Enum

from pydantic import BaseModel, ConfigDict

from softfall.compare.plan import Cheat, Kind

SCHEMA = "softfall compare v1"


class Outcome(Enum):
    """What became of one message."""

    SHOWN = "shown to the recipient"
    HELD = "held by the provider"
    QUARANTINED = "not shown by the recipient's app"
    REFUSED = "refused before it was sent"
    LOST = "neither shown nor stopped"


class Value(BaseModel):
    """A frozen value."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Machine(Value):
    """Where the run took place."""

    processor: str
    cores: int
    memory_bytes: int
    system: str
    python: str
    versions: Mapping[str, str]


class PictureFacts(Value):
    """One file that was sent. distance_bits: to the nearest entry by plain PDQ, None beyond 31."""

    photograph: str
    edit: str
    format: str
    size_bytes: int
    hashable: bool
    distance_bits: int | None


class TurnFacts(Value):
    """One message of the conversation."""

    kind: Kind
    picture: int | None
    cheat: Cheat | None


class Sent(Value):
    """One message, as it went through one option.

    sender_ms: until the sender's app had its answer. verdict_ms: from then until the provider had
    decided. recipient_ms: the recipient's app, from asking to showing. cpu_ms: processor time by
    role. up_bytes, down_bytes: bodies and heads by role, as that role's device sent and received.
    """

    turn: int
    outcome: Outcome
    reason: str
    sender_ms: float
    verdict_ms: float
    recipient_ms: float
    cpu_ms: Mapping[str, float]
    up_bytes: Mapping[str, int]
    down_bytes: Mapping[str, int]


class FieldSeen(Value):
    """One field of a message as a party received it. Nested fields have dotted names."""

    name: str
    meaning: str
    nature: str
    size_bytes: int


class View(Value):
    """All that one role received on one route, of one declared form."""

    role: str
    peer: str
    route: str
    way: str
    form: str
    meaning: str
    count: int
    body_bytes: int
    head_bytes: int
    fields: tuple[FieldSeen, ...]


class Undeclared(Value):
    """Bytes that a role received and that nothing declares."""

    role: str
    route: str
    why: str
    count: int


class Readable(Value):
    """What could be read in the bytes that one role received, by looking for it."""

    role: str
    searched_bytes: int
    pictures: int
    texts: int
    list_entries: int


class Setup(Value):
    """What was needed before the first message. Bytes and seconds by role."""

    role: str
    received_bytes: int
    seconds: float
    what: str


class ConfirmCosts(Value):
    """What it took to confirm candidates; all medians are of one entry, two round trips.

    candidates: pictures of which at least one entry was asked about. asked: entries asked about.
    provider_ms: from the provider's first question to the custodian's last answer; custodian_ms:
    both answers, at the custodian. sent_bytes, received_bytes: at the provider, heads included.
    dealt_bytes: by party, of one serial, as the dealer handed it out.
    """

    candidates: int
    asked: int
    provider_ms: float
    custodian_ms: float
    sent_bytes: float
    received_bytes: float
    dealt_bytes: Mapping[str, float]


class MatchCosts(Value):
    """What it took to match one picture between provider and keyholder; medians, two round trips.

    pictures: how many were matched. provider_ms: from the provider's first question to the
    keyholder's last answer, its own work between them included; keyholder_ms: both answers, at the
    keyholder. sent_bytes, received_bytes: at the provider, heads included. dealt_bytes: by party,
    dealt in advance for one picture; dealer_ms: what the dealer took to hand one picture's out.
    """

    pictures: int
    provider_ms: float
    keyholder_ms: float
    sent_bytes: float
    received_bytes: float
    dealt_bytes: Mapping[str, float]
    dealer_ms: float | None


class Counted(Value):
    """How many of how many."""

    count: int
    total: int


class BlastRadius(Value):
    """What an option's worst single compromise opened, really opened by the witness after the run.

    stolen: what was taken. how: what was done with it. messages: that opened, of those the thief
    had. pictures, texts: of those sent, what came out whole. hashes: perceptual hashes that came
    out. sent_known, never_sent_taken_for_sent: "was picture P sent?", answered yes.
    """

    stolen: str
    how: str
    messages: Counted
    pictures: Counted
    texts: Counted
    hashes: Counted
    sent_known: Counted
    never_sent_taken_for_sent: Counted


class TrialResult(Enum):
    """How one trial came out."""

    CAUGHT = "caught"
    ESCAPES = "escapes"
    SEES = "sees"
    CANNOT = "cannot"
    NOT_APPLICABLE = "not applicable"
    NOT_RUN = "not run"


class TrialCell(Value):
    """What one trial found for one option: who cheats, or who is curious, and how far that goes.

    trial: its name in `trials.registry`. told: the measured facts, in a sentence. by_whom: who
    caught it, or who sees. evidence: the messages and files of the run that show it. figure: of
    what is told, the one figure that a terminal has room for; empty without.
    """

    trial: str
    result: TrialResult
    told: str
    by_whom: str = ""
    evidence: tuple[str, ...] = ()
    figure: str = ""


class OptionRun(Value):
    """One option's run. submits: whether devices hand something over for matching.

    confirming: None where the option has no candidates to confirm; matching: None where no
    keyholder takes part. trials: one a row of the table of cheats and curious parties.
    """

    name: str
    summary: str
    submits: bool
    limits: tuple[str, ...]
    parameters: Mapping[str, int | str | float]
    setup: tuple[Setup, ...]
    sent: tuple[Sent, ...]
    views: tuple[View, ...]
    undeclared: tuple[Undeclared, ...]
    readable: tuple[Readable, ...]
    memory_bytes: Mapping[str, int]
    confirming: ConfirmCosts | None = None
    matching: MatchCosts | None = None
    blast: BlastRadius | None = None
    trials: tuple[TrialCell, ...] = ()


class Comparison(Value):
    """The whole run."""

    schema_name: str = SCHEMA
    softfall: str
    started_at: str
    seconds: float
    seed: int
    list_size: int
    list_origin: str
    match_radius_bits: int
    machine: Machine
    left_out: Mapping[str, str]
    pictures: tuple[PictureFacts, ...]
    turns: tuple[TurnFacts, ...]
    options: tuple[OptionRun, ...]

    @property
    def sound(self) -> bool:
        """Whether every message was accounted for, and every received byte declared."""
        return not any(
            run.undeclared or any(sent.outcome is Outcome.LOST for sent in run.sent)
            for run in self.options
        )
