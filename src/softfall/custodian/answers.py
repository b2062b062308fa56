"""Answering blinded questions: the epoch first, then the token and the quota, then the evaluation.

Guarantees: no answer under an ended epoch's key, even between two rounds of the reaper; nothing is
evaluated before its cost is counted, and its token spent, in one transaction on disk. Runs in many
threads at once.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from softfall.custodian.epochs import EpochBook, PublishedEpoch
from softfall.custodian.options import kept, kept_options
from softfall.custodian.quota import Quota
from softfall.custodian.tokens import TokenBook
from softfall.lists.manifest import read
from softfall.options.contract import CustodianHalf
from softfall.options.tokens import custodian as spending
from softfall.options.tokens.wire import TokenRefused


@dataclass(frozen=True, slots=True)
class Answered:
    """A reply, and the evaluations that it cost."""

    reply: bytes
    evaluations: int


class Answers:
    """The halves of the epochs in use, each made from its key when first asked for."""

    def __init__(
        self, book: EpochBook, quota: Quota, tokens: TokenBook, now_ms: Callable[[], int]
    ) -> None:
        self._book = book
        self._quota = quota
        self._tokens = tokens
        self._now_ms = now_ms
        self._halves: dict[int, CustodianHalf] = {}
        self._lock = threading.Lock()

    def answer(self, option: str, body: bytes) -> Answered:
        """The reply to one `ask`.

        Raises OptionUnknown, EpochNotPublished, EpochEnded, TokenRefused, QuotaSpent,
        MalformedMessage, and what the option's half raises for malformed points.
        """
        plan, asked = kept(option), spending.read(body)
        if asked.option != plan.name:
            raise TokenRefused("the token was spent on another option's question")
        epoch = self._book.answering(plan.epoch_of(asked.question), option, self._now_ms())
        half = self._half(epoch)
        cost = half.cost(asked.question)
        self._tokens.check(asked, read(epoch.manifest).token_key)
        with self._quota.counted(cost) as transaction:
            self._tokens.spend(transaction, asked)
        return Answered(half.answer(asked.question), cost)

    def issue(self, body: bytes) -> tuple[bytes, int]:
        """The reply to one `token_request`, and how many tokens it mints.

        Raises MalformedMessage, MalformedPoint, TokenRefused, TokensMinted, QuotaNotCounted.
        """
        return self._tokens.issue(body, self._token_keys())

    def end_due_tokens(self) -> int:
        """Destroy the token keys that no live epoch names; says how many ended now."""
        return self._tokens.end_due(self._token_keys())

    def end_due(self, option: str) -> list[int]:
        """Destroy the keys of ended epochs, on disk and here; says which ended now."""
        now_ms = self._now_ms()
        ended = self._book.end_due(option, now_ms)
        alive = {epoch.number for epoch in self._book.published(option) if epoch.alive(now_ms)}
        with self._lock:
            ours = {number for number, half in self._halves.items() if half.name == option}
            for number in ours - alive:
                del self._halves[number]
        return ended

    def _token_keys(self) -> set[bytes]:
        """The token keys that live epochs name, of all options."""
        now_ms = self._now_ms()
        alive = (
            epoch
            for option in kept_options()
            for epoch in self._book.published(option)
            if epoch.alive(now_ms)
        )
        return {read(epoch.manifest).token_key for epoch in alive} - {b""}

    def _half(self, epoch: PublishedEpoch) -> CustodianHalf:
        number = epoch.number
        with self._lock:
            if number not in self._halves:
                # The epoch's own parameters: an upgrade may publish the next one with others.
                self._halves[number] = kept(epoch.option).half(
                    number, self._book.secret(number), read(epoch.manifest).parameters
                )
            return self._halves[number]
