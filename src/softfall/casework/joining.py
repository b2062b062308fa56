"""What makes two things one case: the same account, the same picture, the same list entry.

Guarantees: what is compared are keyed digests, which tell nothing without the vault's key. The
account comes first, then the picture, then the entry; the oldest case that may still be joined is
joined. One that has been decided is never joined: what comes then opens a case of its own, linked
to the one before, so that no decision covers what its decider could not have seen. Cases that hold
the same reported message (of a report about two accounts) are linked, each decided for itself.
A case takes at most `MAX_SOURCES`; the next thing opens a linked one.
Limit: an account that no match names and no picture ties to another is joined by its name alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select

from softfall.casework.incoming import Incoming, ReportedMessage
from softfall.casework.life import JOINABLE
from softfall.casework.tables import cases, join_keys, links, sources

MAX_SOURCES = 200

KeyedDigest = Callable[[bytes], bytes]

_WHY = {
    "subject": "about the same account",
    "picture": "the same picture",
    "entry": "a match with the same entry of the list",
    "message": "the same reported message",
}
_LINKS_ONLY = frozenset({"message"})


@dataclass(frozen=True, slots=True)
class Key:
    """One thing that may be the same. kind: a key of `_WHY`; digest: keyed, 32 bytes."""

    kind: str
    digest: bytes

    @property
    def why(self) -> str:
        """What is the same, in words."""
        return _WHY[self.kind]


@dataclass(frozen=True, slots=True)
class Joined:
    """A case to be joined, and why."""

    case: Row[Any, Any, Any, Any]
    why: str


def keys_of(incoming: Incoming, keyed: KeyedDigest, *, trusted: bool) -> tuple[Key, ...]:
    """What this may have in common with other things, what counts most first.

    trusted: its facts about a match are proved; others' matches join nothing.
    """
    found = [Key("subject", keyed(b"subject|" + incoming.subject.encode()))]
    found += [Key("picture", picture_digest(each, keyed)) for each in pictures_of(incoming)]
    facts = incoming.facts
    if trusted and facts is not None and facts.confirmed and facts.entry is not None:
        told = f"entry|{facts.option}|{facts.epoch}|{facts.entry}"
        found.append(Key("entry", keyed(told.encode())))
    found += [message_key(message, keyed) for message in incoming.messages]
    return tuple(dict.fromkeys(found))


def message_key(message: ReportedMessage, keyed: KeyedDigest) -> Key:
    """By what a reported message is known again, whoever reports it; it links cases, no more."""
    told = f"message|{message.sender}|{message.envelope_id}|{message.picture_sha256 or ''}"
    return Key("message", keyed(told.encode()))


def has(tx: Connection, case_row: int, key: Key) -> bool:
    """Whether a case has this already."""
    mine = join_keys.c.case == case_row, join_keys.c.kind == key.kind
    found = select(join_keys.c.case).where(*mine, join_keys.c.digest == key.digest)
    return tx.execute(found).first() is not None


def pictures_of(incoming: Incoming) -> tuple[str, ...]:
    """SHA-256, in hex, of each picture that is to follow, once each."""
    told = [message.picture_sha256 for message in incoming.messages]
    return tuple(dict.fromkeys([*(each for each in told if each), *incoming.pictures]))


def picture_digest(sha256: str, keyed: KeyedDigest) -> bytes:
    """By what a picture is known again: keyed, never its own digest."""
    return keyed(b"picture|" + bytes.fromhex(sha256))


def to_join(tx: Connection, keys: Sequence[Key]) -> Joined | None:
    """The case that something with these keys joins, if any."""
    for key in keys:
        for case in () if key.kind in _LINKS_ONLY else _with(tx, key):
            if case.state in JOINABLE and _size(tx, case.row) < MAX_SOURCES:
                return Joined(case, key.why)
    return None


def related(tx: Connection, keys: Sequence[Key], but: int) -> list[tuple[int, str]]:
    """Other cases (row numbers) with something in common, the newest of each kind, and why."""
    found: dict[int, str] = {}
    for key in keys:
        others = [case.row for case in _with(tx, key) if case.row != but]
        if others:
            found.setdefault(others[-1], key.why)
    return sorted(found.items())


def remember(tx: Connection, case_row: int, keys: Sequence[Key]) -> None:
    """Add keys to a case."""
    known = {
        (row.kind, bytes(row.digest))
        for row in tx.execute(select(join_keys).where(join_keys.c.case == case_row))
    }
    fresh = [key for key in keys if (key.kind, key.digest) not in known]
    if fresh:
        tx.execute(
            insert(join_keys),
            [{"case": case_row, "kind": key.kind, "digest": key.digest} for key in fresh],
        )


def link(tx: Connection, case_row: int, others: Sequence[tuple[int, str]], now_ms: int) -> None:
    """Link a case with others, both ways, once."""
    known = set(tx.execute(select(links.c.other).where(links.c.case == case_row)).scalars())
    for other, why in others:
        if other not in known:
            pairs = ((case_row, other), (other, case_row))
            tx.execute(
                insert(links),
                [{"case": a, "other": b, "why": why, "at_ms": now_ms} for a, b in pairs],
            )


def _with(tx: Connection, key: Key) -> Sequence[Row[Any, Any, Any, Any]]:
    """Cases that have this key, the oldest first."""
    wanted = (
        select(cases.c.row, cases.c.case_id, cases.c.state, cases.c.opened_at_ms)
        .join(join_keys, join_keys.c.case == cases.c.row)
        .where(join_keys.c.kind == key.kind, join_keys.c.digest == key.digest)
        .order_by(cases.c.row)
    )
    return tx.execute(wanted).all()


def _size(tx: Connection, case_row: int) -> int:
    counted = select(func.count()).select_from(sources).where(sources.c.case == case_row)
    return tx.execute(counted).scalar_one()
