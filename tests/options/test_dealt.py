"""What serves once serves once; streams never meet."""

import copy
import pickle
import threading

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from softfall.options.dealt import (
    MAX_SERIAL,
    AlreadySpent,
    Once,
    Stream,
    serial_bytes,
    serial_of,
    stream_key,
)
from softfall.wire import MalformedMessage

KEY = bytes(range(32))


def drawn(stream: Stream, *sizes: int) -> bytes:
    pieces = []
    for size in sizes:
        piece = bytearray(size)
        stream.fill(memoryview(piece))
        pieces.append(bytes(piece))
    return b"".join(pieces)


def test_a_value_is_handed_out_once_whoever_asks() -> None:
    once = Once(7, "value")
    got: list[str] = []
    refused = []

    def ask() -> None:
        try:
            got.append(once.spend())
        except AlreadySpent as error:
            refused.append(error.what)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == ["value"]
    assert refused == ["serial 7 is spent"] * 7


def test_what_serves_once_has_no_copies() -> None:
    once = Once(7, "value")
    for copied in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="no copies"):
            copied(once)
    assert "value" not in repr(once)


def test_a_stream_is_aes_in_counter_mode_however_it_is_cut() -> None:
    plain = Cipher(algorithms.AES256(KEY), modes.CTR(bytes(16))).encryptor().update(bytes(200_000))
    assert drawn(Stream(KEY), 200_000) == plain
    assert drawn(Stream(KEY), 1, 65_536, 0, 65_537, 68_926) == plain


def test_streams_differ_in_purpose_serial_and_seed() -> None:
    keys = {
        stream_key(purpose, serial, seed)
        for purpose in (b"", b"a", b"b", b"|a")
        for serial in (0, 1, 2**32, MAX_SERIAL)
        for seed in (bytes(32), KEY)
    }
    assert len(keys) == 4 * 4 * 2


@pytest.mark.parametrize("serial", [-1, MAX_SERIAL + 1])
def test_a_serial_out_of_range_is_refused(serial: int) -> None:
    with pytest.raises(MalformedMessage):
        serial_bytes(serial)
    with pytest.raises(MalformedMessage):
        stream_key(b"a", serial, KEY)


def test_a_serial_comes_back_and_one_above_the_largest_is_refused() -> None:
    assert serial_of(serial_bytes(MAX_SERIAL)) == MAX_SERIAL
    with pytest.raises(MalformedMessage):
        serial_of(b"\x80" + bytes(7))
