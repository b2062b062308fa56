"""What the homomorphic peers share: the list and hash they read, the words they hear and say.

Run as `python SCRIPT FOLDER`: FOLDER has rows.bin (32 bytes an entry, a whole number of groups) and
hash.bin. Standard output: one line of JSON once ready; then, for each line on standard input, the
milliseconds of one pass, whose distances are written to FOLDER/distances.json. Plain Python, since
one of the peers needs an older one, without this project's libraries.
"""

import json
import os
import pathlib
import sys
import time


def groups(rows, slots):
    """Columns of signs, 256 lists a group of `slots` entries: 1 for a 0, -1 for a 1."""
    for start in range(0, len(rows), slots):
        own = [bits_of(row) for row in rows[start : start + slots]]
        yield [[1 - 2 * bits[column] for bits in own] for column in range(256)]


def bits_of(octets):
    whole = int.from_bytes(octets, "big")
    return [whole >> (255 - place) & 1 for place in range(256)]


def serve(kind):
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints is no answer
    folder = pathlib.Path(sys.argv[1])
    packed = (folder / "rows.bin").read_bytes()
    rows = [packed[start : start + 32] for start in range(0, len(packed), 32)]
    start = time.perf_counter()
    peer = kind(rows, bits_of((folder / "hash.bin").read_bytes()))
    told = {
        "version": peer.version,
        "security": peer.security,
        "slots": peer.slots,
        "query_bytes": peer.query_bytes,
        "prepared_seconds": time.perf_counter() - start,
    }
    print(json.dumps(told), file=answers, flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        found = peer.distances()
        print((time.perf_counter() - start) * 1000, file=answers, flush=True)
        (folder / "distances.json").write_text(json.dumps(found))
