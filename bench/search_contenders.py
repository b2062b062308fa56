"""Who is asked for near hashes by `search`, each as its users ask it: with the hash in hexadecimal.

Ours turns it into words, the peers into bytes; all give entry numbers back.
The data: `listed.npy` and `queries.npy`, (N, 4) uint64 words, the most significant first.
"""

from itertools import pairwise
from pathlib import Path

import numpy as np

from softfall.lists.index.hamming import HammingIndex, Matches, U64Array, words
from softfall.lists.index.ring import RingIndex
from softfall.lists.index.scan import VectorScan

RADIUS_BITS = 31
PDQ_BYTES = 32


class _Contender:
    def __init__(self, folder: Path) -> None:
        self.listed: U64Array = np.load(folder / "listed.npy")
        queries: U64Array = np.load(folder / "queries.npy")
        self.asked = [row.astype(">u8").tobytes().hex() for row in queries]


class _Ours(_Contender):
    index: HammingIndex

    def one(self, query: int) -> list[int]:
        asked = words([bytes.fromhex(self.asked[query])])
        found: list[int] = self.index.search(asked, RADIUS_BITS).entry_numbers.tolist()
        return found

    def many(self, first: int, count: int) -> list[list[int]]:
        asked = words([bytes.fromhex(each) for each in self.asked[first : first + count]])
        return by_query(self.index.search(asked, RADIUS_BITS), count)


class Ring(_Ours):
    def build(self) -> None:
        self.index = RingIndex.build(self.listed)


class Pass(_Ours):
    def build(self) -> None:
        self.index = VectorScan(self.listed)


class ThreatExchange(_Contender):
    def build(self) -> None:
        from threatexchange.signal_type.pdq.pdq_index import PDQIndex

        raw = self.listed.astype(">u8").tobytes()
        starts = range(0, len(raw), PDQ_BYTES)
        self.index = PDQIndex(
            (raw[start : start + PDQ_BYTES].hex(), number) for number, start in enumerate(starts)
        )

    def one(self, query: int) -> list[int]:
        return [match.metadata for match in self.index.query(self.asked[query])]

    def many(self, first: int, count: int) -> list[list[int]]:
        asked = self.asked[first : first + count]
        found: list[list[int]] = self.index.index.search(asked, RADIUS_BITS, return_as_ids=True)
        return found


class Flat(_Contender):
    def build(self) -> None:
        import faiss

        self.index = faiss.IndexBinaryFlat(8 * PDQ_BYTES)
        self.index.add(self.listed.astype(">u8").view(np.uint8).reshape(-1, PDQ_BYTES))

    def one(self, query: int) -> list[int]:
        return self.many(query, 1)[0]

    def many(self, first: int, count: int) -> list[list[int]]:
        joined = b"".join(map(bytes.fromhex, self.asked[first : first + count]))
        asked = np.frombuffer(joined, np.uint8).reshape(count, PDQ_BYTES)
        limits, _, found = self.index.range_search(asked, RADIUS_BITS + 1)
        return cut(found.tolist(), limits.tolist())


def by_query(matches: Matches, count: int) -> list[list[int]]:
    """Entry numbers for each query."""
    borders = np.searchsorted(matches.query_rows, np.arange(count + 1))
    return cut(matches.entry_numbers.tolist(), borders.tolist())


def cut(found: list[int], borders: list[int]) -> list[list[int]]:
    """The parts between the borders."""
    return [found[begin:end] for begin, end in pairwise(borders)]
