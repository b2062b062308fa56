"""One picture in, one `hashed` message out, and the end of the process.

Guarantees: nothing of the picture is read before the process is confined (sandbox.py); whatever the
file is, the answer is one message or none; nothing is kept, logged or sent.
Refuses: files over the limits, and whatever media/decode.py refuses, with its reason in the answer.
"""

import os
from collections.abc import Callable, Sequence

from softfall.config import MediaLimits
from softfall.errors import SoftfallError
from softfall.hasher.sandbox import STDIN, STDOUT, Bounds, lock_down
from softfall.media.decode import decode
from softfall.media.hashed import Hashed, Refused, encode, encode_asked
from softfall.media.pdq import PdqHash, Unhashable, plain_pdq
from softfall.media.pdq_oracle import PixelArray
from softfall.media.query import query_hashes

_BLOCK_BYTES = 1 << 20

Measure = Callable[[PixelArray], PdqHash | Unhashable]


def main(arguments: Sequence[str], measure: Measure = plain_pdq) -> int:
    """arguments: largest file (bytes), largest picture (pixels), memory (bytes), CPU (seconds).

    measure: `pdq` where its kernels are loaded; plain numpy, which needs no file, where they are
    not: a confined process opens none.
    Returns the exit status: 0 once the answer is written, whatever it says.
    """
    file_bytes, pixels, memory_bytes, cpu_seconds = map(int, arguments)
    limits = MediaLimits(max_file_bytes=file_bytes, max_pixels=pixels)
    try:
        lock_down(Bounds(memory_bytes, cpu_seconds))
        answer: Hashed = measure(decode(read_picture(file_bytes), limits).pixels)
    except SoftfallError as error:
        answer = Refused(f"{error.name}: {error.what}")
    except MemoryError:
        answer = Refused("the picture does not fit in the hasher's memory")
    write_answer(encode(answer))
    return 0


def main_of_lookups(arguments: Sequence[str]) -> int:
    """As `main`, but answers `asked_of_picture`: both hashes where the picture has borders.

    For a process whose kernels are loaded.
    """
    file_bytes, pixels, memory_bytes, cpu_seconds = map(int, arguments)
    limits = MediaLimits(max_file_bytes=file_bytes, max_pixels=pixels)
    answers: list[Hashed]
    try:
        lock_down(Bounds(memory_bytes, cpu_seconds))
        asked = query_hashes(read_picture(file_bytes), limits)
        answers = [each.found for each in asked.hashes]
    except SoftfallError as error:
        answers = [Refused(f"{error.name}: {error.what}")]
    except MemoryError:
        answers = [Refused("the picture does not fit in the hasher's memory")]
    write_answer(encode_asked(answers))
    return 0


def write_answer(body: bytes) -> None:
    """The whole message to standard output."""
    while body:
        body = body[os.write(STDOUT, body) :]


def read_picture(max_bytes: int) -> bytes:
    """Standard input to its end, but never more than one block over `max_bytes`."""
    parts, size_bytes = list[bytes](), 0
    while size_bytes <= max_bytes:
        part = os.read(STDIN, _BLOCK_BYTES)
        if not part:
            break
        parts.append(part)
        size_bytes += len(part)
    return b"".join(parts)
