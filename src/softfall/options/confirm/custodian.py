"""The custodian's half of `confirm`: it holds the entry, and answers about one distance, once.

Guarantees: what it is sent is uniform whatever the picture, but for the share that it opens, which
is uniform too. It learns that some picture was a candidate for entry i, not whose, not how near,
and not the outcome; and that one picture was a candidate for two entries, since the commitment is
the same. So a provider asks about all of a picture's candidates, whatever comes out. It tells a
share that is not the committed one, as the reply `mismatch`.
Refuses: material of another serial (OtherSerial), messages for another option or epoch than its
key's (OtherConfirm), a second use (AlreadySpent).
Leaves to others: erasing the material before `begin`, the kept note before `finish`; how many
entries one share may be tried against, and that one entry is tried once (`custodian/`).

Limits, printed: the parties are taken to follow the protocol (see `provider`). A custodian that
does not may turn the bit around, claim a mismatch, or put another hash in the entry's place; it
learns nothing by it, unless the hold that follows becomes known to it. Together with the provider
it has both shares, hence the hash of every candidate, and of every submission that the provider
kept.
"""

import hmac
from dataclasses import dataclass, field

from softfall.crypto import hpke, truth_table
from softfall.crypto import shares as sharing
from softfall.crypto.shares import BITS
from softfall.errors import InputError
from softfall.options.confirm import keys, wire
from softfall.options.confirm.keys import ConfirmKeys
from softfall.options.confirm.material import DealtCustodian
from softfall.options.dealt import Once
from softfall.wire import Value


class OtherSerial(InputError):
    """A confirm message names another serial than the material or the note at hand."""

    remedy = "Begin again with fresh material; both parties must use the same serial."


class OtherConfirm(InputError):
    """A confirm for another option or epoch than the key that would open it."""

    remedy = "Name the option and the epoch of the submission that the shares came with."


@dataclass(frozen=True, slots=True)
class Asked:
    """What a provider asks: of which serial, for which option, epoch and entry.

    commitment: 32 bytes; it names the share, however often it is asked about.
    """

    serial: int
    option: str
    epoch: int
    entry: int
    commitment: bytes
    sealed: bytes = field(repr=False)
    masked: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Note:
    rotated: int
    table: bytes = field(repr=False)


class Kept(Once[_Note]):
    """What the custodian keeps between the two round trips; usable once."""

    @classmethod
    def decode(cls, body: bytes) -> "Kept":
        """From `confirm_kept`, as it lay on disk. Raises MalformedMessage."""
        values = wire.decode(wire.CONFIRM_KEPT, body)
        note = _Note(wire.rotated(values), wire.octets(values, "table"))
        return cls(wire.serial(values), note)


def read(body: bytes) -> Asked:
    """What a `confirm_begin` asks. Raises MalformedMessage."""
    values = wire.decode(wire.CONFIRM_BEGIN, body)
    return Asked(
        wire.serial(values),
        str(values["option"]),
        wire.number(values, "epoch"),
        int.from_bytes(wire.octets(values, "entry"), "big"),
        wire.octets(values, "commitment"),
        wire.octets(values, "sealed"),
        wire.octets(values, "masked"),
    )


def begin(
    body: bytes, dealt: DealtCustodian, own: ConfirmKeys, entry_hash: bytes
) -> tuple[bytes, bytes | None]:
    """The reply `confirm_begun`, and the `confirm_kept` to keep; None after a mismatch.

    entry_hash: the 32-byte hash of the entry that `read(body)` names.
    Raises MalformedMessage, OtherSerial, OtherConfirm, AlreadySpent.
    """
    asked = read(body)
    if asked.serial != dealt.serial:
        raise OtherSerial("the material at hand is of another serial")
    if (asked.option, asked.epoch) != (own.option, own.epoch):
        raise OtherConfirm(f"the key at hand is for {own.option}, epoch {own.epoch}")
    half = dealt.spend()
    share = _opened_share(asked, own)
    head: dict[str, Value] = {"version": wire.VERSION, "serial": wire.serial_bytes(asked.serial)}
    if share is None:
        zeros = {"masked": bytes(BITS), "rotated": bytes(wire.OPENED_BYTES)}
        return wire.CONFIRM_BEGUN.encode({**head, "outcome": wire.MISMATCH, **zeros}), None
    compared = sharing.xor(share, entry_hash)
    distance_share = sharing.second_share(compared, half.product, asked.masked)
    rotated = wire.rotated_bytes(half.table.rotated(distance_share))
    reply = {
        **head,
        "outcome": wire.GOING_ON,
        "masked": sharing.masked(compared, half.product),
        "rotated": rotated,
    }
    kept = {**head, "rotated": rotated, "table": half.table.table}
    return wire.CONFIRM_BEGUN.encode(reply), wire.CONFIRM_KEPT.encode(kept)


def finish(body: bytes, kept: Kept) -> bytes:
    """The reply `confirm_finished` to a `confirm_finish`.

    Raises MalformedMessage, OtherSerial, AlreadySpent.
    """
    serial, theirs = read_finish(body)
    if serial != kept.serial:
        raise OtherSerial("what was kept is of another serial")
    note = kept.spend()
    opened = truth_table.opened(theirs, note.rotated)
    return wire.CONFIRM_FINISHED.encode(
        {
            "version": wire.VERSION,
            "serial": wire.serial_bytes(serial),
            "share": truth_table.bit_at(note.table, opened),
        }
    )


def read_finish(body: bytes) -> tuple[int, int]:
    """The serial that a `confirm_finish` names, and its share. Raises MalformedMessage."""
    values = wire.decode(wire.CONFIRM_FINISH, body)
    return wire.serial(values), wire.rotated(values)


def _opened_share(asked: Asked, own: ConfirmKeys) -> bytes | None:
    """The custodian's share of the hash; None if the seal is not what was committed to."""
    try:
        share_key = hpke.unseal(asked.sealed, own.secret, keys.seal_info(own.option, own.epoch))
    except hpke.NotSealedToThis:
        return None
    committed = keys.commitment(share_key, own.option, own.epoch)
    if not hmac.compare_digest(committed, asked.commitment):
        return None
    return keys.custodian_share(share_key)
