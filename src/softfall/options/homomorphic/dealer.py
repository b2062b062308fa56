"""The dealer's half of `homomorphic`: correlated randomness, made before there is any picture.

Guarantees: either half alone is uniform, so it tells its holder nothing of the other; together they
serve one query. The dealer takes no input but a serial, a mode, a number of rows, and random bytes,
and sees nothing of any message, ever. Until the keyholder fetches its half, two seeds are all that
must be kept of it; it is then made in pieces, in little memory (permuted: 20 bytes a row).
Limits: a dealer that keeps what it dealt and joins with the provider opens every distance of the
query (whoever has the list then knows the picture's hash); joined with the keyholder, the same. It
must be independent of both, and it erases each half once handed out (`dealer/`).
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from softfall.crypto import comparing, shuffling
from softfall.crypto.columns import U64Array, octets, packed
from softfall.crypto.comparing import Tables, Triple
from softfall.crypto.equality import addend_for
from softfall.options.dealt import SEED_BYTES, Stream, serial_bytes
from softfall.options.homomorphic import dealt_wire, material
from softfall.options.homomorphic.material import Expansion, OneBitProvider, PermutedProvider
from softfall.options.homomorphic.parameters import Mode


class Seeds(NamedTuple):
    """All that the dealer keeps of a serial: two independent seeds of 32 bytes."""

    provider: bytes
    keyholder: bytes


class Dealt(NamedTuple):
    """One serial's two halves, encoded."""

    provider: bytes
    keyholder: bytes


def draw(random_bytes: Callable[[int], bytes]) -> Seeds:
    """Fresh seeds. random_bytes(n): n fresh bytes from the system's source; 64 are drawn."""
    return Seeds(random_bytes(SEED_BYTES), random_bytes(SEED_BYTES))


def provider_half(serial: int, mode: Mode, rows: int, seeds: Seeds) -> bytes:
    """`dealt_homomorphic_provider`. Raises MalformedMessage for what is out of range."""
    head = dealt_wire.head(serial_bytes(serial), mode, rows)
    return dealt_wire.DEALT_PROVIDER.encode({**head, "seed": seeds.provider})


def keyholder_half(serial: int, mode: Mode, rows: int, seeds: Seeds) -> Iterator[bytes]:
    """`dealt_homomorphic_keyholder`, in pieces. Raises MalformedMessage for what is out of range.

    Its whole size is `keyholder_half_bytes`.
    """
    own = Expansion("keyholder", mode, rows, serial, seeds.keyholder)
    theirs = Expansion("provider", mode, rows, serial, seeds.provider)
    yield _beginning(own, theirs)
    if mode is Mode.PERMUTED:
        half = PermutedProvider(theirs).shuffling()
        yield packed(shuffling.completing(half, material.taken_off(own)))
    else:
        yield from _one_bit_parts(own, theirs)


def keyholder_half_bytes(serial: int, mode: Mode, rows: int) -> int:
    """The size of a keyholder's half, encoded."""
    nobodys = Expansion("nobody", mode, rows, serial, bytes(SEED_BYTES))
    return len(_beginning(nobodys, nobodys)) + dealt_wire.columns_bytes(mode, rows)


def keyholder_stock(serials: Sequence[tuple[int, Seeds]], mode: Mode, rows: int) -> Iterator[bytes]:
    """`stock_homomorphic_keyholder` of some serials, in pieces; `keyholder_stock_bytes` in all."""
    yield dealt_wire.streamed_stock(len(serials))
    for serial, seeds in serials:
        yield dealt_wire.streamed_half(keyholder_half_bytes(serial, mode, rows))
        yield from keyholder_half(serial, mode, rows, seeds)


def keyholder_stock_bytes(serials: Sequence[tuple[int, Seeds]], mode: Mode, rows: int) -> int:
    """The size of `keyholder_stock`."""
    sizes = [keyholder_half_bytes(serial, mode, rows) for serial, _ in serials]
    heads = sum(len(dealt_wire.streamed_half(size)) for size in sizes)
    return len(dealt_wire.streamed_stock(len(sizes))) + heads + sum(sizes)


def deal(serial: int, mode: Mode, rows: int, random_bytes: Callable[[int], bytes]) -> Dealt:
    """Both halves of one serial (0 to 2^63 - 1, never used before by this dealer or another).

    rows: 1 to 2^24, how many the list may have. Raises MalformedMessage for what is out of range.
    """
    seeds = draw(random_bytes)
    return Dealt(
        provider_half(serial, mode, rows, seeds),
        b"".join(keyholder_half(serial, mode, rows, seeds)),
    )


def load() -> None:
    """Find or compile what both modes take now, so that nobody who fetches waits for it."""
    seeds = Seeds(bytes(SEED_BYTES), bytes(SEED_BYTES))
    for mode in Mode:
        b"".join(keyholder_half(0, mode, 1, seeds))


def _beginning(own: Expansion, theirs: Expansion) -> bytes:
    """The keyholder's message, up to its columns."""
    equality = b""
    if own.mode is Mode.ONE_BIT:
        half = OneBitProvider(theirs)
        addend = addend_for(half.asking, material.keyholder_factor(own))
        equality = half.digest_key + addend
    head = dealt_wire.head(serial_bytes(own.serial), own.mode, own.capacity)
    fields = {**head, "seed": own.seed, "equality": equality}
    return dealt_wire.streamed(fields, own.mode, own.capacity)


def _one_bit_parts(own: Expansion, theirs: Expansion) -> Iterator[bytes]:
    """The keyholder's columns, part by part: every stream is read along."""
    names = Triple._fields
    our_masks, their_masks = own.stream("mask"), theirs.stream("mask")
    ours = [own.stream(name) for name in names[:2]]
    given = [theirs.stream(name) for name in names]
    spans = comparing.parts(own.capacity)
    for (start, stop), tables in zip(spans, theirs.tables(own.capacity), strict=True):
        rows = stop - start
        left, right = _planes(ours, rows)
        completed, product = comparing.complete(
            material.residues(their_masks, rows),
            material.residues(our_masks, rows),
            tables,
            Triple(*_planes(given, rows)),
            Triple(left, right, left),
        )
        yield _laid_out(completed) + octets(product)


def _planes(streams: list[Stream], rows: int) -> list[U64Array]:
    return [material.drawn_plane(stream, rows) for stream in streams]


def _laid_out(tables: Tables) -> bytes:
    return tables.below.tobytes() + tables.equal.tobytes()
