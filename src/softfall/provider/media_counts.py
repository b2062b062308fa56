"""How many pictures and frames of videos each account submitted: a limit a day, kept on disk.

Guarantees: in any 24 hours at most `per_day` submissions of one account are taken in, a video
counting as many as it has distinct frames; counted in the transaction that takes the message in, so
what is refused or repeated counts nothing, and a restart forgets nothing. Kept: account, half-hour,
number; forgotten after a day.
Why: under `homomorphic` a patched sender together with the keyholder reads some bits of every entry
by each submission, whether it is a picture or a frame (docs/threat-model.md).
Limit: about a hundred suffice, and no honest limit is so low; it binds accounts, not people.
"""

from typing import Final

from sqlalchemy import Connection, delete, func, insert, select, update

from softfall.errors import RefusedError
from softfall.options.contract import Submission
from softfall.options.frames.provider import parts
from softfall.provider.tables import media_submitted
from softfall.wire import MalformedMessage

DAY_MS: Final = 86_400_000
WINDOW_MS: Final = 1_800_000


class MediaUsedUp(RefusedError):
    """This account has submitted all pictures and frames that one account may in a day."""

    remedy = "Send fewer pictures and shorter videos a day; text goes as ever."


def submitted(submission: Submission) -> int:
    """How many pictures it is: 1, or a video's distinct frames; 1 where it has not their form."""
    try:
        return len(parts(submission))
    except MalformedMessage:
        return 1


def count(tx: Connection, account: int, amount: int, per_day: int, now_ms: int) -> None:
    """Count what is taken in just now. account: its row. Raises MediaUsedUp."""
    column = media_submitted.c
    own = column.account == account
    window_ms = now_ms - now_ms % WINDOW_MS
    old = column.window_start_ms <= now_ms - DAY_MS - WINDOW_MS
    tx.execute(delete(media_submitted).where(own, old))
    used = tx.scalar(select(func.coalesce(func.sum(column.submitted), 0)).where(own))
    if int(used or 0) + amount > per_day:
        raise MediaUsedUp(f"over {per_day} pictures and frames in 24 hours")
    here = (own, column.window_start_ms == window_ms)
    grown = update(media_submitted).where(*here).values(submitted=column.submitted + amount)
    if tx.execute(grown).rowcount == 0:
        row = {"account": account, "window_start_ms": window_ms, "submitted": amount}
        tx.execute(insert(media_submitted).values(row))
