"""Work shared among threads: every block once, and no error lost."""

import threading

import pytest

from softfall.crypto.lattice.threads import aligned, share


@pytest.mark.parametrize("blocks", [0, 1, 63, 64, 128, 1000])
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_every_block_is_worked_on_once(blocks: int, threads: int) -> None:
    lock, seen = threading.Lock(), list[int]()

    def work(first: int, last: int) -> None:
        with lock:
            seen.extend(range(first, last))

    share(blocks, threads, work)
    assert sorted(seen) == list(range(blocks))


def test_an_error_of_any_part_is_raised() -> None:
    def work(first: int, last: int) -> None:
        if first:
            raise LookupError("the second part")

    with pytest.raises(LookupError):
        share(1000, 2, work)


def test_scratch_starts_at_a_cache_line() -> None:
    for size in (1, 7, 4096):
        assert aligned((size,), "i2").ctypes.data % 64 == 0
