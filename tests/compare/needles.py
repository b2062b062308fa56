"""What a leak would look like: the forms in which words, pictures, hashes and keys could lie about.

Guarantees: each needle is long or random enough that it does not occur by chance; each says of what
it is (`of`), of which kind, and in which form.
Limits, said plainly: what is compressed, encrypted or drawn anew is not found, nor is a hash cut
into pieces of less than 8 bytes.
"""

import base64
import hashlib
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from softfall.media import pdq_oracle

TEXT, FILE, PIXELS, HASH, DIGEST, KEY = "text", "file", "pixels", "hash", "digest", "key"
SECRET_KINDS: Final = (TEXT, FILE, PIXELS, HASH, DIGEST, KEY)
SEALED, NAME = "ciphertext", "account name"  # what the provider is meant to see

WINDOW_BYTES: Final = 32
FILE_STEP_BYTES: Final = 256
PIXEL_STEP_BYTES: Final = 4096
_TEXT_FORMS_EVERY: Final = 8  # of a file's windows, every so many in hexadecimal and base64 too
_LEAST_DIFFERENT: Final = {FILE: 20, PIXELS: 12}  # bytes of a window; flat ones occur by chance
_LEAST_DIFFERENT_IN_WORD: Final = 6
_DIGIT_BITS: Final = 30  # of Python's own whole numbers


@dataclass(frozen=True, slots=True)
class Needle:
    """One byte string to look for. of: whose leak it would be."""

    of: str
    kind: str
    form: str
    body: bytes


def text_needles(of: str, text: str, marker: str) -> Iterator[Needle]:
    """Of a message's words: all of them, and the random word in them in every encoding."""
    assert marker in text
    for encoding in ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le"):
        yield Needle(of, TEXT, f"{encoding}, whole", text.encode(encoding))
        yield Needle(of, TEXT, encoding, marker.encode(encoding))
    yield from written(of, TEXT, marker.encode())


