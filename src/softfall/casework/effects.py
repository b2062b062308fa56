"""What an outcome does about each kind of source, and which outcomes a case allows, and why not.

Guarantees: pure. A measure (block, warn, restrict, refer) needs grounds: something that a person
can read or see, a confirmed match, or what only an altered app sends. An unconfirmed match is
innocent: whatever becomes of the rest of its case, its message is delivered, and nobody is told
that it was held. A referral from a match alone needs a confirmed one, on an entry that two
organisations certified, and a second reader whatever the settings say; a listed public picture that
nobody has looked at is a match alone. A young person's own picture is never referred but by a
lead's override, with its reason on record.
Leaves to others: who may decide (`rights`), writing it down (`decisions`), having it done
(`enacting`).
Source: Softfall's own rules; docs/casework-tables.md draws `EFFECTS` and `ON_UNCONFIRMED`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

from softfall.casework.incoming import HashFacts
from softfall.casework.model import Outcome, Source

MIN_CERTIFIERS = 2
MALFORMED = "malformed"
RECEIVED = "received"  # its subject's app found it in what somebody else had sent, unchecked

AccountMeasure = Literal["none", "warn", "restrict"]


class HoldState(StrEnum):
    """Where a held message is, as far as casework knows."""

    HELD = "held"
    RELEASED = "released"
    BLOCKED = "blocked"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """One source, as far as outcomes go.

    trusted: it came from the provider, so that its hash facts are proved. hold: None where nothing
    was held. kind: a hold's or a surface's.
    """

    source: Source
    subject: str
    kind: str = ""
    trusted: bool = True
    hold: HoldState | None = None
    facts: HashFacts | None = None

    @property
    def confirmed(self) -> bool:
        """Whether the match was confirmed, by somebody whose word proves it, and of its subject.

        Who received a listed picture is not its sender: that alone is no ground for anything.
        """
        known = self.trusted and self.facts is not None and self.facts.confirmed
        return known and not self.from_somebody_else

    @property
    def from_somebody_else(self) -> bool:
        """Whether the account did nothing but receive it."""
        return self.source is Source.BLOCKED and self.kind == RECEIVED

    @property
    def innocent(self) -> bool:
        """Whether it is a message that was held on no more than an unconfirmed match, or none."""
        return self.source is Source.HOLD and not self.confirmed and self.kind != MALFORMED


@dataclass(frozen=True, slots=True)
class CaseFacts:
    """A case, as far as outcomes go.

    has_content: a person can read or see something of it. listed_only: nothing of it but public
    pictures that came with a match. seen: a person saw or read at least one piece of it whole, as
    the audit log has it.
    """

    sources: tuple[SourceFacts, ...]
    has_content: bool
    own_picture: bool = False
    telling_withheld: bool = False
    second_reader_always: bool = True
    listed_only: bool = False
    seen: bool = False

    @property
    def hash_alone(self) -> bool:
        """Whether all that a referral could rest on is a match: no words, and nobody looked."""
        return not self.has_content or (self.listed_only and not self.seen)

    @property
    def nothing_to_open(self) -> bool:
        """Whether the facts decide it: there is nothing to look at, or a listed picture alone."""
        matches = (Source.HOLD, Source.BLOCKED)  # of which nobody has anything to look at
        known = all(one.confirmed or one.source in matches for one in self.sources)
        return not self.has_content or (self.listed_only and known)

    @property
    def certified_match(self) -> bool:
        """Whether a confirmed match is with an entry that enough organisations certified."""
        return any(
            one.confirmed
            and one.facts is not None
            and len(set(one.facts.certifiers)) >= MIN_CERTIFIERS
            for one in self.sources
        )

    @property
    def grounds(self) -> bool:
        """Whether a measure could rest on anything."""
        return self.has_content or any(
            one.confirmed or one.kind == MALFORMED for one in self.sources
        )

    def before_anything_moved(self) -> "CaseFacts":
        """The same case, with every hold still held: as it was when it was decided."""
        held = (replace(one, hold=one.hold and HoldState.HELD) for one in self.sources)
        return replace(self, sources=tuple(held))

    @property
    def subjects(self) -> tuple[str, ...]:
        """The accounts that the case is about, in the order in which they came."""
        return tuple(dict.fromkeys(one.subject for one in self.sources))


@dataclass(frozen=True, slots=True)
class Effect:
    """What one outcome does about one kind of source.

    hold: what becomes of a message that is still held. account: the measure on its account.
    tells: whether the account is told, of the outcome and of the way to appeal.
    """

    hold: Literal["release", "block"] | None
    account: AccountMeasure
    tells: bool
    meaning: str


_ON_HOLD = {
    Outcome.RELEASE: Effect("release", "none", True, "the message is delivered"),
    Outcome.NO_ACTION: Effect("release", "none", True, "the message is delivered"),
    Outcome.BLOCK: Effect("block", "none", True, "the message is kept back for good"),
    Outcome.WARN: Effect("block", "warn", True, "kept back for good; the account is warned"),
    Outcome.RESTRICT: Effect("block", "restrict", True, "kept back; the account is restricted"),
    Outcome.REFER: Effect("block", "none", True, "kept back; referred to the authority"),
}
_ON_REPORT = {
    Outcome.NO_ACTION: Effect(None, "none", False, "the reporter is told; the account is not"),
    Outcome.WARN: Effect(None, "warn", True, "the account is warned; the reporter is told"),
    Outcome.RESTRICT: Effect(None, "restrict", True, "restricted; the reporter is told"),
    Outcome.REFER: Effect(None, "none", True, "referred to the authority; the reporter is told"),
}
_ON_BLOCKED = {
    Outcome.NO_ACTION: Effect(None, "none", False, "it was never sent; nothing more is done"),
    Outcome.WARN: Effect(None, "warn", True, "the account is warned"),
    Outcome.RESTRICT: Effect(None, "restrict", True, "the account is restricted"),
    Outcome.REFER: Effect(None, "none", True, "referred to the authority"),
}
_ON_PUBLIC = {
    Outcome.NO_ACTION: Effect(None, "none", False, "it stays where it is"),
    Outcome.BLOCK: Effect(None, "none", True, "the platform that handed it in takes it down"),
    Outcome.WARN: Effect(None, "warn", True, "taken down; the account is warned"),
    Outcome.RESTRICT: Effect(None, "restrict", True, "taken down; the account is restricted"),
    Outcome.REFER: Effect(None, "none", True, "taken down; referred to the authority"),
}

# The table. A pair that is missing does nothing; if no source of a case has one, it isn't allowed.
EFFECTS: dict[Source, dict[Outcome, Effect]] = {
    Source.HOLD: _ON_HOLD,
    Source.REPORT: _ON_REPORT,
    Source.BLOCKED: _ON_BLOCKED,
    Source.SURFACE: _ON_PUBLIC,
    Source.TOOL: _ON_PUBLIC,
}

# What every outcome does about a held message of an unconfirmed match, or of an outage.
ON_UNCONFIRMED = Effect(
    "release", "none", False, "unconfirmed messages are delivered, and nobody is told"
)

MEASURES = frozenset({Outcome.BLOCK, Outcome.WARN, Outcome.RESTRICT, Outcome.REFER})
APPEALABLE = MEASURES


@dataclass(frozen=True, slots=True)
class Offer:
    """Whether a case allows an outcome. why: why not, or what it does. Never a bare yes or no.

    second_reader: somebody else must agree first. override: a lead only, with a reason on record.
    """

    outcome: Outcome
    allowed: bool
    why: str
    second_reader: bool = False
    override: bool = False


def offers(facts: CaseFacts) -> tuple[Offer, ...]:
    """Every outcome, in the model's order, allowed or not, with the reason."""
    return tuple(offer(facts, outcome) for outcome in Outcome)


