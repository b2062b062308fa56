"""What is public on the platform and so not encrypted: profile and group pictures, and names.

Guarantees: the platform submits what it shows to everybody; a picture is opened by the hasher's
process alone, and looked up at the custodian by its hash, exactly (31 of 256 bits). Only a match
goes any further: to casework, as a case that a person decides. The same reference with the same
content gets the same answer again and opens no second case.
Refuses: a reference used again for something else (`ReferenceReused`); pictures that can't be
opened are an answer with its reason (`unreadable`), as are those that PDQ can't measure.
Kept: the answer, never a hash; a picture's bytes only where it matched, until casework has them.
Limit: names match only by the operator's own words, which say nothing about what somebody does.
"""

import hashlib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Protocol

from sqlalchemy import Connection, delete, insert, select

from softfall.casework.incoming import DIRECT, HashFacts, Incoming
from softfall.casework.model import Source
from softfall.edge.hashing import Hasher
from softfall.errors import InputError, OperatorError, RefusedError
from softfall.lists.facts import EntryFacts
from softfall.media.hashed import Refused
from softfall.media.pdq import PdqHash, Unhashable
from softfall.provider.clock import Clock, days_ms
from softfall.provider.entry_facts import EntryFactsWay
from softfall.provider.tables import surface_checks
from softfall.store.transactions import Database

KEPT_MS: Final = days_ms(90.0)
HASHING_SECONDS: Final = 20.0
MAX_WORDS: Final = 10_000


class SurfacesOff(RefusedError):
    """This service checks nothing that is public."""

    remedy = "Set provider.surface_token and restart the service."


class ReferenceReused(InputError):
    """This reference was given before, for something else."""

    remedy = "Give each submission a reference of its own; the same one only for the same content."


class WordsUnreadable(OperatorError):
    """The file of words that public names are compared with can't be used."""

    remedy = "Check provider.surface_words_file: UTF-8, a word or phrase a line, # for comments."


class Kind(StrEnum):
    """What is submitted, and where it is shown."""

    PROFILE_PICTURE = "profile picture"
    GROUP_PICTURE = "group picture"
    PROFILE_NAME = "profile name"
    GROUP_NAME = "group name"


PICTURES: Final = frozenset({Kind.PROFILE_PICTURE, Kind.GROUP_PICTURE})


class Answer(StrEnum):
    """What came of a check."""

    CLEAR = "clear"
    MATCHED = "matched"
    UNHASHABLE = "unhashable"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Submitted:
    """One thing that is public. subject: the account, or group, that it belongs to.

    content: a picture's bytes, or a name's UTF-8.
    """

    reference: str
    kind: Kind
    subject: str
    content: bytes = field(repr=False)

    @property
    def digest(self) -> bytes:
        """What tells this submission from another under the same reference."""
        head = f"softfall surface v1|{self.kind}|{self.subject}|".encode()
        return hashlib.sha256(head + self.content).digest()


@dataclass(frozen=True, slots=True)
class Checked:
    """An answer, and why."""

    answer: Answer
    reason: str


class HandOver(Protocol):
    """Puts a case on its way to casework, in the caller's transaction; pictures by SHA-256."""

    def __call__(
        self, tx: Connection, incoming: Incoming, pictures: Mapping[str, bytes], now_ms: int
    ) -> None:
        """Raises StorageFull."""


class SurfaceDesk:
    """Checks what the platform shows to everybody."""

    def __init__(
        self,
        db: Database,
        hasher: Hasher,
        facts: EntryFactsWay,
        words: "Words",
        hand_over: HandOver,
        clock: Clock,
    ) -> None:
        self._db = db
        self._hasher = hasher
        self._facts = facts
        self._words = words
        self._hand_over = hand_over
        self._clock = clock

    def check(self, submitted: Submitted) -> Checked:
        """Look at one submission; a match opens a case before this returns.

        Raises ReferenceReused, CustodianUnavailable (nothing is kept: submit it again),
        StorageFull, StoreBusy.
        """
        with self._db.read() as tx:
            known = _known(tx, submitted)
        if known is not None:
            return known
        found, entries = self._look(submitted)
        with self._db.write() as tx:
            known = _known(tx, submitted)
            if known is not None:  # the same was being checked on another connection
                return known
            now_ms = self._clock()
            _keep(tx, submitted, found, now_ms)
            if found.answer is Answer.MATCHED:
                incoming, pictures = _case(submitted, found, entries, now_ms)
                self._hand_over(tx, incoming, pictures, now_ms)
        return found

    def _look(self, submitted: Submitted) -> tuple[Checked, tuple[EntryFacts, ...]]:
        if submitted.kind not in PICTURES:
            return self._words.check(submitted.content.decode()), ()
        match self._hasher.hash(submitted.content, HASHING_SECONDS):
            case Refused(reason):
                return Checked(Answer.UNREADABLE, reason), ()
            case Unhashable(reason):
                return Checked(Answer.UNHASHABLE, reason), ()
            case PdqHash() as public:
                entries = self._facts.listed(public)
        if not entries:
            return Checked(Answer.CLEAR, "no entry within 31 bits"), ()
        return Checked(Answer.MATCHED, "within 31 bits of a list entry"), entries


