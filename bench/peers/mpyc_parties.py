"""The peer of `bench/confirm.py`: three MPyC parties; `python -m bench.peers.mpyc_parties -M3`.

Party 0 holds the pictures, party 1 the entries, party 2 nothing. For each line "go" that party 0
reads, all candidates are decided one after the other, and it writes their bits.
"""

import sys

from mpyc.runtime import mpc

from bench.confirm import pairs

BITS = 256
NUMBER = mpc.SecInt(10)  # holds a distance, and what comparing it needs


def bits_of(data: bytes) -> list[int]:
    value = int.from_bytes(data)
    return [value >> place & 1 for place in range(BITS)]


async def within(own: bytes, radius_bits: int) -> int | None:
    """The bit, at party 0; own: this party's string, whichever it holds."""
    mine, nothing = [NUMBER(bit) for bit in bits_of(own)], [NUMBER(None)] * BITS
    first = mpc.input(mine if mpc.pid == 0 else nothing, senders=0)
    second = mpc.input(mine if mpc.pid == 1 else nothing, senders=1)
    distance = mpc.sum(first) + mpc.sum(second) - 2 * mpc.in_prod(first, second)
    return await mpc.output(distance <= radius_bits, receivers=0)


async def main() -> None:
    own = [(picture, entry, entry)[mpc.pid] for picture, entry in pairs()]
    async with mpc:
        while await mpc.transfer(_told() if mpc.pid == 0 else None, senders=0):
            bits = [await within(each, 31) for each in own]
            if mpc.pid == 0:
                sys.stdout.write(" ".join(str(int(bit)) for bit in bits) + "\n")
                sys.stdout.flush()


def _told() -> bool:
    return sys.stdin.readline().strip() == "go"


if __name__ == "__main__":
    mpc.run(main())
