"""How somebody stands, in calm words: on shift or not, what is left today, when a break is due.

Pure: words for what `casework.shifts` and `casework.exposure` decided; nothing is decided here.
"""

from dataclasses import dataclass
from typing import Final

from softfall.casework.exposure import Allowed, NotNow, Rules, Why
from softfall.casework.shifts import Standing, is_running
from softfall.config import CaseworkSettings
from softfall.console.wording import ahead, clock_time, counted

_MINUTE_MS: Final = 60_000

_HEADLINES: Final = {
    Why.NO_SHIFT: "No shift is running.",
    Why.STOPPED: "You have stopped for today.",
    Why.SHIFT_OVER: "The shift is over.",
    Why.ITEMS: "Today's number of pieces is reached.",
    Why.MINUTES: "Today's time is used.",
    Why.BREAK: "It is time for a break.",
    Why.CALM: "The last part of the shift is calm.",
}


@dataclass(frozen=True, slots=True)
class Told:
    """What each page of the work says at its top. running: whether a shift is."""

    running: bool
    headline: str
    left: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Meter:
    """One limit as a bar with its words. left, most: in the same unit."""

    words: str
    left: int
    most: int


def told(standing: Standing, now_ms: int) -> Told:
    """The words for the top of a page."""
    running = standing.shift is not None and is_running(standing.shift, now_ms)
    match standing.ordinary:
        case NotNow(why, until_ms):
            again = (
                () if until_ms is None else (f"Evidence opens again {ahead(until_ms, now_ms)}.",)
            )
            return Told(running, _HEADLINES[why], again)
        case Allowed() as left:
            ends_ms = standing.shift.ends_at_ms if standing.shift else now_ms
            calm = isinstance(standing.severe, NotNow) and standing.severe.why is Why.CALM
            quiet = ("Nothing that may be hard to see opens any more today.",) if calm else ()
            return Told(
                running, f"On shift until {clock_time(ends_ms)}.", (left_words(left), *quiet)
            )


def left_words(left: Allowed) -> str:
    """What may still be opened."""
    minutes = max(0, left.look_left_ms) // _MINUTE_MS
    rest = max(0, left.break_in_ms) // _MINUTE_MS
    return (
        f"Left today: {counted(left.items_left, 'piece')} of evidence, "
        f"{counted(minutes, 'minute')} of looking; a break is due after {rest} more."
    )


def meters(standing: Standing, settings: CaseworkSettings) -> tuple[Meter, ...]:
    """What is left today, as bars; none while nothing may be opened."""
    left, rules = standing.ordinary, Rules.of(settings)
    if not isinstance(left, Allowed):
        return ()
    minutes = max(0, left.look_left_ms) // _MINUTE_MS
    most = rules.look_ms // _MINUTE_MS
    return (
        Meter(
            f"{left.items_left} of {rules.items} pieces left today", left.items_left, rules.items
        ),
        Meter(f"{minutes} of {most} minutes of looking left today", minutes, most),
    )


def rules_in_words(settings: CaseworkSettings) -> tuple[str, ...]:
    """The limits themselves."""
    return (
        f"At most {settings.items_per_day} pieces of evidence and {settings.minutes_per_day:g} "
        "minutes of looking in 24 hours.",
        f"After {settings.work_minutes:g} minutes of looking on and off, a break of "
        f"{settings.break_minutes:g}.",
        f"Nothing that may be hard to see in the last {settings.calm_minutes:g} minutes.",
        f"A shift lasts {settings.shift_hours:g} hours, and the next may start "
        f"{settings.rest_hours:g} hours after its planned end.",
    )
