"""The completeness meter: what would make a referral more useful to an investigator, and why.

Guarantees: one table, `POINTS`; the percentage is the weight of what is there over the weight of
what could be there in this case, so that a text-only report can reach 100. Says nothing about
whether to refer. It never asks anybody to look at a picture: what was viewed is a fact of the
referral, not a merit. Pure.
Source: the reporting API asks for little (type and time); its guide says that the more a report
tells, the more it helps. The weights are ours.
"""

from collections.abc import Callable
from dataclasses import dataclass

from softfall.casework.referral.compose import quoted, reporters
from softfall.casework.referral.facts import Edits, FileEdits, ReferralFacts
from softfall.config import ReferralSettings

Look = Callable[[ReferralFacts, Edits, ReferralSettings], bool]


@dataclass(frozen=True, slots=True)
class Point:
    """One thing that helps. counts: whether it can be had in this case at all."""

    what: str
    why: str
    weight: int
    there: Look
    counts: Look


@dataclass(frozen=True, slots=True)
class Completeness:
    """How much is there. percent: 0 to 100, whole. missing: heaviest first."""

    percent: int
    missing: tuple[Point, ...]
    there: tuple[Point, ...]

    @property
    def sentences(self) -> tuple[str, ...]:
        """What is missing and why it would help, a sentence each."""
        return tuple(f"{point.what}: {point.why}." for point in self.missing)


def measure(facts: ReferralFacts, edits: Edits, settings: ReferralSettings) -> Completeness:
    """What is there and what is missing."""
    counted = [point for point in POINTS if point.counts(facts, edits, settings)]
    there = tuple(point for point in counted if point.there(facts, edits, settings))
    missing = [point for point in counted if point not in there]
    missing.sort(key=lambda point: -point.weight)
    whole = sum(point.weight for point in counted)
    return Completeness(100 * sum(p.weight for p in there) // whole, tuple(missing), there)


def _always(facts: ReferralFacts, edits: Edits, settings: ReferralSettings) -> bool:
    del facts, edits, settings
    return True


def _has_messages(facts: ReferralFacts, edits: Edits, settings: ReferralSettings) -> bool:
    del edits, settings
    return any(source.messages for source in facts.sources)


def _has_reporter(facts: ReferralFacts, edits: Edits, settings: ReferralSettings) -> bool:
    del edits, settings
    return bool(reporters(facts))


def _has_pictures(facts: ReferralFacts, edits: Edits, settings: ReferralSettings) -> bool:
    del edits, settings
    return bool(facts.pictures)


def _sends_every_picture(facts: ReferralFacts, edits: Edits, settings: ReferralSettings) -> bool:
    del settings
    none = FileEdits()
    return not any(edits.files.get(each.evidence_id, none).left_out for each in facts.pictures)


def _is_escalated(facts: ReferralFacts, edits: Edits, settings: ReferralSettings) -> bool:
    del edits, settings
    return facts.child_at_risk_now


POINTS = (
    Point(
        "What happened, in your words",
        "an investigator reads this first, and decides by it how soon to act",
        5,
        lambda facts, edits, settings: bool(edits.summary.strip()),
        _always,
    ),
    Point(
        "Why a child is at risk now",
        "only a reason in words makes the authority put the report first",
        5,
        lambda facts, edits, settings: bool(edits.urgent.strip()),
        _is_escalated,
    ),
    Point(
        "The kind of incident, confirmed by a person",
        "it decides which desk the report goes to; what is filled in is a guess from the facts",
        3,
        lambda facts, edits, settings: edits.incident_type is not None,
        _always,
    ),
    Point(
        "The reported words",
        "they are the evidence of what was said, proved by the sender's own commitment",
        4,
        lambda facts, edits, settings: bool(quoted(facts, edits)),
        _has_messages,
    ),
    Point(
        "The reporting account",
        "an investigator can protect a child only if they know which account was written to",
        3,
        lambda facts, edits, settings: edits.reporter_is != "nobody",
        _has_reporter,
    ),
    Point(
        "The child's age, if anybody knows it",
        "it decides which law applies",
        2,
        lambda facts, edits, settings: (
            edits.reporter_is == "victim" and edits.victim_age is not None
        ),
        lambda facts, edits, settings: edits.reporter_is == "victim" and bool(reporters(facts)),
    ),
    Point(
        "Every picture that was reported",
        "a file can be compared with others that the authority knows; a description can't",
        3,
        _sends_every_picture,
        _has_pictures,
    ),
    Point(
        "How to reach you ([referral] reporter_email or reporter_phone)",
        "an investigator's question must not have to wait",
        3,
        lambda facts, edits, settings: bool(settings.reporter_email or settings.reporter_phone),
        _always,
    ),
    Point(
        "How to serve process on you ([referral] legal_url or company_template)",
        "what you keep is deleted in time: an investigator must know how to ask for it before",
        2,
        lambda facts, edits, settings: bool(settings.legal_url or settings.company_template),
        _always,
    ),
    Point(
        "Your service's name ([referral] esp_name)",
        "an account's name means nothing without the service that it is on",
        2,
        lambda facts, edits, settings: bool(settings.esp_name),
        _always,
    ),
)
