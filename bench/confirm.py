"""One bit for a candidate: are two parties' 256-bit strings within 31 bits of each other?

Peer: `mpyc`, general secure computation in Python, as its own users run it: three parties on this
machine, of which any one alone learns nothing. Ours: two parties in two processes, and a dealer,
whose dealing is timed along with the rest, as is the opening of the seal, which the peer's parties
are spared. The two keep their secrets under other assumptions (no two of three collude, against:
the dealer colludes with neither), so this says what a purpose-built protocol saves, not which is
safer. Memory is spread over processes and not told.
"""

import atexit
import multiprocessing
import os
import random
import secrets
import subprocess
import sys
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO

from bench.rows import Row, compare
from softfall.options.confirm import custodian, dealer, device
from softfall.options.confirm.keys import make_keys
from softfall.options.confirm.material import DealtCustodian, DealtProvider
from softfall.options.confirm.provider import Confirming
from softfall.options.contract import Mismatch, ScanSecret

SEED = 31
DISTANCES_BITS = (0, 31, 32, 128)
KEYS = make_keys(bytes(32), "split", 1)


def rows() -> list[Row]:
    shares = [_shares(picture) for picture, _ in pairs()]
    row = compare(
        f"confirm {len(DISTANCES_BITS)} candidates, one bit each",
        peer="mpyc",
        ours=partial(_confirm_all, shares, _start_custodian()),
        theirs=partial(_ask_parties, _start_parties()),
        same=f"bits right at {', '.join(map(str, DISTANCES_BITS))}",
        differ=_differ,
    )
    return [replace(row, our_peak_bytes=None, peer_peak_bytes=None)]


def pairs() -> list[tuple[bytes, bytes]]:
    """Pictures and entries, so far apart; the same ones in every process."""
    source = random.Random(SEED)
    made = []
    for distance_bits in DISTANCES_BITS:
        picture = source.getrandbits(256)
        flips = sum(1 << bit for bit in source.sample(range(256), distance_bits))
        made.append((picture.to_bytes(32), (picture ^ flips).to_bytes(32)))
    return made


def _differ(ours: list[bool], theirs: list[bool]) -> str:
    right = [distance_bits <= 31 for distance_bits in DISTANCES_BITS]
    return "" if ours == theirs == right else f"{ours}, {theirs}, and right is {right}"


def _shares(picture: bytes) -> bytes:
    secret = ScanSecret(bytes(32), "split", 1)
    return device.make_shares(picture, secret, secret.key(picture), KEYS.public).body


def _confirm_all(shares: list[bytes], to_custodian: Connection) -> list[bool]:
    bits = []
    for entry, each in enumerate(shares):
        dealt = dealer.deal(entry, secrets.token_bytes)
        asking = Confirming(DealtProvider.decode(dealt.provider), each, "split", 1, entry)
        to_custodian.send_bytes(dealt.custodian)
        to_custodian.send_bytes(asking.begin())
        gone_on = asking.go_on(to_custodian.recv_bytes())
        assert not isinstance(gone_on, Mismatch)
        to_custodian.send_bytes(gone_on)
        bits.append(asking.bit(to_custodian.recv_bytes()))
    return bits


def _start_custodian() -> Connection:
    ours, theirs = multiprocessing.Pipe()
    multiprocessing.Process(target=_be_custodian, args=(theirs,), daemon=True).start()
    return ours


def _be_custodian(to_provider: Connection) -> None:
    entries = [entry for _, entry in pairs()]
    while True:
        dealt = DealtCustodian.decode(to_provider.recv_bytes())
        body = to_provider.recv_bytes()
        begun, kept = custodian.begin(body, dealt, KEYS, entries[custodian.read(body).entry])
        assert kept is not None
        to_provider.send_bytes(begun)
        finish = to_provider.recv_bytes()
        to_provider.send_bytes(custodian.finish(finish, custodian.Kept.decode(kept)))


def _start_parties() -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "bench.peers.mpyc_parties", "-M3", "--no-log"]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        # The first party starts the others by their file's path, so they look for us here.
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
    )
    atexit.register(_end, process)
    return process


def _ask_parties(parties: "subprocess.Popen[str]") -> list[bool]:
    asking, answering = _streams(parties)
    asking.write("go\n")
    asking.flush()
    return [bit == "1" for bit in answering.readline().split()]


def _end(parties: "subprocess.Popen[str]") -> None:
    asking, _ = _streams(parties)
    asking.write("stop\n")
    asking.close()
    parties.wait(30)


def _streams(process: "subprocess.Popen[str]") -> tuple[IO[str], IO[str]]:
    assert process.stdin is not None
    assert process.stdout is not None
    return process.stdin, process.stdout
