"""Logs to tamper with: chains of lines, and what an attacker does to them."""

from dataclasses import replace

from softfall.audit.chain import Line, genesis, line_hash, make_line
from softfall.audit.checkpoints import Checkpoint, sign_checkpoint
from softfall.audit.keys import AuditKey
from softfall.audit.verifying import Verdict, Verifier

LOG = "a log of these tests"


def chain(count: int) -> list[Line]:
    lines: list[Line] = []
    previous = genesis(LOG)
    for number in range(1, count + 1):
        details = {"why": f"reason {number}", "count": number}
        lines.append(make_line(number, previous, number, "mira", "case.opened", "case-1", details))
        previous = lines[-1].hash
    return lines


def hashed_anew(line: Line) -> Line:
    return replace(line, hash=line_hash(line))


def chained_anew(lines: list[Line]) -> list[Line]:
    """What a forger with the database writes: numbers, links and hashes all made to fit."""
    made: list[Line] = []
    previous = genesis(LOG)
    for number, line in enumerate(lines, 1):
        made.append(hashed_anew(replace(line, number=number, previous=previous)))
        previous = made[-1].hash
    return made


def signed(lines: list[Line], number: int, key: AuditKey, log: str = LOG) -> Checkpoint:
    line = lines[number - 1]
    return sign_checkpoint(log, number, line.hash, 1_000 + number, key.public_key, key.sign)


def looked_over(
    lines: list[Line],
    checkpoints: list[Checkpoint] | None = None,
    key: AuditKey | None = None,
    log: str = LOG,
) -> Verdict:
    verifier = Verifier(log, checkpoints or [], frozenset({key.public_key}) if key else frozenset())
    for line in lines:
        verifier.take(line)
    return verifier.finish()
