"""What one party alone sees of a confirm is the same whatever the picture: a test of many runs.

Two pictures, one entry. Each is confirmed many times, with fresh keys and fresh material, and
everything that one party held, sent and received is written down, with what it can work out from
it. If a view depends on the picture, some place in it is distributed otherwise for one picture than
for the other: each place is compared by a chi-square test of two samples. Leaks that are planted,
down to one mask byte of 256 that is even three times out of four, show that the test would see one.

The threshold: with 15 degrees of freedom chi-square exceeds 90 by chance about once in 10^12; there
are about 10^4 places. Seals are random anew in each run, everything else is drawn from fixed seeds.
"""

import functools
import random
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from softfall.crypto import hpke, truth_table
from softfall.crypto import shares as sharing
from softfall.options.confirm import keys, material, wire
from softfall.options.confirm.material import DealtCustodian, DealtProvider, Half
from tests.options.confirm.parties import (
    EPOCH,
    KEYS,
    OPTION,
    Transcript,
    at_distance,
    confirm,
    shares_of,
)

RUNS = 1000
PLANTED_RUNS = 300
LIMIT = 90.0
ENTRY_HASH = random.Random(5).randbytes(32)

View = Callable[[Transcript], bytes]
Places = npt.NDArray[np.uint8]


def held(half: Half) -> bytes:
    """A party's dealt material, laid out."""
    head = bytes([half.product.share]) + half.table.rotation.to_bytes(2, "big")
    return head + half.product.mask + half.table.table


def numbers(*values: int) -> bytes:
    return b"".join((value % 512).to_bytes(2, "big") for value in values)


def opened_of(told: Transcript) -> int:
    begun, finish = wire.CONFIRM_BEGUN.decode(told.begun), wire.CONFIRM_FINISH.decode(told.finish)
    return truth_table.opened(wire.rotated(begun), wire.rotated(finish))


def worked_out(told: Transcript, half: Half, own: bytes, received: bytes, share: int) -> bytes:
    """What a party can make of its own string, its material and the other's messages."""
    opened = opened_of(told)
    parities = np.packbits(np.frombuffer(received, np.uint8) & 1).tobytes()
    return sharing.xor(parities, own) + numbers(
        opened,
        opened - half.table.rotation,
        share,
        sum(received),
        int.from_bytes(own).bit_count(),
        half.table.look_up(opened),
    )


def provider_view(told: Transcript) -> bytes:
    """All that the provider holds and works out, but for the bit itself."""
    half = DealtProvider.decode(told.dealt_provider).spend()
    x_p = wire.octets(wire.CONFIRM_SHARES.decode(told.shares), "x_p")
    received = wire.octets(wire.CONFIRM_BEGUN.decode(told.begun), "masked")
    share = sharing.first_share(x_p, half.product, received)
    messages = told.shares + told.begin + told.begun + told.finish + told.finished
    return messages + held(half) + worked_out(told, half, x_p, received, share)


def custodian_view(told: Transcript) -> bytes:
    """All that the custodian holds and works out, the share that it opened among it."""
    half = DealtCustodian.decode(told.dealt_custodian).spend()
    asked = wire.CONFIRM_BEGIN.decode(told.begin)
    info = keys.seal_info(OPTION, EPOCH)
    share_key = hpke.unseal(wire.octets(asked, "sealed"), KEYS.secret, info)
    compared = sharing.xor(keys.custodian_share(share_key), ENTRY_HASH)
    received = wire.octets(asked, "masked")
    share = sharing.second_share(compared, half.product, received)
    messages = told.begin + told.begun + told.finish + told.finished + share_key
    return messages + held(half) + worked_out(told, half, compared, received, share)


VIEWS: dict[str, View] = {"provider": provider_view, "custodian": custodian_view}


def transcripts(distance_bits: int, runs: int) -> list[Transcript]:
    """One fixed picture, so far from the entry, confirmed again and again."""
    source = random.Random(1000 + distance_bits)
    picture = at_distance(ENTRY_HASH, distance_bits, source)
    return [
        confirm(shares_of(picture, source.randbytes(32)).body, ENTRY_HASH, source)
        for _ in range(runs)
    ]


