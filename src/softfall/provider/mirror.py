"""A copy of the on-device list, for devices to fetch: never a half-written file, never trusted.

Guarantees: a path here is a whole file of the size that the custodian's index names; all that a
version needs is here before the one file that makes it current, and is removed only after it has
been replaced. Whatever fails (the custodian away, a full disk, a kill), the last good copy stays.
Refuses: paths that are no list's, and files over their limits.
Proves nothing: devices verify every byte by signatures that this copy can't make.
"""

import asyncio
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from softfall.edge.logs import Logger, failure
from softfall.errors import InputError
from softfall.lists.distribution import (
    LIST_INDEX,
    OPTION,
    TARGETS,
    TIMESTAMP,
    is_immutable,
    is_path,
    max_bytes,
    read_target,
)
from softfall.provider.files import drop_left_overs, full_disk_named
from softfall.provider.relay import CustodianUnavailable
from softfall.wire import MalformedMessage

ROUND_SECONDS = 30.0
FIRST_ROUND_SECONDS = 1.0
FILE_SECONDS = 600.0
INDEX_SECONDS = 30.0

_PARTS = "parts"


class ListFileMissing(InputError):
    """The provider's copy of the on-device list has no such file (any more, or yet)."""

    remedy = "Begin again with metadata/timestamp.json: files of old versions are removed."


@dataclass(frozen=True, slots=True)
class Listed:
    """A file that the index names."""

    path: str
    size_bytes: int


class Mirror:
    """The copy in one folder."""

    def __init__(self, folder: Path, custodian: httpx.AsyncClient) -> None:
        self._folder = folder
        self._parts = folder / _PARTS
        self._custodian = custodian
        self._parts.mkdir(mode=0o700, parents=True, exist_ok=True)
        drop_left_overs(self._parts)

    def file(self, path: str) -> Path:
        """Where a file of the list lies. Raises ListFileMissing."""
        if is_path(path) and (self._folder / path).is_file():
            return self._folder / path
        raise ListFileMissing("this service has no such file of the list")

    def segments(self, epoch: int) -> dict[int, Path]:
        """Where an epoch's segments lie, by version; those that are here."""
        folder = self._folder / TARGETS / OPTION / str(epoch)
        if not folder.is_dir():
            return {}
        named = {path: read_target(f"{OPTION}/{epoch}/{_last(path)}") for path in folder.iterdir()}
        return {
            target.version: path
            for path, target in named.items()
            if target is not None and target.version is not None
        }

    @property
    def has_list(self) -> bool:
        """Whether there is anything for devices yet."""
        return (self._folder / TIMESTAMP).is_file()

    async def look(self) -> int:
        """Copy what is new, then make it current, then drop what is not named any more.

        How many files were copied. Raises CustodianUnavailable, StorageFull, MalformedMessage.
        """
        index = _read_index(await self._small("/v1/distribution", LIST_INDEX.max_bytes))
        if all(is_immutable(listed.path) for listed in index):
            return 0  # there is no list yet
        # In this order: an index that is read after the timestamp names all that it leads to.
        timestamp = await self._small(f"/v1/distribution/{TIMESTAMP}", max_bytes(TIMESTAMP))
        index = _read_index(await self._small("/v1/distribution", LIST_INDEX.max_bytes))
        wanted = [file for file in index if is_immutable(file.path) and not self._has(file)]
        for listed in wanted:
            await self._copy(listed)
        renewed = await asyncio.to_thread(self._put_timestamp, timestamp)
        await asyncio.to_thread(self._tidy, {listed.path for listed in index})
        return len(wanted) + renewed

    def _put_timestamp(self, body: bytes) -> int:
        kept = self._folder / TIMESTAMP
        if kept.is_file() and kept.read_bytes() == body:
            return 0
        part = self._parts / secrets.token_hex(16)
        try:
            with full_disk_named():
                part.write_bytes(body)
                _settle(part, kept)
        finally:
            part.unlink(missing_ok=True)
        return 1

    async def _small(self, path: str, limit: int) -> bytes:
        body = bytearray()
        try:
            async with (
                asyncio.timeout(INDEX_SECONDS),
                self._custodian.stream("GET", path, headers=_HEADERS) as answer,
            ):
                _require_good(answer)
                async for piece in answer.aiter_bytes():
                    body += piece
                    if len(body) > limit:
                        raise CustodianUnavailable("the custodian answered with too much")
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError):
            raise CustodianUnavailable("the custodian did not hand out its list") from None
        return bytes(body)

    async def _copy(self, listed: Listed) -> None:
        """One file, in pieces, never whole in memory."""
        part = self._parts / secrets.token_hex(16)
        try:
            with full_disk_named():
                await asyncio.wait_for(self._receive(listed, part), FILE_SECONDS)
                await asyncio.to_thread(_settle, part, self._folder / listed.path)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError):
            raise CustodianUnavailable("the custodian did not hand out its list") from None
        finally:
            part.unlink(missing_ok=True)

    async def _receive(self, listed: Listed, part: Path) -> None:
        path, size_bytes = f"/v1/distribution/{listed.path}", 0
        with part.open("xb") as file:
            async with self._custodian.stream("GET", path, headers=_HEADERS) as answer:
                _require_good(answer)
                async for piece in answer.aiter_bytes():
                    size_bytes += len(piece)
                    if size_bytes > listed.size_bytes:
                        raise CustodianUnavailable("the custodian sent more than it announced")
                    await asyncio.to_thread(file.write, piece)
            if size_bytes != listed.size_bytes:
                raise CustodianUnavailable("the custodian sent less than it announced")

    def _has(self, listed: Listed) -> bool:
        file = self._folder / listed.path
        return file.is_file() and file.stat().st_size == listed.size_bytes

    def _tidy(self, named: set[str]) -> None:
        for file in self._kept():
            if file.relative_to(self._folder).as_posix() not in named:
                file.unlink(missing_ok=True)

    def _kept(self) -> Iterator[Path]:
        for file in sorted(self._folder.rglob("*")):
            if file.is_file() and self._parts not in file.parents:
                yield file


