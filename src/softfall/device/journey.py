"""What a report says to its reporter: before it goes, who will see what; after it, what happens.

Guarantees: plain words, and true ones: that the service's computers know an anonymous reporter, and
that a sender may guess, is said; nothing is promised that the service does not do.
Pure: sentences out of facts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from softfall.device.help_lines import EMERGENCY

GUESS: Final = "They are never told who reported, or that anybody did; they may guess."
DECIDES: Final = (
    "The service checks that these messages were really sent like this. Then trained people read "
    "them, and decide what to do. If it is serious, they may tell the police or a "
    "child-protection organisation."
)
NAMED: Final = "The people who read it see your account's name."
ANONYMOUS: Final = (
    "The people who read it don't see your name. The service's computers know it, because they "
    "brought you these messages and will bring you the answer. Where a message itself says your "
    "name, it is seen there."
)
FIRST: Final = "You said that somebody is in danger now, so it is read before others."
ANSWER: Final = "You will get an answer here when they have decided."


@dataclass(frozen=True, slots=True)
class Wishes:
    """How a person wants to report.

    anonymous: whoever decides is not told who reports. block: show nothing of the senders any more.
    in_danger_now: a child is in danger now.
    """

    anonymous: bool = False
    block: bool = False
    in_danger_now: bool = False


def foretold(
    wishes: Wishes, senders: Sequence[str], messages: int, pictures: int, unseen: int
) -> tuple[str, ...]:
    """What would happen. unseen: pictures that this device can't open, so only told of."""
    return (
        f"{_count(messages, 'message')} of {_names(senders)}{_with(pictures)} would go to the "
        "people at this service who look after safety. Nothing else of your conversations would.",
        *([f"{_count(unseen, 'picture')} could not be opened here, and would not go along."]
          if unseen else []),
        DECIDES,
        ANONYMOUS if wishes.anonymous else NAMED,
        f"{_names(senders)}: {GUESS[0].lower()}{GUESS[1:]}",
        *([_blocking(senders)] if wishes.block else []),
        *([FIRST, EMERGENCY] if wishes.in_danger_now else []),
        ANSWER,
    )  # fmt: skip


def confirmed(wishes: Wishes, senders: Sequence[str]) -> tuple[str, ...]:
    """What happens now that it was taken."""
    named = list(dict.fromkeys(senders))
    return (
        "Thank you for telling. Your report has arrived; you did the right thing.",
        ANONYMOUS if wishes.anonymous else NAMED,
        *([_blocking(named)] if wishes.block else []),
        *([FIRST, EMERGENCY] if wishes.in_danger_now else []),
        ANSWER,
    )


def _blocking(senders: Sequence[str]) -> str:
    return (
        f"You won't see anything from {_names(senders)} any more; they are not told. What they "
        "sent and send stays on this device, so that you can report it, and you can undo this."
    )


def _count(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def _with(pictures: int) -> str:
    return f", with {_count(pictures, 'picture')}," if pictures else ""


def _names(senders: Sequence[str]) -> str:
    if len(senders) < 2:
        return "".join(senders)
    return f"{', '.join(senders[:-1])} and {senders[-1]}"
