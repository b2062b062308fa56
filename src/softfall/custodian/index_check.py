"""Comparing an index with the store that it was built from, entry by entry.

Guarantees: the two are compared at one and the same revision of the list, hash by hash and number
by number; so nothing is taken for granted that the index file or the change feed says. An index of
another list differs, whatever it holds.
Takes 80 bytes an entry of memory, twice.
"""

import numpy as np

from softfall.custodian.feed import FeedReader, Progress
from softfall.custodian.index_file import Followed
from softfall.errors import OperatorError, UnavailableError
from softfall.lists.index.hamming import I64Array, U64Array
from softfall.lists.index.live import LiveIndex
from softfall.lists.index.scan import Scan

_TRIES = 100


class IndexDiffers(OperatorError):
    """The index does not hold what the store holds."""

    remedy = (
        "Stop what searches the list and remove index/list.index from the custodian's data folder: "
        "it is built again. Then have the machine's memory and disk checked."
    )


class ListTooBusy(UnavailableError):
    """The list changes faster than it can be compared."""

    remedy = "Try again when nothing is being imported."


def compare(followed: Followed, feed: FeedReader, progress: Progress | None = None) -> int:
    """How many entries both hold, where they are the same. Raises IndexDiffers, ListTooBusy."""
    listed = feed.listed(progress)
    store = Followed(
        LiveIndex(Scan(listed.hashes, listed.numbers)), listed.position, listed.position, 0, None
    )
    del listed
    for _ in range(_TRIES):
        store, followed = _on(store, feed), _on(followed, feed)
        if store.position == followed.position:
            break
    else:
        raise ListTooBusy("the list has changed again and again while it was compared")
    ours, theirs = _in_order(*followed.live.merged()), _in_order(*store.live.merged())
    if len(ours[1]) != len(theirs[1]):
        raise IndexDiffers(f"the index has {len(ours[1])} entries, the store {len(theirs[1])}")
    unlike = (ours[1] != theirs[1]) | (ours[0] != theirs[0]).any(axis=1)
    if unlike.any():
        raise IndexDiffers(f"{int(unlike.sum())} entries of the index are not those of the store")
    return len(ours[1])


def _on(followed: Followed, feed: FeedReader) -> Followed:
    after = followed.on(feed)
    if isinstance(after, Followed):
        return after
    if after.of_another:
        raise IndexDiffers(after.reason)
    raise ListTooBusy(f"the list could not be followed: {after.reason}")


def _in_order(hashes: U64Array, numbers: I64Array) -> tuple[U64Array, I64Array]:
    order = np.argsort(numbers, kind="stable")
    return hashes[order], numbers[order]
