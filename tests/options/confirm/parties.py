"""Both parties and the dealer in one process, over bytes alone."""

import random
from dataclasses import dataclass, field

from softfall.options.confirm import custodian, dealer, device
from softfall.options.confirm.keys import ConfirmKeys, make_keys
from softfall.options.confirm.material import DealtCustodian, DealtProvider
from softfall.options.confirm.provider import Confirming
from softfall.options.contract import Mismatch, ScanSecret

OPTION, EPOCH, ENTRY = "split", 7, 41
KEYS = make_keys(bytes(range(32)), OPTION, EPOCH)


@dataclass
class Transcript:
    """Every byte that passed; `shares` came with the submission."""

    shares: bytes = b""
    dealt_provider: bytes = b""
    dealt_custodian: bytes = b""
    begin: bytes = b""
    begun: bytes = b""
    finish: bytes = b""
    finished: bytes = b""
    outcome: bool | Mismatch = field(default_factory=lambda: Mismatch("not run"))


def random_hash(source: random.Random) -> bytes:
    return source.randbytes(32)


def at_distance(hash_bits: bytes, distance_bits: int, source: random.Random) -> bytes:
    """A hash that differs in exactly so many bits, chosen at random."""
    flips = 0
    for bit in source.sample(range(256), distance_bits):
        flips |= 1 << bit
    return (int.from_bytes(hash_bits, "big") ^ flips).to_bytes(32, "big")


def shares_of(hash_bits: bytes, attachment_key: bytes = b"k" * 32) -> device.Shares:
    secret = ScanSecret(attachment_key, OPTION, EPOCH)
    return device.make_shares(hash_bits, secret, secret.key(hash_bits), KEYS.public)


def confirm(
    shares: bytes,
    entry_hash: bytes,
    source: random.Random,
    keys: ConfirmKeys = KEYS,
) -> Transcript:
    """One confirm from end to end, with material dealt for it."""
    told = Transcript(shares)
    told.dealt_provider, told.dealt_custodian = dealer.deal(
        source.getrandbits(63), source.randbytes
    )
    confirming = Confirming(DealtProvider.decode(told.dealt_provider), shares, OPTION, EPOCH, ENTRY)
    told.begin = confirming.begin()
    material = DealtCustodian.decode(told.dealt_custodian)
    told.begun, kept = custodian.begin(told.begin, material, keys, entry_hash)
    gone_on = confirming.go_on(told.begun)
    if isinstance(gone_on, Mismatch):
        assert kept is None
        told.outcome = gone_on
        return told
    told.finish = gone_on
    assert kept is not None
    told.finished = custodian.finish(told.finish, custodian.Kept.decode(kept))
    told.outcome = confirming.bit(told.finished)
    return told
