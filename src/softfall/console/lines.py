"""The five lines of defence, as the home page tells them: what is on, what came of it, its limits.

Guarantees: the limits are said whatever the figures are; what can't be known from here is said to
be unknown, never to be off or nought.
Source: NSPCC, "End-to-End Encryption: understanding the impacts for child safety online", 2021.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from softfall.casework.model import Line, Source
from softfall.config import Settings
from softfall.console.provider_health import ProviderNow
from softfall.console.week import Week

Tone = Literal["good", "warn", "plain"]

ABOUT: Final[Mapping[Line, str]] = {
    Line.USERS: "People say when something is wrong. A report is proved by franking: it shows what "
    "was really sent, and nothing else of the conversation.",
    Line.PLATFORM: "What is public (profile and group pictures, group names) is checked, and other "
    "tools of the platform hand cases in.",
    Line.LISTS: "Pictures are compared with lists that others keep, and nobody at the service "
    "reads a message. A match holds; it does not accuse.",
    Line.LAW: "A person decides, a second one reads, then the authority is told: what was opened, "
    "what was not, and why.",
    Line.REGULATION: "What is done is counted and published, and each deed leaves a line in a log "
    "that can't be changed unnoticed.",
}

LIMITS: Final[Mapping[Line, tuple[str, ...]]] = {
    Line.USERS: (
        "Many never report: children least of all, nor those who agree with what is sent.",
        "A report proves what was sent. It does not prove what was meant.",
    ),
    Line.PLATFORM: (
        "Only what is public is seen. Messages are end-to-end encrypted, and stay so.",
        "Names match by the operator's own words; words say little about deeds.",
    ),
    Line.LISTS: (
        "New pictures are on no list, so none is found. Grooming by text is never found by hashes.",
        "Strong edits escape. So do two people who both patched their apps.",
        "A match may be wrong: therefore people decide, and decisions can be appealed.",
    ),
    Line.LAW: (
        "The service can't read messages for anybody: a referral holds what was reported or "
        "matched, and no more.",
        "What the authority does with it is not known here.",
    ),
    Line.REGULATION: (
        "Counts tell what was found, not what there is.",
        "Whoever holds the database, the key and every copied checkpoint could write a new log.",
    ),
}

OPTIONS: Final[Mapping[str, str]] = {
    "split": "devices hash, the custodian answers blindly (option split).",
    "on_device": "devices match against a list that they can't read (option on_device).",
    "enclave": "an attested enclave matches (option enclave).",
    "none": "the service delivers every picture unmatched (option none).",
}


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that is on, off, or not known. state: the word that is shown."""

    state: str
    tone: Tone
    words: str


@dataclass(frozen=True, slots=True)
class LineNow:
    """One line of defence, today."""

    line: Line
    about: str
    on: tuple[Part, ...]
    stopped: tuple[str, ...]
    limits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Here:
    """What is known of this installation. tools: how many may hand cases in."""

    settings: Settings
    provider: ProviderNow | None
    week: Week
    tools: int


def lines_of_defence(here: Here) -> list[LineNow]:
    """All five, in their order. Pure."""
    return [
        LineNow(line, ABOUT[line], ON[line](here), STOPPED[line](here.week), LIMITS[line])
        for line in Line
    ]


def _on(words: str) -> Part:
    return Part("on", "good", words)


def _off(words: str) -> Part:
    return Part("off", "warn", words)


def _unknown(words: str) -> Part:
    return Part("unknown", "plain", words)


def _users_on(here: Here) -> tuple[Part, ...]:
    if here.provider is None:
        return (_unknown("the provider, which proves reports, does not answer."),)
    return (_on("reports are proved by the provider and come here."),)


def _platform_on(here: Here) -> tuple[Part, ...]:
    surfaces = (
        _on("public pictures are checked (provider.surface_token is set).")
        if here.settings.provider.surface_token
        else _unknown("no surface_token in this configuration; the provider may have its own.")
    )
    tools = (
        _on(f"{_number(here.tools, 'tool')} may hand cases in.")
        if here.tools
        else _off("no other tool may hand cases in.")
    )
    return (surfaces, tools)


def _lists_on(here: Here) -> tuple[Part, ...]:
    told = here.provider
    if told is None:
        return (_unknown("the provider does not answer, so its option is not known."),)
    words = OPTIONS.get(told.option, f"option {told.option}.")
    if told.option == "none":
        return (_off(words),)
    if told.epoch == 0:
        return (_off(f"{words} It has no list yet."),)
    return (_on(f"{words} The list's epoch is {told.epoch}."),)


def _law_on(here: Here) -> tuple[Part, ...]:
    sending = (
        _on("decided referrals are sent to the authority.")
        if here.settings.referral.cybertipline_url
        else _off("no authority is configured: decided referrals wait.")
    )
    reading = (
        _on("each referral has a second reader.")
        if here.settings.casework.second_reader
        else _off("a second reader reads only referrals from a hash alone.")
    )
    return (sending, reading)


def _regulation_on(here: Here) -> tuple[Part, ...]:
    minutes = here.settings.audit.checkpoint_minutes
    return (
        _on("each deed is a line in the audit log."),
        _on(f"a checkpoint of it is signed every {minutes:g} minutes."),
    )


def _users_stopped(week: Week) -> tuple[str, ...]:
    return (
        f"{_number(week.taken_in[Source.REPORT], 'report')} came in",
        *_decided(week, Line.USERS),
    )


def _platform_stopped(week: Week) -> tuple[str, ...]:
    return (
        f"{_number(week.taken_in[Source.SURFACE], 'match', 'matches')} in public pictures or names",
        f"{_number(week.taken_in[Source.TOOL], 'case')} handed in by tools",
        *_decided(week, Line.PLATFORM),
    )


def _lists_stopped(week: Week) -> tuple[str, ...]:
    return (
        f"{_number(week.taken_in[Source.HOLD], 'message')} held",
        f"{_number(week.taken_in[Source.BLOCKED], 'picture')} blocked before being sent",
        *_decided(week, Line.LISTS),
    )


def _law_stopped(week: Week) -> tuple[str, ...]:
    return (
        f"{_number(week.referred, 'referral')} finished at the authority",
        f"{_number(week.waiting_referrals, 'referral')} on the way now",
    )


def _regulation_stopped(week: Week) -> tuple[str, ...]:
    return (
        f"{_number(week.appeals, 'appeal')} decided, {week.reversals} of them reversed a decision",
        f"{_number(week.audit_lines, 'line')} in the audit log",
    )


def _decided(week: Week, line: Line) -> tuple[str, ...]:
    return (
        f"{_number(week.measures[line], 'case')} ended with a measure",
        f"{_number(week.freed[line], 'case')} ended with release or no action",
    )


def _number(count: int, one: str, many: str = "") -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"


ON: Final[Mapping[Line, Callable[[Here], tuple[Part, ...]]]] = {
    Line.USERS: _users_on,
    Line.PLATFORM: _platform_on,
    Line.LISTS: _lists_on,
    Line.LAW: _law_on,
    Line.REGULATION: _regulation_on,
}
STOPPED: Final[Mapping[Line, Callable[[Week], tuple[str, ...]]]] = {
    Line.USERS: _users_stopped,
    Line.PLATFORM: _platform_stopped,
    Line.LISTS: _lists_stopped,
    Line.LAW: _law_stopped,
    Line.REGULATION: _regulation_stopped,
}
