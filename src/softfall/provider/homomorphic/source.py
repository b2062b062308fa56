"""What the provider fetches of a list from its custodian: signed versions, rows, hints.

Guarantees: a file is used only if it has the SHA-256 that the signed version names. A segment has
at most 2,048 blocks, so that a file of either kind is whole in memory (some 9 MB) for a moment;
hints are carried on and never kept. Whatever fails leaves what was there.
Refuses: files over the size that their version implies (CustodianUnavailable), other bytes
(DigestMismatch), a full disk (StorageFull).
"""

import asyncio
import hashlib
from dataclasses import dataclass
from typing import Final

import httpx

from softfall.options.homomorphic import listing, wire
from softfall.options.homomorphic.listing import SegmentEntry
from softfall.options.homomorphic.segments import hint_file_bytes, rows_file_bytes
from softfall.provider.files import DigestMismatch, Files
from softfall.provider.link import Link
from softfall.provider.relay import CustodianUnavailable

FILE_SECONDS: Final = 600.0
_ROUTES: Final = "/v1/options/homomorphic"


@dataclass(frozen=True, slots=True)
class ListSource:
    """One running provider's way to the list. link: shows the provider's token."""

    link: Link
    timeout_seconds: float

    async def version(self, epoch: int, known: bytes | None = None) -> bytes | None:
        """The epoch's newest signed version, unread; None where that is the known one.

        Raises CustodianUnavailable.
        """
        limit, path = wire.LIST_VERSION.max_bytes, f"{_ROUTES}/versions/{epoch}"
        etag = _etag(known) if known else ""
        answer = await self.link.call("GET", path, self.timeout_seconds, limit, known=etag)
        if answer.status == httpx.codes.NOT_MODIFIED:
            return None
        if answer.status != httpx.codes.OK:
            raise CustodianUnavailable(f"the custodian handed out no version: {answer.error}")
        return None if answer.body == known else answer.body

    async def rows(self, segment: SegmentEntry, files: Files) -> None:
        """Fetch a segment's rows into `files`.

        Raises CustodianUnavailable, DigestMismatch, StorageFull.
        """
        body = await self._file("rows", segment.rows_sha256, rows_file_bytes(segment.blocks))
        await asyncio.to_thread(files.put, body)

    async def hint(self, segment: SegmentEntry) -> bytes:
        """A segment's hint. Raises CustodianUnavailable, DigestMismatch."""
        return await self._file("hints", segment.hint_sha256, hint_file_bytes(segment.blocks))

    async def _file(self, kind: str, sha256: bytes, size_bytes: int) -> bytes:
        path = f"{_ROUTES}/{kind}/{sha256.hex()}"
        answer = await self.link.call("GET", path, FILE_SECONDS, size_bytes)
        if answer.status != httpx.codes.OK:
            raise CustodianUnavailable(f"the custodian handed out no file: {answer.error}")
        if hashlib.sha256(answer.body).digest() != sha256:
            raise DigestMismatch("a file of the list is not the one that its version names")
        return answer.body


def _etag(signed: bytes) -> str:
    """What the custodian calls a version: its number, and the start of its digest."""
    digest = hashlib.sha256(signed).hexdigest()
    return f'"{listing.read(signed).list_version}-{digest[:16]}"'
