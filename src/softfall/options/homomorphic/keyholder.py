"""The keyholder's half of `homomorphic`: it takes the query's key off values that stay masked.

Guarantees: of a picture it receives the sealed seed of a key, and values under masks that the
dealer gave the provider: in the one-bit mode all that it sees is uniform whatever the picture, the
list and the outcome, but for what rounding leaves of the noise (below), and what it answers never
depends on whether there was a match.
In the permuted mode it sees the distances in a fresh order. It never has a query, so its keys open
nothing; it never has a list row, only hints. A capsule that does not open as committed is the
outcome `mismatch`, and a query that was run often enough is `spent`: answers of the same size.
Refuses: another epoch or list version than its hints' (OtherListVersion), material of another
serial, mode, or for fewer rows (OtherMaterial, TooFewRows), other sizes (MalformedMessage), a
second use (AlreadySpent).
Leaves to others: erasing material before `begin`, which list versions and how many runs a query
gets (`keyholder/`).
Limits, printed: below the masked distances there is a coarse trace of the query's errors against
the rows; the picture is in it as 1/1024 added to an error, a bit. To who has the list that is next
to nothing in one query; over thousands of an epoch it may confirm a guessed picture
(`docs/experiments/lattice_security.md`). Together with the provider it decrypts every submission;
together with a patched sender, who chooses a query's errors, it reads two to three bits of every
row with each query, hence the list with about a hundred. In the permuted mode, with the list in its
hands, it can confirm a guessed picture. Our own lattice code, not audited.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np

from softfall.crypto.columns import U16Array
from softfall.crypto.lattice.masking import BLOCK_BYTES, opened
from softfall.crypto.lattice.unmasking import secret_slots, unmasking
from softfall.errors import InputError
from softfall.options.dealt import Once
from softfall.options.homomorphic import sealing, wire
from softfall.options.homomorphic.keyholder_modes import Note, begun, zeros
from softfall.options.homomorphic.material import DealtKeyholder
from softfall.options.homomorphic.parameters import HomomorphicParameters
from softfall.options.homomorphic.segments import LIST_ROWS, BoolArray, U32Array
from softfall.wire import MalformedMessage, Value


class OtherListVersion(InputError):
    """A run for another epoch or list version than the hints at hand."""

    remedy = "Carry the list version to the keyholder first, or run against the one that it has."


class OtherMaterial(InputError):
    """Dealt material, or a kept run, of another serial or mode than the message is for."""

    remedy = "Begin again with fresh material; both parties must use the same serial."


@dataclass(frozen=True)
class HintSegment:
    """One segment's hint, mapped. hint: (64, blocks, 16) uint32; live: (blocks,) bool."""

    hint: U32Array = field(repr=False)
    live: BoolArray = field(repr=False)


@dataclass(frozen=True)
class HintList:
    """One list version as the keyholder has it; its segments in the version's order."""

    epoch: int
    list_version: int
    parameters: HomomorphicParameters
    segments: tuple[HintSegment, ...] = field(repr=False)

    @property
    def rows(self) -> int:
        """How many list rows are compared: what dealt material must serve."""
        return sum(int(segment.live.sum()) for segment in self.segments) * LIST_ROWS


@dataclass(frozen=True, slots=True)
class Asked:
    """One query of a `homomorphic_begin`. commitment: names the query however often it is asked."""

    serial: int
    commitment: bytes
    capsule: bytes = field(repr=False)
    masked: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Begin:
    """A decoded `homomorphic_begin`."""

    epoch: int
    list_version: int
    runs: tuple[Asked, ...]


class Kept(Once[dict[int, Note]]):
    """What the keyholder keeps between the two round trips, in memory; usable once.

    serials: those of the runs that go on, in order.
    """

    __slots__ = ("named", "serials")

    def __init__(self, serial: int, notes: dict[int, Note], named: bool) -> None:
        super().__init__(serial, notes)
        self.serials = tuple(notes)
        self.named = named


def read(body: bytes) -> Begin:
    """What a `homomorphic_begin` asks. Raises MalformedMessage."""
    values = wire.decode(wire.BEGIN, body)
    runs = tuple(
        Asked(
            wire.serial(each),
            wire.octets(each, "commitment"),
            wire.octets(each, "capsule"),
            wire.octets(each, "masked"),
        )
        for each in wire.nested(values, "runs")
    )
    if len({run.serial for run in runs}) != len(runs):
        raise MalformedMessage("two runs name the same serial")
    return Begin(wire.number(values, "epoch"), wire.number(values, "list_version"), runs)


