"""Whether a person may open a piece of evidence now: limits that protect whoever does this work.

Guarantees: pure, over what is recorded. In any 24 hours (so on any day too) nobody opens more than
`items` pieces, nor looks for longer than `look_ms`; after `work_ms` of looking on and off, no view
begins until `break_ms` have passed without one; nothing severe is open in the last `calm_ms` of a
shift; without a running shift, nothing is. A view is counted in full before it begins, and one that
is never closed counts in full, so neither haste nor parallel requests pass a limit. Ending a shift
and starting another changes no count: they are a person's, not a shift's. A clock that is set back
doesn't help: time never runs behind the newest view.
Refuses, as a value with its reason: `NotNow`.
Limit: what a browser goes on showing after it has said that a view is closed, nobody can count.
Leaves to others: recording each view in the same transaction (`evidence.views`), who may start a
shift (`shifts`). Makes no claim about health: limits are limits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from softfall.casework.model import Severity
from softfall.config import CaseworkSettings

DAY_MS: Final = 24 * 3_600_000
# A view counts as no less, however soon a browser says that it is closed.
LEAST_LOOK_MS: Final = 3_000
_MINUTE_MS: Final = 60_000


class Why(StrEnum):
    """Why not now."""

    NO_SHIFT = "no shift is running"
    STOPPED = "the shift was stopped"
    SHIFT_OVER = "the shift is over"
    ITEMS = "today's number of pieces is reached"
    MINUTES = "today's time is used"
    BREAK = "a break is due"
    CALM = "the last part of a shift is calm: nothing severe is opened"


class CapState(StrEnum):
    """All that a lead sees of somebody's exposure: never counts, never speed."""

    OFF = "not on shift"
    WORKING = "working"
    BREAK = "on break"
    CAPPED = "has reached today's cap"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Rules:
    """The limits. items: pieces in 24 hours; the rest in milliseconds."""

    items: int
    look_ms: int
    work_ms: int
    break_ms: int
    calm_ms: int

    @classmethod
    def of(cls, settings: CaseworkSettings) -> "Rules":
        """The limits that [casework] sets."""
        return cls(
            settings.items_per_day,
            round(settings.minutes_per_day * _MINUTE_MS),
            round(settings.work_minutes * _MINUTE_MS),
            round(settings.break_minutes * _MINUTE_MS),
            round(settings.calm_minutes * _MINUTE_MS),
        )