def picture_needles(of: str, file: bytes) -> Iterator[Needle]:
    """Of a photograph: its file, its digests, its pixels. Its hash: see `hash_needles`."""
    yield from digest_needles(of, file)
    windows = list(_windows(file[_first_octet(file) :], FILE, FILE_STEP_BYTES))
    yield from (Needle(of, FILE, "raw", window) for window in windows)
    for window in windows[::_TEXT_FORMS_EVERY]:
        yield from written(of, FILE, window)
    pixels = np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))
    for form, octets in _layouts(pixels):
        # Of a small one, too, there shall be a few windows.
        step_bytes = min(PIXEL_STEP_BYTES, len(octets) // 16)
        for window in _windows(octets, PIXELS, step_bytes):
            yield Needle(of, PIXELS, form, window)


def digest_needles(of: str, file: bytes) -> Iterator[Needle]:
    """Of a file's SHA-256 and MD5."""
    for name in ("sha256", "md5"):
        digest = hashlib.new(name, file, usedforsecurity=False).digest()
        yield Needle(of, DIGEST, f"{name} raw", digest)
        yield from written(of, DIGEST, digest, f"{name} ")


def key_needles(of: str, key: bytes) -> Iterator[Needle]:
    """Of a secret key."""
    yield Needle(of, KEY, "raw", key)
    yield from written(of, KEY, key)


def sealed_needles(of: str, body: bytes) -> Iterator[Needle]:
    """Of an encrypted file, as it is uploaded."""
    for window in _windows(body, FILE, FILE_STEP_BYTES):
        yield Needle(of, SEALED, "raw", window)


def name_needles(account: str) -> Iterator[Needle]:
    """Of an account's name, which has a random part."""
    yield Needle(account, NAME, "utf-8", account.encode())


def hash_needles(of: str, bits: bytes) -> Iterator[Needle]:
    """Of a 32-byte perceptual hash: whole in every byte and bit order, in writing, in words."""
    orders = dict(_orders(bits))
    for form, octets in orders.items():
        yield Needle(of, HASH, f"raw {form}", octets)
        yield Needle(of, HASH, f"hex {form}", octets.hex().encode())
    yield from written(of, HASH, bits)
    each_bit = np.unpackbits(np.frombuffer(bits, np.uint8))
    yield Needle(of, HASH, "a byte a bit", each_bit.tobytes())
    yield Needle(of, HASH, "0 and 1", (each_bit + ord("0")).astype(np.uint8).tobytes())
    whole = int.from_bytes(bits, "big")
    yield Needle(of, HASH, "Python's whole number", _python_digits(whole))
    yield Needle(of, HASH, "decimal", str(whole).encode())
    for form in ("8-byte words", "plain"):
        yield from _word_needles(of, form, orders[form])


def written(of: str, kind: str, octets: bytes, form: str = "") -> Iterator[Needle]:
    """The octets as text would hold them: hexadecimal, base64 wherever in it they begin."""
    yield Needle(of, kind, f"{form}hex", octets.hex().encode())
    yield Needle(of, kind, f"{form}HEX", octets.hex().upper().encode())
    for skipped in range(3):
        told = base64.b64encode(bytes(skipped) + octets)
        first, end = -(-8 * skipped // 6), 8 * (skipped + len(octets)) // 6
        body = told[first:end]
        yield Needle(of, kind, f"{form}base64 +{skipped}", body)
        for_urls = body.translate(bytes.maketrans(b"+/", b"-_"))
        if for_urls != body:
            yield Needle(of, kind, f"{form}base64url +{skipped}", for_urls)


def one_of_each(needles: Iterable[Needle]) -> list[Needle]:
    """The first needle of each kind and form."""
    first: dict[tuple[str, str], Needle] = {}
    for needle in needles:
        first.setdefault((needle.kind, needle.form), needle)
    return list(first.values())


def _orders(bits: bytes) -> Iterator[tuple[str, bytes]]:
    """A hash's bytes in words of every size turned round, each with its bits turned round too."""
    names = {1: "plain", 2: "2-byte words", 4: "4-byte words", 8: "8-byte words", 32: "reversed"}
    octets = np.frombuffer(bits, np.uint8)
    turned = np.packbits(np.unpackbits(octets), bitorder="little")
    for note, source in (("", octets), (", bits turned", turned)):
        for size, name in names.items():
            yield name + note, source.reshape(-1, size)[:, ::-1].tobytes()


def _word_needles(of: str, form: str, octets: bytes) -> Iterator[Needle]:
    for start in range(0, len(octets), 8):
        word = octets[start : start + 8]
        if len(set(word)) < _LEAST_DIFFERENT_IN_WORD:
            continue
        yield Needle(of, HASH, f"one word of {form}", word)
        number = int.from_bytes(word, "big")
        yield Needle(of, HASH, f"one word of {form}, decimal", str(number).encode())
        yield Needle(of, HASH, f"one word of {form}, Python's whole number", _python_digits(number))


def _python_digits(number: int) -> bytes:
    """A whole number as CPython keeps it: 30 bits in every 4 bytes, least significant first."""
    digits = bytearray()
    while number:
        digits += (number % 2**_DIGIT_BITS).to_bytes(4, "little")
        number >>= _DIGIT_BITS
    return bytes(digits)


def _layouts(pixels: npt.NDArray[np.uint8]) -> Iterator[tuple[str, bytes]]:
    """(H, W, 3) uint8 RGB as decoders, colour converters and PDQ itself lay pictures out."""
    opaque = np.full((*pixels.shape[:2], 1), 255, np.uint8)
    light = pdq_oracle.luminance(pixels)
    small = pdq_oracle.shrink(light)
    yield "RGB", pixels.tobytes()
    yield "BGR", pixels[:, :, ::-1].tobytes()
    yield "RGBA", np.concatenate((pixels, opaque), axis=2).tobytes()
    yield "planes", np.moveaxis(pixels, 2, 0).tobytes()
    yield "grey", np.asarray(Image.fromarray(pixels).convert("L")).tobytes()
    yield "luminance, float32", light.tobytes()
    yield "64x64, float32", small.tobytes()
    yield "DCT, float32", pdq_oracle.dct(small).tobytes()


def _windows(octets: bytes, kind: str, step_bytes: int) -> Iterator[bytes]:
    for start in range(0, len(octets) - WINDOW_BYTES, step_bytes):
        window = octets[start : start + WINDOW_BYTES]
        if len(set(window)) >= _LEAST_DIFFERENT[kind]:
            yield window


def _first_octet(file: bytes) -> int:
    """Where a file's own data begin, past headers, tables and profiles that others share."""
    for mark in (b"\xff\xda", b"IDAT"):  # JPEG's scan, PNG's data
        found = file.find(mark)
        if found >= 0:
            return found + 16
    return 64
