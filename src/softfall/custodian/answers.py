"""Answering blinded questions: the epoch first, then the quota, then the evaluation.

Guarantees: no answer under an ended epoch's key, even between two rounds of the reaper; nothing is
evaluated before its cost is counted on disk. Runs in many threads at once.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from softfall.custodian.epochs import EpochBook, PublishedEpoch
from softfall.custodian.options import kept
from softfall.custodian.quota import Quota
from softfall.lists.manifest import read
from softfall.options.contract import CustodianHalf


@dataclass(frozen=True, slots=True)
class Answered:
    """A reply, and the evaluations that it cost."""

    reply: bytes
    evaluations: int


class Answers:
    """The halves of the epochs in use, each made from its key when first asked for."""

    def __init__(self, book: EpochBook, quota: Quota, now_ms: Callable[[], int]) -> None:
        self._book = book
        self._quota = quota
        self._now_ms = now_ms
        self._halves: dict[int, CustodianHalf] = {}
        self._lock = threading.Lock()

    def answer(self, option: str, body: bytes) -> Answered:
        """The reply to one request.

        Raises OptionUnknown, EpochNotPublished, EpochEnded, QuotaSpent, MalformedMessage, and what
        the option's half raises for malformed points.
        """
        epoch = kept(option).epoch_of(body)
        half = self._half(self._book.answering(epoch, option, self._now_ms()))
        cost = half.cost(body)
        self._quota.take(cost)
        return Answered(half.answer(body), cost)

    def end_due(self, option: str) -> list[int]:
        """Destroy the keys of ended epochs, on disk and here; says which ended now."""
        now_ms = self._now_ms()
        ended = self._book.end_due(option, now_ms)
        alive = {epoch.number for epoch in self._book.published(option) if epoch.alive(now_ms)}
        with self._lock:
            for number in set(self._halves) - alive:
                del self._halves[number]
        return ended

    def _half(self, epoch: PublishedEpoch) -> CustodianHalf:
        number = epoch.number
        with self._lock:
            if number not in self._halves:
                # The epoch's own parameters: an upgrade may publish the next one with others.
                self._halves[number] = kept(epoch.option).make_half(
                    number, self._book.secret(number), read(epoch.manifest).parameters
                )
            return self._halves[number]