@dataclass(frozen=True, slots=True)
class Shift:
    """A person's newest shift. stopped_at_ms: when its owner stopped it before its end."""

    started_at_ms: int
    ends_at_ms: int
    stopped_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """A view of this person's.

    ended_at_ms: when it was closed, or when it must be; LEAST_LOOK_MS after its opening at least.
    """

    evidence: int
    opened_at_ms: int
    ended_at_ms: int


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to open. look_ms: the longest that one view of it lasts."""

    evidence: int
    severity: Severity
    look_ms: int


@dataclass(frozen=True, slots=True)
class Allowed:
    """It may be opened, and what is left before it is. break_in_ms: of work, until a break.

    at_ms: when a view that begins now is to be recorded as begun: now, or a clock that was set back
    would let it be forgotten too soon.
    """

    items_left: int
    look_left_ms: int
    break_in_ms: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class NotNow:
    """It may not be opened now. until_ms: when it may be, as things stand; None: nobody can say."""

    why: Why
    until_ms: int | None = None

    @property
    def reason(self) -> str:
        """In words."""
        return str(self.why)


def may_open(
    now_ms: int, shift: Shift | None, seen: Sequence[Seen], rules: Rules, wish: Wish
) -> Allowed | NotNow:
    """Whether the view that is wished for may begin now.

    shift: the person's newest. seen: the person's views that ended, or will, after now - 24 h.
    """
    now_ms = max([now_ms, *(view.opened_at_ms for view in seen)])
    seen = [view for view in seen if view.ended_at_ms > now_ms - DAY_MS]
    return (
        _off_shift(now_ms, shift, wish)
        or _over_items(seen, rules, wish)
        or _over_minutes(seen, rules, wish)
        or _break_due(now_ms, seen, rules, wish)
        or _calm(now_ms, shift, rules, wish)
        or _left(now_ms, seen, rules)
    )


def cap_state(now_ms: int, shift: Shift | None, seen: Sequence[Seen], rules: Rules) -> CapState:
    """How a person stands, as a lead may know it."""
    new_and_brief = Wish(-1, Severity.ORDINARY, 1)
    match may_open(now_ms, shift, seen, rules, new_and_brief):
        case Allowed():
            return CapState.WORKING
        case NotNow(Why.ITEMS | Why.MINUTES):
            return CapState.CAPPED
        case NotNow(Why.BREAK):
            return CapState.BREAK
        case NotNow(Why.STOPPED):
            return CapState.STOPPED
        case _:
            return CapState.OFF


def _off_shift(now_ms: int, shift: Shift | None, wish: Wish) -> NotNow | None:
    if shift is None:
        return NotNow(Why.NO_SHIFT)
    if shift.stopped_at_ms is not None:
        return NotNow(Why.STOPPED)
    if not shift.started_at_ms <= now_ms <= shift.ends_at_ms - wish.look_ms:
        return NotNow(Why.SHIFT_OVER)
    return None


def _over_items(seen: Sequence[Seen], rules: Rules, wish: Wish) -> NotNow | None:
    last_end = _last_ends(seen)
    if wish.evidence in last_end or len(last_end) < rules.items:
        return None
    too_many = len(last_end) - rules.items + 1
    return NotNow(Why.ITEMS, sorted(last_end.values())[too_many - 1] + DAY_MS)


def _over_minutes(seen: Sequence[Seen], rules: Rules, wish: Wish) -> NotNow | None:
    over_ms = _looked_ms(seen) + wish.look_ms - rules.look_ms
    if over_ms <= 0:
        return None
    for view in sorted(seen, key=lambda view: view.ended_at_ms):
        over_ms -= _length_ms(view)
        if over_ms <= 0:
            return NotNow(Why.MINUTES, view.ended_at_ms + DAY_MS)
    return NotNow(Why.MINUTES)  # one view is longer than the whole day's time


def _break_due(now_ms: int, seen: Sequence[Seen], rules: Rules, wish: Wish) -> NotNow | None:
    begun_ms, last_end_ms = _stretch(now_ms, seen, rules)
    if now_ms + wish.look_ms - begun_ms <= rules.work_ms:
        return None
    return NotNow(Why.BREAK, last_end_ms + rules.break_ms)


def _calm(now_ms: int, shift: Shift | None, rules: Rules, wish: Wish) -> NotNow | None:
    if shift is None or wish.severity is not Severity.SEVERE:
        return None
    calm_from_ms = shift.ends_at_ms - rules.calm_ms
    return NotNow(Why.CALM) if now_ms + wish.look_ms > calm_from_ms else None


def _left(now_ms: int, seen: Sequence[Seen], rules: Rules) -> Allowed:
    begun_ms, _ = _stretch(now_ms, seen, rules)
    return Allowed(
        max(0, rules.items - len(_last_ends(seen))),
        rules.look_ms - _looked_ms(seen),
        rules.work_ms - (now_ms - begun_ms),
        now_ms,
    )


def _stretch(now_ms: int, seen: Sequence[Seen], rules: Rules) -> tuple[int, int]:
    """When the present stretch of work began, and when its last view ends; now, if none runs."""
    begun_ms, last_end_ms = now_ms, None
    for view in sorted(seen, key=lambda view: view.ended_at_ms, reverse=True):
        if begun_ms - view.ended_at_ms >= rules.break_ms:
            break
        begun_ms = min(begun_ms, view.opened_at_ms)
        last_end_ms = last_end_ms or view.ended_at_ms
    return begun_ms, last_end_ms or now_ms


def _last_ends(seen: Sequence[Seen]) -> dict[int, int]:
    ends = dict[int, int]()
    for view in seen:
        ends[view.evidence] = max(ends.get(view.evidence, 0), view.ended_at_ms)
    return ends


def _looked_ms(seen: Sequence[Seen]) -> int:
    return sum(map(_length_ms, seen))


def _length_ms(view: Seen) -> int:
    return view.ended_at_ms - view.opened_at_ms
