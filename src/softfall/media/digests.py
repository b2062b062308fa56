"""The digests by which a file is the same file, byte for byte: SHA-256, and MD5 for old lists.

Guarantees: 32 and 16 bytes. MD5 names files on lists that others keep; it protects nothing.
Source: FIPS 180-4, RFC 1321.
"""

import hashlib
from typing import BinaryIO

_CHUNK_BYTES = 1 << 20


def sha256(data: bytes) -> bytes:
    """32 bytes."""
    return hashlib.sha256(data).digest()


def md5(data: bytes) -> bytes:
    """16 bytes; only to look a file up on lists that know no better digest."""
    return hashlib.md5(data, usedforsecurity=False).digest()


def of_stream(stream: BinaryIO) -> tuple[int, bytes, bytes]:
    """Size in bytes, SHA-256 and MD5 of all that can be read from here on, a piece at a time."""
    size_bytes, first, second = 0, hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    while piece := stream.read(_CHUNK_BYTES):
        size_bytes += len(piece)
        first.update(piece)
        second.update(piece)
    return size_bytes, first.digest(), second.digest()
