"""The parts of the plaintext search: its finder against an oracle, and what it can look into."""

import base64
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.compare import haystack, needles
from tests.compare.finder import SPAN_BYTES, Finder, find_plainly
from tests.compare.haystack import CHUNK_BYTES

FEW = st.sampled_from(b"\0\1ab")
BODIES = st.lists(FEW, max_size=200).map(bytes)
NEEDLES = st.lists(
    st.lists(FEW, min_size=SPAN_BYTES, max_size=40).map(bytes), min_size=1, max_size=8
)
OVERLAP_BYTES = 64

KEEPER = """
import mmap, os, sys, tempfile
secret = bytes.fromhex(sys.stdin.readline())
heap = b"x" * 4099 + secret
mapped = mmap.mmap(-1, 10_000_000)
mapped[4_194_300 : 4_194_300 + len(secret)] = secret
deleted = tempfile.TemporaryFile()
deleted.write(secret)
deleted.flush()
child = os.fork()
if child == 0:
    sys.stdin.read()
    os._exit(0)
print(child, flush=True)
sys.stdin.read()
"""


@given(NEEDLES, BODIES, st.data())
def test_the_finder_finds_what_the_oracle_finds(
    wanted: list[bytes], body: bytes, data: st.DataObject
) -> None:
    for needle in data.draw(st.lists(st.sampled_from(wanted), max_size=4)):
        at = data.draw(st.integers(0, len(body)))
        body = body[:at] + needle + body[at:]
    assert sorted(Finder(wanted).find(body)) == sorted(find_plainly(wanted, body))


def test_a_needle_too_short_for_every_alignment_is_refused() -> None:
    with pytest.raises(ValueError, match="every alignment"):
        Finder([b"123456"])


@pytest.mark.parametrize("skipped", range(3))
def test_base64_is_found_wherever_in_it_the_octets_begin(skipped: int) -> None:
    octets = os.urandom(32)
    told = base64.b64encode(os.urandom(skipped + 30) + octets + os.urandom(7))
    wanted = [needle.body for needle in needles.written("x", "x", octets)]
    assert any(body in told for body in wanted)


@pytest.fixture
def keeper() -> Iterator[tuple[subprocess.Popen[bytes], bytes]]:
    """A process, with a child, that holds a secret in memory and in a deleted file."""
    secret = os.urandom(32)
    with subprocess.Popen(
        [sys.executable, "-c", KEEPER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdin is not None
        process.stdin.write(secret.hex().encode() + b"\n")
        process.stdin.flush()
        yield process, secret
        process.stdin.close()


def test_memory_and_deleted_files_of_a_process_and_its_children_are_looked_into(
    keeper: tuple[subprocess.Popen[bytes], bytes], tmp_path: Path
) -> None:
    process, secret = keeper
    assert process.stdout is not None
    child = int(process.stdout.readline())
    pids = haystack.session(process.pid)
    assert pids == sorted([process.pid, child])
    if why := haystack.why_unreadable(process.pid):
        pytest.skip(why)
    finder = Finder([secret])
    with haystack.standing_still(pids):
        for pid in pids:
            pieces = list(haystack.memory(pid, OVERLAP_BYTES))
            assert [piece.unread for piece in pieces if piece.unread] == []
            hits = [piece.place for piece in pieces for _ in finder.find(piece.body)]
            assert len(hits) > 1  # in the heap, and across the end of a chunk in a mapping
        opened = list(haystack.open_files(pids, tmp_path, OVERLAP_BYTES))
    hits = [piece.place for piece in opened for _ in finder.find(piece.body)]
    assert len(hits) == 2
    assert all(place.endswith("(deleted)") for place in hits)


def test_a_needle_across_two_chunks_of_a_file_is_found(tmp_path: Path) -> None:
    secret = os.urandom(32)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_bytes(bytes(CHUNK_BYTES - 13) + secret + bytes(99))
    (tmp_path / "empty").touch()
    (tmp_path / "elsewhere").symlink_to("/etc/hosts")
    pieces = list(haystack.files_below(tmp_path, OVERLAP_BYTES))
    assert {piece.place for piece in pieces} == {"folder/file"}
    assert sum(len(p.body) - p.repeated_bytes for p in pieces) == CHUNK_BYTES - 13 + 32 + 99
    assert [start for p in pieces for _, start in Finder([secret]).find(p.body)] != []


def test_what_can_not_be_read_is_told() -> None:
    with Path("/proc/self/mem").open("rb") as source:
        (piece,) = haystack._span(source.fileno(), 4096, 8192, "a hole", OVERLAP_BYTES)
    assert piece.body == b""
    assert piece.unread == "EIO at 0x1000 of 0x1000-0x2000"
