"""Looking over the log in its database, and writing it out as a file.

Guarantees: what is looked at is one consistent view, while services go on writing; a row that holds
what no service wrote (a database takes anything from its owner) is a finding, not a failure.
"""

from collections.abc import Iterable, Iterator
from typing import BinaryIO

from sqlalchemy import Connection, select
from sqlalchemy.exc import DBAPIError

from softfall.audit import trail
from softfall.audit.chain import Line
from softfall.audit.checkpoints import Checkpoint
from softfall.audit.files import Progress, write_log
from softfall.audit.keeping import kept_checkpoints
from softfall.audit.tables import lines
from softfall.audit.verifying import Verdict, Verifier

_FIRST = -(2**63)
_AT_ONCE = 2_000


def verify_database(
    tx: Connection,
    carried: Iterable[Checkpoint],
    keys: frozenset[bytes],
    progress: Progress = lambda _: None,
) -> Verdict:
    """Look over the whole log. tx: a reading transaction.

    carried: checkpoints from elsewhere than the database; keys: whose signatures count.
    """
    verifier = Verifier(trail.log_name(tx) or "", [*kept_checkpoints(tx), *carried], keys)
    for count, line in enumerate(_every_line(tx), 1):
        if line is None:
            verifier.unreadable("its row holds what no service wrote")
        else:
            verifier.take(line)
        if count % _AT_ONCE == 0:
            progress(_AT_ONCE)
    return verifier.finish()


def export_log(tx: Connection, file: BinaryIO) -> int:
    """Write the log up to its newest checkpoint; how many lines. tx: a reading transaction."""
    kept = kept_checkpoints(tx)
    until = max((checkpoint.number for checkpoint in kept), default=0)
    found = (line for line in trail.stream(tx) if line.number <= until)
    return write_log(file, trail.log_name(tx) or "", kept, found)


def _every_line(tx: Connection) -> Iterator[Line | None]:
    """Every line in order of its number, None in the place of a row that can't be read."""
    since = _FIRST
    while numbers := _next_numbers(tx, since):
        try:
            found = trail.read(tx, since, len(numbers))
        except DBAPIError:  # SQLite keeps text that is not UTF-8, and fails when it is read
            yield from (_one(tx, number) for number in numbers)
        else:
            yield from (line if type(line.number) is int else None for line in found)
        since = numbers[-1]


def _next_numbers(tx: Connection, since: int) -> list[int]:
    wanted = select(lines.c.number).where(lines.c.number > since)
    return list(tx.execute(wanted.order_by(lines.c.number).limit(_AT_ONCE)).scalars())


def _one(tx: Connection, number: int) -> Line | None:
    try:
        return trail.read_one(tx, number) if type(number) is int else None
    except DBAPIError:
        return None
