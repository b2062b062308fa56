"""The custodian's side of `confirm`: what it keeps of each confirmation, and what it refuses.

Guarantees: a serial's dealt material is gone from the stock, on disk, in the transaction that keeps
the confirmation it is used for, before the reply leaves. All of a confirmation is on disk, so a
restart in the middle loses nothing: the same message again gets the same answer. One bit at most is
released for one share and entry, and bits of `MAX_ENTRIES` entries for one share; other inputs
under the same serial, or for the same share and entry, are refused by name. A confirmation that is
not finished within `SESSION_MS` is forgotten, with its material. Each confirmation counts against
the custodian's own hourly limit, in its own transaction, whoever asks. What belongs to an ended
epoch is deleted.
Leaves to `options/confirm/custodian.py`: the mathematics, and refusing what is not in its form.
Limit: it sees which entry a picture was a candidate for; not whose picture, nor the outcome.
"""

import contextlib
import hashlib
import threading
from collections.abc import Callable, Collection, Iterator
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, insert, select, update
from sqlalchemy.exc import DBAPIError

from softfall.custodian.confirm_tables import confirmations, confirms_counted
from softfall.custodian.counting import Allowance, Clock, Counting
from softfall.custodian.epochs import EpochBook
from softfall.custodian.stock import is_to_come, take
from softfall.errors import InputError, RefusedError, UnavailableError
from softfall.lists import manifest
from softfall.options.confirm import custodian as confirm
from softfall.options.confirm.custodian import Asked, Kept
from softfall.options.confirm.keys import ConfirmKeys
from softfall.options.confirm.material import DealtCustodian

MAX_ENTRIES = 16
SESSION_MS = 10 * 60_000
WINDOW_MS = 60_000
HOUR_MS = 3_600_000


class EntryNotListed(InputError):
    """The epoch's list holds no entry of this number."""

    remedy = "Confirm entries of the epoch's own artefact only."


class SerialUnknown(RefusedError):
    """No dealt material or confirmation of this serial is here: never fetched, or forgotten."""

    remedy = "Begin again with fresh dealt material; nothing was released."


class SerialSpent(RefusedError):
    """This serial was used for another message; it is never used again."""

    remedy = "Begin again with fresh dealt material; keep the evidence if you did not do this."


class BitReleased(RefusedError):
    """The bit of this share and entry was released before, under another serial."""

    remedy = "Use the bit that was released; nobody gets a second one for other inputs."


class TooManyEntries(RefusedError):
    """One share was confirmed against as many entries as are allowed."""

    remedy = "Confirm the likeliest entries first; an honest candidate has few."


class ConfirmsSpent(RefusedError):
    """The custodian's hourly confirmations are used up."""

    remedy = "Wait as long as Retry-After says; the keeper sets custodian.confirms_per_hour."

    def __init__(self, what: str, retry_after_seconds: int) -> None:
        super().__init__(what)
        self.retry_after_seconds = retry_after_seconds


class NotKept(UnavailableError):
    """The confirmation can't be kept on disk, so it is not answered."""

    remedy = "Check the custodian's disk; the same message may be sent again."


