"""Every list entry within 31 bits of each query, at two sizes of list.

Peers: `threatexchange`'s two PDQ indexes, which platforms run today (both on faiss): the flat one,
and the multi-index one. All three are exact: they must return the same pairs; all use one thread.
The list is random balanced hashes; of 200 queries, half are entries with up to 31 bits flipped,
half are not listed.
"""

from functools import partial

import faiss
import numpy as np
from threatexchange.signal_type.pdq.pdq_faiss_matcher import PDQFlatHashIndex, PDQMultiHashIndex

from bench.hashes import RADIUS_BITS, balanced, flipped
from bench.rows import Row, compare
from softfall.lists.index.hamming import words
from softfall.lists.index.ring import RingIndex

ENTRIES = {"100k": 100_000, "1M": 1_000_000}
QUERIES = 200
FASTER_ROUNDS = 5
PEERS = {"flat": PDQFlatHashIndex, "multi": PDQMultiHashIndex}

Pairs = list[list[int]]


def rows() -> list[Row]:
    faiss.omp_set_num_threads(1)  # its threads would also not survive the fork that weighs memory
    return [row for name in ENTRIES for row in _rows_of(name, ENTRIES[name])]


def _rows_of(name: str, entries: int) -> list[Row]:
    rng = np.random.default_rng(1)
    listed = balanced(rng, entries)
    queries = flipped(rng, listed[: QUERIES // 2]) + balanced(rng, QUERIES // 2)
    ours = RingIndex.build(words(listed))
    query_words = words(queries)
    made = []
    for kind, make in PEERS.items():
        theirs = make()
        theirs.add([pdq.hex() for pdq in listed], range(entries))
        made.append(
            compare(
                f"{QUERIES} searches among {name} entries",
                peer="threatexchange",
                ours=partial(_search, ours, query_words),
                theirs=partial(_search_theirs, theirs, [pdq.hex() for pdq in queries]),
                same=f"same entries found ({kind} index)",
                rounds=FASTER_ROUNDS,
            )
        )
    return made


def _search(index: RingIndex, queries: np.ndarray) -> Pairs:
    matches = index.search(queries, RADIUS_BITS)
    found: Pairs = [[] for _ in queries]
    for row, number in zip(matches.query_rows, matches.entry_numbers, strict=True):
        found[row].append(int(number))
    return found


def _search_theirs(index: PDQFlatHashIndex | PDQMultiHashIndex, queries: list[str]) -> Pairs:
    return [sorted(one) for one in index.search(queries, RADIUS_BITS, return_as_ids=True)]
