"""A live stream's parts: judged in the order of their sending, and stopped where one is held.

Guarantees: a part is not judged before every picture or video that its sender sent earlier in the
conversation, so that none overtakes one that is held. While an earlier part, received within
`STREAM_MS` before, stands held or blocked (`STOPS`), a part that was cleared is held too: as a
candidate, since nothing is confirmed about it. A person who releases the hold lets the stream go on
with the next part. What is held beside the stream, a picture for one, does not stop it.
Refuses: nothing. The sender gets the same answer for every part, at once.
Limits, printed: that a message is part of a stream is its sender's word; a patched app that denies
it gets each part judged by itself, as any video. A part that was delivered before stays delivered.
"""

from dataclasses import replace
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, and_, exists, select

from softfall.provider.life import HoldKind, State
from softfall.provider.mail import Decision
from softfall.provider.tables import envelopes

STREAM_MS: Final = 10 * 60 * 1000
WAIT_SECONDS: Final = 0.02
STOPS: Final = frozenset({HoldKind.CONFIRMED, HoldKind.MALFORMED, HoldKind.CANDIDATE})
LIVE: Final = "live_part"
STOPPED: Final = "the stream was stopped: an earlier part is held"


def must_wait(tx: Connection, part: Row[Any]) -> bool:
    """Whether something that came before this part of a stream is still to be judged."""
    undecided = envelopes.c.state == State.RECEIVED
    return bool(tx.execute(select(exists().where(_before(part), undecided))).scalar())


def followed(tx: Connection, part: Row[Any], decision: Decision) -> Decision:
    """What becomes of a part of a stream that was judged by itself as `decision` says."""
    if decision.end is not State.DELIVERED:
        return replace(decision, evidence={**decision.evidence, LIVE: True})
    held = and_(
        envelopes.c.state.in_((State.HELD, State.BLOCKED)),
        envelopes.c.hold_kind.in_(tuple(STOPS)),
        envelopes.c.hold_evidence.like(f'%"{LIVE}": true%'),
    )
    if not tx.execute(select(exists().where(_before(part), held))).scalar():
        return decision
    return Decision(State.HELD, decision.who, STOPPED, HoldKind.CANDIDATE, {LIVE: True})


def _before(part: Row[Any]) -> ColumnElement[bool]:
    return and_(
        envelopes.c.sender == part.sender,
        envelopes.c.conversation == part.conversation,
        envelopes.c.submission_option.is_not(None),
        envelopes.c.row < part.row,
        envelopes.c.received_at_ms >= part.received_at_ms - STREAM_MS,
    )
