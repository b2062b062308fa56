"""What came of each line of defence in the last seven days, counted from casework's tables.

Guarantees: counts of what was taken in, decided and sent, nothing of anybody. For staff: what is
published suppresses small counts, this does not.
"""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, func, select

from softfall.audit.tables import lines
from softfall.casework.model import LINE_OF_SOURCE, Line, Outcome, Source
from softfall.casework.referral.life import State as ReferralState
from softfall.casework.referral.tables import referrals
from softfall.casework.tables import appeals, cases, decisions, sources

DAYS: Final = 7
_DAY_MS: Final = 86_400_000
_MEASURES: Final = (Outcome.BLOCK, Outcome.WARN, Outcome.RESTRICT, Outcome.REFER)
_RESTS: Final = (ReferralState.DRAFT, ReferralState.FINISHED, ReferralState.WITHDRAWN)


@dataclass(frozen=True, slots=True)
class Week:
    """Counts of the week that ends now; `waiting_*`: as things stand.

    taken_in: by what opened or joined a case. measures, freed: cases that began on this line and
    were decided with a measure (block, warn, restrict, refer), or with release or no action.
    """

    taken_in: dict[Source, int]
    measures: dict[Line, int]
    freed: dict[Line, int]
    waiting_cases: int
    referred: int
    waiting_referrals: int
    appeals: int
    reversals: int
    audit_lines: int


def count(tx: Connection, now_ms: int) -> Week:
    """The week that ends at `now_ms` (Unix time)."""
    since_ms = now_ms - DAYS * _DAY_MS
    ended = and_(appeals.c.decided_at_ms > since_ms, appeals.c.decided_at_ms <= now_ms)
    finished = referrals.c.state == ReferralState.FINISHED
    return Week(
        taken_in=_taken_in(tx, since_ms),
        measures=_decided(tx, since_ms, _MEASURES),
        freed=_decided(tx, since_ms, (Outcome.RELEASE, Outcome.NO_ACTION)),
        waiting_cases=_count(tx, cases.c.state.in_(("open", "in review", "appealed"))),
        referred=_count(tx, and_(finished, referrals.c.state_since_ms > since_ms)),
        waiting_referrals=_count(tx, referrals.c.state.not_in(_RESTS)),
        appeals=_count(tx, ended),
        reversals=_count(tx, and_(ended, appeals.c.upheld.is_(False))),
        audit_lines=_count(tx, lines.c.at_ms > since_ms),
    )


def _taken_in(tx: Connection, since_ms: int) -> dict[Source, int]:
    rows = tx.execute(
        select(sources.c.source, func.count())
        .where(sources.c.taken_at_ms > since_ms)
        .group_by(sources.c.source)
    )
    found = {Source(name): number for name, number in rows}
    return {source: found.get(source, 0) for source in Source}


def _decided(tx: Connection, since_ms: int, outcomes: tuple[Outcome, ...]) -> dict[Line, int]:
    """Cases decided so, by the line of what opened them."""
    first = select(func.min(sources.c.row)).group_by(sources.c.case)
    rows = tx.execute(
        select(sources.c.source, func.count(func.distinct(decisions.c.case)))
        .join(decisions, decisions.c.case == sources.c.case)
        .where(
            sources.c.row.in_(first),
            decisions.c.final_at_ms > since_ms,
            decisions.c.state == "final",
            decisions.c.outcome.in_(outcomes),
        )
        .group_by(sources.c.source)
    )
    found = dict.fromkeys(Line, 0)
    for name, number in rows:
        found[LINE_OF_SOURCE[Source(name)]] += number
    return found


def _count(tx: Connection, condition: ColumnElement[bool]) -> int:
    return int(tx.execute(select(func.count()).where(condition)).scalar_one())