class Confirmations:
    """The confirmations of one custodian, kept in `confirm.db`; one object per running service.

    wanted: called when a serial is asked for that has yet to come from the dealer.
    wall_ms, monotonic_ms: as `Counting` takes them.
    """

    def __init__(
        self,
        engine: Engine,
        book: EpochBook,
        per_hour: int,
        wall_ms: Clock,
        monotonic_ms: Clock,
        wanted: Callable[[], None],
    ) -> None:
        self._engine = engine
        self._book = book
        self._now_ms = wall_ms
        self._wanted = wanted
        allowance = Allowance(
            confirms_counted, per_hour, "confirms an hour", WINDOW_MS, HOUR_MS, ConfirmsSpent
        )
        self._counting = Counting(engine, allowance, wall_ms, monotonic_ms)
        self._step = threading.Lock()  # one writer in this process: none decides on a stale read

    def begin(self, body: bytes) -> bytes:
        """`confirm_begun` for a `confirm_begin`; the same again for the same.

        Raises MalformedMessage, EpochNotPublished, EpochEnded, EntryNotListed, SerialUnknown,
        SerialSpent, BitReleased, TooManyEntries, ConfirmsSpent, NotKept.
        """
        asked = confirm.read(body)
        keys, entry_hash = self._secrets_for(asked)
        begin_sha256 = hashlib.sha256(body).digest()
        with self._step, _named_failures():
            with self._engine.connect() as reading:
                known = _row(reading, asked.serial)
                if known is not None:
                    return _same(known.begin_sha256, begin_sha256, known.begun)
                _require_unreleased(reading, asked.commitment, asked.entry)
            with self._counting.counted(1) as tx:
                dealt = take(tx, asked.serial)
                if dealt is None:
                    if is_to_come(tx, asked.serial):
                        self._wanted()
                    raise SerialUnknown("no dealt material of this serial is here")
                begun, kept = confirm.begin(body, DealtCustodian.decode(dealt), keys, entry_hash)
                tx.execute(
                    insert(confirmations).values(
                        serial=asked.serial,
                        epoch=asked.epoch,
                        commitment=asked.commitment,
                        entry=asked.entry,
                        begin_sha256=begin_sha256,
                        begun=begun,
                        kept=kept,
                        begun_at_ms=self._now_ms(),
                    )
                )
        return begun

    def finish(self, body: bytes) -> bytes:
        """`confirm_finished` for a `confirm_finish`; the same again for the same.

        Raises MalformedMessage, SerialUnknown, SerialSpent, BitReleased, TooManyEntries, NotKept.
        """
        serial, _ = confirm.read_finish(body)
        finish_sha256 = hashlib.sha256(body).digest()
        with self._step, _named_failures(), self._engine.begin() as tx:
            known = _row(tx, serial)
            if known is not None and known.finished is not None:
                return _same(known.finish_sha256, finish_sha256, known.finished)
            if known is None or known.kept is None or self._is_over(known):
                raise SerialUnknown("no confirmation of this serial is under way")
            _require_unreleased(tx, known.commitment, known.entry)
            finished = confirm.finish(body, Kept.decode(known.kept))
            tx.execute(
                update(confirmations)
                .where(confirmations.c.serial == serial)
                .values(kept=None, finish_sha256=finish_sha256, finished=finished)
            )
        return finished

    def used(self) -> int:
        """How many confirmations count against the hourly limit at present."""
        return self._counting.used()

    def forget(self, alive: Collection[int]) -> None:
        """Delete what was not finished in time, and all that is of no epoch in `alive`."""
        stale = confirmations.c.begun_at_ms <= self._now_ms() - SESSION_MS
        unfinished = confirmations.c.finished.is_(None)
        with self._step, self._engine.begin() as tx:
            tx.execute(delete(confirmations).where(unfinished, stale))
            tx.execute(delete(confirmations).where(confirmations.c.epoch.not_in(alive)))

    def _secrets_for(self, asked: Asked) -> tuple[ConfirmKeys, bytes]:
        """The epoch's key, while the epoch answers, and the entry's 32-byte hash."""
        epoch = self._book.answering(asked.epoch, asked.option, self._now_ms())
        entry_hash = self._book.entry_hash(asked.epoch, asked.entry)
        if entry_hash is None:
            raise EntryNotListed(f"epoch {asked.epoch} has no entry {asked.entry}")
        secret = self._book.confirm_secret(asked.epoch)
        public = manifest.read(epoch.manifest).confirm_key
        return ConfirmKeys(asked.option, asked.epoch, secret, public), entry_hash

    def _is_over(self, known: Row[Any]) -> bool:
        late: bool = known.begun_at_ms <= self._now_ms() - SESSION_MS
        return late


def _row(tx: Connection, serial: int) -> Row[Any] | None:
    return tx.execute(select(confirmations).where(confirmations.c.serial == serial)).first()


def _same(known_sha256: bytes, sha256: bytes, reply: bytes) -> bytes:
    """The reply that was given, to the message that it was given to. Raises SerialSpent."""
    if known_sha256 != sha256:
        raise SerialSpent("this serial was used for another message")
    return reply


def _require_unreleased(tx: Connection, commitment: bytes, entry: int) -> None:
    """Raises BitReleased, TooManyEntries."""
    released = (
        tx.execute(
            select(confirmations.c.entry).where(
                confirmations.c.commitment == commitment, confirmations.c.finished.is_not(None)
            )
        )
        .scalars()
        .all()
    )
    if entry in released:
        raise BitReleased("the bit of this share and entry was released before")
    if len(released) >= MAX_ENTRIES:
        raise TooManyEntries(f"this share was confirmed against {MAX_ENTRIES} entries")


@contextlib.contextmanager
def _named_failures() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise NotKept(f"a confirmation can't be kept: {error.orig}") from None