@dataclass(frozen=True, slots=True)
class Words:
    """The operator's own words, as `_folded`; a name matches if it holds one whole."""

    words: frozenset[str]

    @classmethod
    def read(cls, file: str) -> "Words":
        """One word or phrase a line; no words where `file` is empty. Raises WordsUnreadable."""
        if not file:
            return cls(frozenset())
        try:
            lines = Path(file).read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise WordsUnreadable(f"{file} can't be read: {type(error).__name__}") from None
        return cls.of(line for line in lines if not line.lstrip().startswith("#"))

    @classmethod
    def of(cls, lines: Iterable[str]) -> "Words":
        """From these words. Raises WordsUnreadable."""
        words = frozenset(folded for line in lines if (folded := _folded(line)))
        if len(words) > MAX_WORDS:
            raise WordsUnreadable(f"more than {MAX_WORDS} words")
        return cls(words)

    def check(self, name: str) -> Checked:
        """Whether one of the words stands in the name, between its word boundaries."""
        framed = f" {_folded(name)} "
        for word in sorted(self.words):
            if f" {word} " in framed:
                return Checked(Answer.MATCHED, f"the platform's own list has {word!r}")
        return Checked(Answer.CLEAR, "none of the platform's own words")


def forget(tx: Connection, now_ms: int) -> None:
    """Delete old answers."""
    tx.execute(delete(surface_checks).where(surface_checks.c.checked_at_ms < now_ms - KEPT_MS))


def _folded(text: str) -> str:
    """Lower case and compatibility forms, everything but letters and digits as one space."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return " ".join("".join(c if c.isalnum() else " " for c in plain).split())


def _known(tx: Connection, submitted: Submitted) -> Checked | None:
    row = tx.execute(
        select(surface_checks).where(surface_checks.c.reference == submitted.reference)
    ).first()
    if row is None:
        return None
    if row.digest != submitted.digest:
        raise ReferenceReused("this reference was given before, for something else")
    return Checked(Answer(row.answer), row.reason)


def _keep(tx: Connection, submitted: Submitted, found: Checked, now_ms: int) -> None:
    tx.execute(
        insert(surface_checks).values(
            reference=submitted.reference,
            digest=submitted.digest,
            answer=found.answer,
            reason=found.reason,
            checked_at_ms=now_ms,
        )
    )


def _case(
    submitted: Submitted, found: Checked, entries: tuple[EntryFacts, ...], now_ms: int
) -> tuple[Incoming, dict[str, bytes]]:
    """What casework is told: of a picture its bytes and the first entry, of a name the name."""
    is_picture = submitted.kind in PICTURES
    sha256 = hashlib.sha256(submitted.content).hexdigest()
    values: dict[str, Any] = {
        "reference": f"surface/{submitted.reference}",
        "source": Source.SURFACE,
        "subject": submitted.subject,
        "reason": found.reason,
        "kind": submitted.kind,
        "arrived_at_ms": now_ms,
    }
    if not is_picture:
        return Incoming(**values, text=submitted.content.decode()), {}
    facts = _hash_facts(entries[0])
    return Incoming(**values, facts=facts, pictures=(sha256,)), {sha256: submitted.content}


def _hash_facts(entry: EntryFacts) -> HashFacts:
    return HashFacts(
        option=DIRECT,
        epoch=0,
        confirmed=True,  # exact: the custodian compared the hash itself
        entry=entry.entry,
        label=entry.label[:200],
        sources=entry.sources,
        certifiers=entry.certifiers,
        view=entry.view,
        whole=entry.whole,
    )