def offer(facts: CaseFacts, outcome: Outcome) -> Offer:
    """Whether this case allows this outcome."""
    refused = _why_not(facts, outcome)
    if refused:
        return Offer(outcome, False, refused)
    meanings = dict.fromkeys(
        effect.meaning for one in facts.sources if (effect := _effect(one, outcome)) is not None
    )
    referral = outcome is Outcome.REFER
    return Offer(
        outcome,
        True,
        "; ".join(meanings),
        second_reader=referral
        and (facts.second_reader_always or facts.hash_alone or not facts.seen),
        override=referral and facts.own_picture,
    )


def _effect(one: SourceFacts, outcome: Outcome) -> Effect | None:
    """What an outcome does about one source; None where there's nothing left to do."""
    if one.from_somebody_else and outcome is not Outcome.NO_ACTION:
        return None
    if one.innocent:
        there = one.hold is HoldState.HELD or outcome is Outcome.NO_ACTION
        return ON_UNCONFIRMED if there else None
    effect = EFFECTS[one.source].get(outcome)
    moves_only = effect is not None and effect.hold is not None and effect.account == "none"
    if moves_only and one.hold is not HoldState.HELD and outcome in _MOVES_HOLDS:
        return None
    return effect


_MOVES_HOLDS = frozenset({Outcome.RELEASE, Outcome.BLOCK})