def require_fit(asked: Begin, hints: HintList) -> None:
    """Whether a begin is for these hints, by its names and sizes: before any serial is spent.

    Raises OtherListVersion, MalformedMessage.
    """
    if (asked.epoch, asked.list_version) != (hints.epoch, hints.list_version):
        here = f"epoch {hints.epoch}, version {hints.list_version}"
        raise OtherListVersion(f"the hints at hand are of {here}")
    size = hints.rows // LIST_ROWS * BLOCK_BYTES
    if any(len(run.masked) != size for run in asked.runs):
        raise MalformedMessage(f"masked must be {size} bytes in this list version")


def begin(
    asked: Begin,
    hints: HintList,
    dealt: Sequence[DealtKeyholder],
    secrets: Sequence[bytes],
    threads: int = 2,
    spent: Collection[int] = (),
) -> tuple[bytes, Kept]:
    """The reply `homomorphic_begun`, and what to keep.

    dealt: one a run, in order, erased from the stock already. secrets: the keyholder's 96-byte HPKE
    secrets, newest first. spent: serials of the runs whose query was run often enough; they are
    told so, and their material is used up all the same. Raises MalformedMessage, OtherListVersion,
    OtherMaterial, TooFewRows, AlreadySpent.
    """
    require_fit(asked, hints)
    mode = hints.parameters.mode
    if [each.serial for each in dealt] != [run.serial for run in asked.runs]:
        raise OtherMaterial("the material at hand is of other serials")
    if any(each.mode is not mode for each in dealt):
        raise OtherMaterial("the material at hand is of another mode than the epoch's")
    replies: list[Value] = []
    notes: dict[int, Note] = {}
    for run, each in zip(asked.runs, dealt, strict=True):
        half = each.spend()
        half.expansion.require(hints.rows)
        head: dict[str, Value] = {"serial": wire.serial_bytes(run.serial)}
        if run.serial in spent:
            replies.append({**head, "outcome": wire.SPENT, **zeros(half, hints.rows)})
            continue
        distances = _masked_distances(run, hints, secrets, threads)
        if distances is None:
            replies.append({**head, "outcome": wire.MISMATCH, **zeros(half, hints.rows)})
            continue
        values, note = begun(half, distances)
        notes[run.serial] = note
        replies.append({**head, "outcome": wire.GOING_ON, **values})
    reply = wire.BEGUN.encode({"version": wire.VERSION, "runs": replies})
    return reply, Kept(asked.runs[0].serial, notes, hints.parameters.names_entry)


def finish(body: bytes, kept: Kept) -> bytes:
    """The reply `homomorphic_finished` to a `homomorphic_finish`.

    Raises MalformedMessage, OtherMaterial, AlreadySpent.
    """
    runs = wire.nested(wire.decode(wire.FINISH, body), "runs")
    if tuple(wire.serial(each) for each in runs) != kept.serials:
        raise OtherMaterial("what was kept is of other serials")
    notes = kept.spend()
    replies: list[Value] = [
        {"serial": each["serial"], **notes[wire.serial(each)].finished(each, kept.named)}
        for each in runs
    ]
    return wire.FINISHED.encode({"version": wire.VERSION, "runs": replies})


def read_finish(body: bytes) -> tuple[int, ...]:
    """The serials that a `homomorphic_finish` names. Raises MalformedMessage."""
    runs = wire.nested(wire.decode(wire.FINISH, body), "runs")
    return tuple(wire.serial(each) for each in runs)


def _masked_distances(
    run: Asked, hints: HintList, secrets: Sequence[bytes], threads: int
) -> U16Array | None:
    """(rows,) distances plus the provider's masks, modulo 512; None for a mismatch."""
    seed = sealing.opened_seed(run.capsule, run.commitment, secrets, hints.epoch)
    if seed is None:
        return None
    secret = secret_slots(seed)
    parts, start = [np.empty(0, np.uint16)], 0
    for segment in hints.segments:
        hidden = unmasking(segment.hint, secret, threads)
        living = hidden if segment.live.all() else hidden[segment.live]
        stop = start + len(living) * BLOCK_BYTES
        parts.append(opened(run.masked[start:stop], living))
        start = stop
    return np.concatenate(parts)
