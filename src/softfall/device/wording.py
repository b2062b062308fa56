"""What a notice says to its person, made here from kinds and values alone.

Guarantees: one table, a row a kind and outcome; no sentence threatens, and none says what somebody
else did. Beside whatever may weigh on somebody there is a way to help.
Young people's own pictures: who is told that a message was blocked, or is warned, may have sent a
picture of themselves; a notice does not know what it was, so its words fit both. They say that
nobody is in trouble for it, and where to have it taken down.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from softfall.messaging.notices import NoticeKind, Told

OWN_PICTURE: Final = (
    "If a picture of yourself, or of somebody of your age, is part of this: this happens to many, "
    "and you are not in trouble for asking for help. The lines below can help to have it taken "
    "down elsewhere, too."
)
APPEAL: Final = (
    "If you think that this is wrong, ask for another look until {appeal_until}. Somebody else "
    "will decide then."
)
NOT_YOUR_FAULT: Final = (
    "You did nothing wrong, and you don't have to do anything. If somebody worries you or puts "
    "you under pressure, the people below can help; you can block {account}, and report messages."
)


@dataclass(frozen=True, slots=True)
class Wording:
    """One row. helps: whether help lines stand beside it; own_pictures: those for them first."""

    title: str
    words: tuple[str, ...]
    helps: bool = False
    own_pictures: bool = False


_BLOCKED: Final = Wording(
    "Your message was not delivered",
    (
        "A person looked at it and decided that it can't be delivered on this service.",
        OWN_PICTURE,
        APPEAL,
    ),
    helps=True,
    own_pictures=True,
)
_STAYS: Final = ("Somebody who had not decided before looked again. The decision stays.",)

WORDINGS: Final[Mapping[tuple[NoticeKind, Told], Wording]] = {
    (NoticeKind.DECIDED, Told.DELIVERED): Wording(
        "Your message was delivered",
        ("It was held back at first. A person has looked, and it is delivered now.",),
    ),
    (NoticeKind.DECIDED, Told.BLOCKED): _BLOCKED,
    (NoticeKind.DECIDED, Told.AGAINST_RULES): Wording(
        "A decision about your account",
        (
            "A person looked at something of your account's that was reported or checked: a "
            "message, a picture, or a name that everybody can see. They found that it goes "
            "against this service's rules.",
            OWN_PICTURE,
            APPEAL,
        ),
        helps=True,
        own_pictures=True,
    ),
    (NoticeKind.DECIDED, Told.NO_ACTION): Wording(
        "Nothing was found", ("A person looked at something that you sent. It is all right.",)
    ),
    (NoticeKind.NOT_DELIVERED, Told.BLOCKED): Wording(
        "A message to you was not delivered",
        (
            "{account} sent you something that goes against this service's rules. A person "
            "decided not to deliver it.",
            NOT_YOUR_FAULT,
        ),
        helps=True,
    ),
    (NoticeKind.REPORT_DECIDED, Told.ACTED): Wording(
        "Your report made a difference",
        (
            "Thank you. A person read what you reported about {account}, and has acted.",
            "What exactly was done can't be told here, because it concerns somebody else.",
        ),
        helps=True,
    ),
    (NoticeKind.REPORT_DECIDED, Told.NO_ACTION): Wording(
        "Your report was read",
        (
            "A person read what you reported about {account}. They found nothing that this "
            "service's rules forbid.",
            "That does not mean that you were wrong to tell, or that you have to put up with it. "
            "You can block {account}, report again if more comes, and talk to the people below.",
        ),
        helps=True,
    ),
    (NoticeKind.WARNED, Told.WARNED): Wording(
        "About something that you sent",
        (
            "A person decided that it goes against this service's rules. Nothing else changes for "
            "you; please don't send such things here.",
            OWN_PICTURE,
            APPEAL,
        ),
        helps=True,
        own_pictures=True,
    ),
    (NoticeKind.RESTRICTED, Told.RESTRICTED): Wording(
        "You can't send as usual for a while",
        (
            "A person decided that something you sent goes against this service's rules. Until "
            "{until}, this account can't send as usual. You can still read, report, and ask for "
            "help.",
            APPEAL,
        ),
        helps=True,
    ),
    (NoticeKind.LIFTED, Told.NO_ACTION): Wording(
        "You can send again", ("A person decided that your account can send as usual again.",)
    ),
    (NoticeKind.APPEAL_DECIDED, Told.DELIVERED): Wording(
        "Your appeal was right",
        ("Somebody else looked again. Your message is delivered now, if it was still kept.",),
    ),
    (NoticeKind.APPEAL_DECIDED, Told.NO_ACTION): Wording(
        "Your appeal was right", ("Somebody else looked again, and took the decision back.",)
    ),
    (NoticeKind.APPEAL_DECIDED, Told.BLOCKED): Wording("About your appeal", _STAYS, helps=True),
    (NoticeKind.APPEAL_DECIDED, Told.AGAINST_RULES): Wording(
        "About your appeal", _STAYS, helps=True
    ),
    (NoticeKind.APPEAL_DECIDED, Told.WARNED): Wording("About your appeal", _STAYS, helps=True),
    (NoticeKind.APPEAL_DECIDED, Told.RESTRICTED): Wording("About your appeal", _STAYS, helps=True),
}

# What a newer service tells, and this app has no words for yet.
UNKNOWN: Final = Wording(
    "News from the service", ("A person has decided something that concerns you.",), helps=True
)


def wording_of(kind: str, outcome: str) -> Wording:
    """The row, or `UNKNOWN`: whatever a service sends, there is something to show."""
    found = (row for (known, told), row in WORDINGS.items() if (known, told) == (kind, outcome))
    return next(found, UNKNOWN)


def said(wording: Wording, notice: Mapping[str, Any]) -> tuple[str, ...]:
    """A wording's sentences with a notice's own values; without those that don't apply."""
    values = {
        "account": notice["account"] or "somebody",
        "until": _day(notice["until_ms"]),
        "appeal_until": _day(notice["appeal_until_ms"]),
    }
    may_appeal = notice["appeal_until_ms"] is not None
    return tuple(
        sentence.format(**values) for sentence in wording.words if may_appeal or sentence != APPEAL
    )


def _day(at_ms: int | None) -> str:
    if at_ms is None:
        return "further notice"
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%d %B %Y, %H:%M} UTC"
