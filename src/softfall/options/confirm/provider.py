"""The provider's half of `confirm`: one candidate, two round trips, one bit.

Guarantees: the provider learns the bit and nothing else of the distance, the picture or the entry;
each value holds material that serves once, and so serves one candidate once.
Refuses: replies of another form or another serial (BadConfirmReply), a second use (AlreadySpent).
A `mismatch` is a value, not an error: the sender sealed something else than it committed to.

Limits, printed: while `confirm` alone is down (the dealer away, say, and no material left),
candidates, and only they, are held as an outage, until the clock releases them: who sees such a
hold learns that the picture was a candidate. The parties are taken to follow the protocol. A
provider that does not may flip bits of its share before a confirm, and so asks "is the picture,
altered thus, within 31 bits of entry i?"; or send numbers where bits belong, and so weigh some bits
of the distance more than others. It may pair the shares with an entry that was no candidate. Each
such question costs dealt material and counts at the custodian, which answers a bounded number for
one submission and none twice; none gives more than its one bit.
A custodian that lies can turn the bit around, or claim a mismatch; a hold is never more than a
reason for a person to look.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple, TypeVar

from softfall.crypto import shares as sharing
from softfall.crypto import truth_table
from softfall.errors import PeerError
from softfall.options.confirm import wire
from softfall.options.confirm.material import DealtProvider, Half
from softfall.options.contract import Malformed, Mismatch
from softfall.options.dealt import AlreadySpent, Once
from softfall.wire import MalformedMessage, Value

SEALED_SOMETHING_ELSE: Final = Mismatch("the sealed share is not the committed one")


T = TypeVar("T")


class BadConfirmReply(PeerError):
    """The custodian's reply to a confirm is malformed, or to another one."""

    remedy = "Use nothing of it; begin again with fresh material, and tell the custodian."


class _Asked(NamedTuple):
    x_p: bytes
    half: Half


class _Answered(NamedTuple):
    half: Half
    opened: int


def form(shares: bytes) -> Malformed | None:
    """Whether a submission's `confirm_shares` have the right form; the bytes alone decide."""
    try:
        wire.decode(wire.CONFIRM_SHARES, shares)
    except MalformedMessage:
        return Malformed("malformed confirm shares")
    return None


class Confirming:
    """One candidate on its way: `begin`, `go_on`, `bit`, each once and in this order.

    dealt: this provider's half of a serial, erased from its stock already. shares: the submission's
    `confirm_shares`. entry: the candidate's number. Raises MalformedMessage for shares of no form.
    """

    def __init__(
        self, dealt: DealtProvider, shares: bytes, option: str, epoch: int, entry: int
    ) -> None:
        self.serial = dealt.serial
        self.option = option
        self.epoch = epoch
        self.entry = entry
        self._shares = wire.decode(wire.CONFIRM_SHARES, shares)
        self._dealt = dealt
        self._asked: Once[_Asked] | None = None
        self._answered: Once[_Answered] | None = None

    def begin(self) -> bytes:
        """`confirm_begin` for the custodian. Raises AlreadySpent."""
        half = self._dealt.spend()
        x_p = wire.octets(self._shares, "x_p")
        self._asked = Once(self.serial, _Asked(x_p, half))
        return wire.CONFIRM_BEGIN.encode(
            {
                "version": wire.VERSION,
                "serial": wire.serial_bytes(self.serial),
                "option": self.option,
                "epoch": self.epoch,
                "entry": self.entry.to_bytes(wire.NUMBER_BYTES, "big"),
                "commitment": self._shares["commitment"],
                "sealed": self._shares["sealed"],
                "masked": sharing.masked(x_p, half.product),
            }
        )

    def go_on(self, begun: bytes) -> bytes | Mismatch:
        """`confirm_finish` from the custodian's `confirm_begun`; or Mismatch, and all is done.

        Raises BadConfirmReply, AlreadySpent.
        """
        x_p, half = _taken(self._asked, self.serial)
        try:
            values = wire.decode(wire.CONFIRM_BEGUN, begun)
            theirs = wire.rotated(values)
        except MalformedMessage as error:
            raise BadConfirmReply(f"the custodian's first reply: {error.what}") from None
        self._require_serial(values)
        if wire.number(values, "outcome") == wire.MISMATCH:
            return SEALED_SOMETHING_ELSE
        share = sharing.first_share(x_p, half.product, wire.octets(values, "masked"))
        own = half.table.rotated(share)
        answered = _Answered(half, truth_table.opened(own, theirs))
        self._answered = Once(self.serial, answered)
        return wire.CONFIRM_FINISH.encode(
            {
                "version": wire.VERSION,
                "serial": wire.serial_bytes(self.serial),
                "rotated": wire.rotated_bytes(own),
            }
        )

    def bit(self, finished: bytes) -> bool:
        """Whether the picture is within 31 bits of the entry, from `confirm_finished`.

        Raises BadConfirmReply, AlreadySpent.
        """
        half, opened = _taken(self._answered, self.serial)
        try:
            values = wire.decode(wire.CONFIRM_FINISHED, finished)
        except MalformedMessage as error:
            raise BadConfirmReply(f"the custodian's second reply: {error.what}") from None
        self._require_serial(values)
        return half.table.look_up(opened) != wire.number(values, "share")

    def _require_serial(self, values: Mapping[str, Value]) -> None:
        if wire.octets(values, "serial") != wire.serial_bytes(self.serial):
            raise BadConfirmReply("the custodian's reply is to another confirm")


def _taken(step: Once[T] | None, serial: int) -> T:
    if step is None:
        raise AlreadySpent(f"serial {serial} is not at this step")
    return step.spend()
