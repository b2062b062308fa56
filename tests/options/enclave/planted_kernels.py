"""Scans with the very faults that the inspection and the timing of the real one must see."""

import numpy as np

from softfall.compiled.exported import array, exported

SIGNATURE = "void(uint64*, int64, uint64*, int64, uint64, uint64*)"


@exported(SIGNATURE)
def scan_that_stops(listed, rows, asked, query_count, radius_bits, found):  # type: ignore[no-untyped-def]
    """It ends at the first match, as a careless scan would."""
    entries, queries = array(listed, (rows, 4)), array(asked, (query_count, 4))
    near = array(found, (query_count,))
    for row in range(query_count):
        for i in range(rows):
            bits = np.uint64(0)
            for word in range(4):
                x = entries[i, word] ^ queries[row, word]
                while x:
                    x &= x - np.uint64(1)
                    bits += np.uint64(1)
            if bits <= radius_bits:
                near[row] = np.uint64(1)
                break


@exported(SIGNATURE)
def scan_that_notes(listed, rows, asked, query_count, radius_bits, found):  # type: ignore[no-untyped-def]
    """It reads all, but takes an index from what it read."""
    entries, queries = array(listed, (rows, 4)), array(asked, (query_count, 4))
    near = array(found, (query_count + 256,))
    for row in range(query_count):
        for i in range(rows):
            near[np.int64((entries[i, 0] ^ queries[row, 0]) & np.uint64(255))] += radius_bits


@exported(SIGNATURE)
def scan_that_may_fail(listed, rows, asked, query_count, radius_bits, found):  # type: ignore[no-untyped-def]
    """It raises where an entry is zero."""
    entries, near = array(listed, (rows, 4)), array(found, (query_count,))
    for i in range(rows):
        if entries[i, 0] == 0:
            raise ValueError("zero")
        near[0] += entries[i, 0]