Turn = Callable[[], AbstractContextManager[bool]]


def _always() -> AbstractContextManager[bool]:
    return nullcontext(True)


class MirrorKeeper:
    """Keeps one mirror up to date, for ever; each change of fortune is logged once.

    turn: is it this process's turn to, while the block lasts? Processes that share the folder copy
    one after the other, so that an older list never takes a newer one's place.
    """

    def __init__(self, mirror: Mirror, log: Logger, turn: Turn = _always) -> None:
        self._mirror = mirror
        self._turn = turn
        self._log = log
        self._trouble = ""

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                if copied := await self._look():
                    self._log.info("on-device list copied", files=copied)
                self._trouble = ""
            except Exception as error:  # the custodian may be down, the disk full
                if self._trouble != type(error).__name__:
                    self._trouble = type(error).__name__
                    self._log.warning("no newer on-device list", **failure(error))
            waiting = not self._mirror.has_list
            await asyncio.sleep(FIRST_ROUND_SECONDS if waiting else ROUND_SECONDS)

    async def _look(self) -> int:
        with ExitStack() as stack:
            mine = await asyncio.to_thread(stack.enter_context, self._turn())
            return await self._mirror.look() if mine else 0


_HEADERS = {"user-agent": "softfall-provider", "accept-encoding": "identity"}


def _require_good(answer: httpx.Response) -> None:
    if answer.status_code != 200:
        raise CustodianUnavailable(f"the custodian answers no more: {answer.status_code}")


def _read_index(body: bytes) -> list[Listed]:
    values: dict[str, Any] = LIST_INDEX.decode(body)
    listed = [Listed(row["path"], row["size_bytes"]) for row in values["files"]]
    for file in listed:
        if not is_path(file.path) or file.size_bytes > max_bytes(file.path):
            raise MalformedMessage("the index names what no list has")
    return listed


def _settle(part: Path, final: Path) -> None:
    """The whole file under its name, and on the disk."""
    final.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.rename(final)
    folder = os.open(final.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _last(path: Path) -> str:
    """A target's own last part: a consistent snapshot puts the digest before it."""
    return path.name.partition(".")[2]