def _why_not(facts: CaseFacts, outcome: Outcome) -> str:
    """Why a case doesn't allow an outcome; empty if it does."""
    measure = outcome in MEASURES
    about = [one for one in facts.sources if not (measure and one.innocent)]
    if measure and not facts.grounds and not all(one.from_somebody_else for one in about):
        return _INNOCENT
    if all(_effect(one, outcome) is None for one in about):
        return _why_nothing(facts, about)
    if measure and not facts.grounds:
        return _INNOCENT
    if facts.telling_withheld and outcome is Outcome.WARN:
        return "a legal hold withholds telling, and a warning tells"
    if outcome is Outcome.REFER and facts.hash_alone and not facts.certified_match:
        return (
            "from a match alone, a referral needs a confirmed one, on an entry that "
            f"{MIN_CERTIFIERS} organisations certified"
        )
    return ""


_INNOCENT = "an unconfirmed match is innocent, and nobody has reported anything"


def _why_nothing(facts: CaseFacts, about: Sequence[SourceFacts]) -> str:
    """Why an outcome would do nothing. about: the sources that it could do something about."""
    if all(one.from_somebody_else for one in facts.sources):
        return "the account received it from somebody else: nothing is known against it"
    if len(about) < len(facts.sources):
        return "what is held was never confirmed, and an unconfirmed match is innocent"
    return "nothing is held (any more) that this could move"


@dataclass(frozen=True, slots=True)
class Proposed:
    """What the facts alone suggest, before anything is opened. outcome: None where they don't."""

    outcome: Outcome | None
    why: str


def proposed(facts: CaseFacts) -> Proposed:
    """A default for a person to accept or not; it never acts by itself."""
    held = [one for one in facts.sources if one.hold is HoldState.HELD]
    if facts.own_picture:
        kind = Outcome.WARN if offer(facts, Outcome.WARN).allowed else Outcome.NO_ACTION
        return Proposed(kind, "a young person's own picture: warn and support, never refer as such")
    if all(one.from_somebody_else for one in facts.sources):
        return Proposed(Outcome.NO_ACTION, "the account received it from somebody else")
    if not facts.nothing_to_open:
        return Proposed(None, "somebody opened this to you: it has to be read first")
    if offer(facts, Outcome.REFER).allowed and facts.certified_match:
        why = "a confirmed match, certified by several: known material; nothing needs to be opened"
        return Proposed(Outcome.REFER, why)
    if any(one.confirmed for one in facts.sources) and offer(facts, Outcome.BLOCK).allowed:
        why = "a confirmed match, too few certifiers for a referral; nothing needs to be opened"
        return Proposed(Outcome.BLOCK, why)
    if held and not facts.grounds:
        return Proposed(Outcome.RELEASE, "unconfirmed, or never judged: innocent")
    return Proposed(None, "the facts alone suggest nothing")


@dataclass(frozen=True, slots=True)
class SubjectEffect:
    """What a decision does about one account, beside its messages (`on_hold`)."""

    subject: str
    account: AccountMeasure
    tells: bool


@dataclass(frozen=True, slots=True)
class HoldEffect:
    """What becomes of one held message. tells: whether its sender may learn of it."""

    move: Literal["release", "block"]
    tells: bool


def on_hold(one: SourceFacts, outcome: Outcome) -> HoldEffect | None:
    """What an outcome does with one held message, by what is known of that very message.

    That it was held and let go, without a confirmed match, is nobody's to notice. None where
    nothing is held.
    """
    effect = _effect(one, outcome)
    if one.hold is not HoldState.HELD or effect is None or effect.hold is None:
        return None
    return HoldEffect(effect.hold, _tells(one, effect))


def on_subjects(
    facts: CaseFacts, outcome: Outcome, accounts: Sequence[str], restrict_days: int
) -> tuple[SubjectEffect, ...]:
    """What an outcome does about each account of a case.

    accounts: whom a measure on an account is for; the others' messages are treated all the same.
    A referral may restrict too, where days are given.
    """
    made = []
    for subject in facts.subjects:
        own = [one for one in facts.sources if one.subject == subject]
        acting = [(one, effect) for one in own if (effect := _effect(one, outcome)) is not None]
        named = subject in accounts
        measures = [effect.account for _, effect in acting if effect.account != "none"]
        measure: AccountMeasure = measures[0] if measures and named else "none"
        told = [effect for one, effect in acting if _tells(one, effect)]
        if outcome is Outcome.REFER and named and told and restrict_days:
            measure = "restrict"
        tells = any(named or effect.hold is not None for effect in told)
        made.append(SubjectEffect(subject, measure, tells))
    return tuple(made)


def _tells(one: SourceFacts, effect: Effect) -> bool:
    """Whether its account is told: of a message that is let go, only if it was a match."""
    return effect.tells and (effect.hold != "release" or one.confirmed)