@functools.cache
def sound_transcripts(distance_bits: int) -> list[Transcript]:
    made = transcripts(distance_bits, RUNS)
    assert all(told.outcome is (distance_bits <= 31) for told in made)
    return made


def places(told: list[Transcript], view: View) -> Places:
    """(runs, places) bytes: what one party saw."""
    return np.stack([np.frombuffer(view(one), np.uint8) for one in told])


def strongest_difference(left: Places, right: Places) -> float:
    """The largest two-sample chi-square over every half-byte of a view; 15 degrees of freedom."""
    worst = 0.0
    for shift in (0, 4):
        for mine, theirs in zip(left.T >> shift & 15, right.T >> shift & 15, strict=True):
            one, other = np.bincount(mine, minlength=16), np.bincount(theirs, minlength=16)
            seen = (one + other) > 0
            statistic = ((one - other)[seen] ** 2 / (one + other)[seen]).sum()
            worst = max(worst, float(statistic))
    return worst


@pytest.mark.parametrize("party", VIEWS)
@pytest.mark.parametrize(
    ("one", "other"),
    [(0, 30), (33, 256), (0, 256)],
    ids=["two within the radius", "two beyond it", "one within, one beyond"],
)
def test_one_partys_view_is_independent_of_the_picture(party: str, one: int, other: int) -> None:
    left, right = (
        places(sound_transcripts(distance_bits), VIEWS[party]) for distance_bits in (one, other)
    )
    assert left.shape == right.shape  # not even a size differs
    assert strongest_difference(left, right) < LIMIT


def test_both_views_together_would_tell() -> None:
    """So it is the split between two parties that hides the distance, as the limits say."""

    def together(told: Transcript) -> bytes:
        ours = DealtProvider.decode(told.dealt_provider).spend().table.rotation
        theirs = DealtCustodian.decode(told.dealt_custodian).spend().table.rotation
        return numbers(opened_of(told) - ours - theirs)

    left, right = (places(sound_transcripts(bits)[:100], together) for bits in (0, 30))
    assert strongest_difference(left, right) > LIMIT


Spoil = Callable[[bytes], bytes]
PROVIDER, CUSTODIAN = b"provider half", b"custodian half"


def zeros(start: int, end: int) -> Spoil:
    return lambda wide: wide[:start] + bytes(end - start) + wide[end:]


def one_byte_mostly_even(wide: bytes) -> bytes:
    return wide[:7] + bytes([wide[7] & 0xFE if wide[8] & 1 else wide[7]]) + wide[8:]


# Whose randomness is spoilt, how, and who would then learn of the picture. A provider's half
# expands to 256 mask bytes, a product share, two bytes of rotation; a custodian's lacks the second.
PLANTED: dict[str, tuple[bytes, Spoil, str]] = {
    "the provider's mask is zero": (PROVIDER, zeros(0, 256), "custodian"),
    "one mask byte of the provider's is even too often": (
        PROVIDER, one_byte_mostly_even, "custodian",
    ),
    "the provider's rotation is zero": (PROVIDER, zeros(257, 259), "custodian"),
    "the custodian's mask is zero": (CUSTODIAN, zeros(0, 256), "provider"),
    "one mask byte of the custodian's is even too often": (
        CUSTODIAN, one_byte_mostly_even, "provider",
    ),
    "the custodian's rotation is zero": (CUSTODIAN, zeros(256, 258), "provider"),
}  # fmt: skip


@pytest.mark.parametrize("planted", PLANTED)
def test_a_planted_leak_is_caught(planted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    label, spoil, party = PLANTED[planted]
    sound = material._expand

    def spoilt(named: bytes, serial: int, seed: bytes, size_bytes: int) -> bytes:
        wide = sound(named, serial, seed, size_bytes)
        return spoil(wide) if label in named else wide

    monkeypatch.setattr(material, "_expand", spoilt)
    left, right = (places(transcripts(bits, PLANTED_RUNS), VIEWS[party]) for bits in (0, 256))
    assert strongest_difference(left, right) > LIMIT
    monkeypatch.undo()
    left, right = (
        places(sound_transcripts(bits)[:PLANTED_RUNS], VIEWS[party]) for bits in (0, 256)
    )
    assert strongest_difference(left, right) < LIMIT
