"""Leaks on purpose: a search that does not find these proves nothing.

Guarantees: each planted needle lies at an odd place among others, as leaks do, in the running
service itself: its folder, its database, its log, and the memory of its process, as the body of a
request that it is still receiving.
"""

import random
import secrets
import socket
import sqlite3
import ssl
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Final

from tests.compare.needles import Needle
from tests.compare.running import Served

DATABASES: Final = {"provider": "provider.db", "custodian": "custodian.db", "dealer": "dealer.db"}


def strewn(planted: Sequence[Needle]) -> bytes:
    """All of them twice, a few random bytes between each two, so that any alignment occurs.

    Twice, because a request may be cut anywhere as it arrives.
    """
    chance = random.Random(7)
    body = bytearray()
    for needle in (*planted, *reversed(planted)):
        body += chance.randbytes(chance.randrange(1, 12)) + needle.body
    return bytes(body)


def plant_files(served: Served, planted: Sequence[Needle]) -> None:
    """A file in the data folder, one among temporary files, and a row each in the database."""
    body = strewn(planted)
    (served.place.folder / "data" / "planted").write_bytes(body)
    (served.place.folder / "tmp" / "planted").write_bytes(body)
    plant_rows(served, planted)


def plant_rows(served: Served, planted: Sequence[Needle]) -> None:
    """A row each in the service's own database."""
    path = served.place.folder / "data" / DATABASES[served.place.name]
    assert path.is_file()
    with closing(sqlite3.connect(path, timeout=30)) as database, database:
        database.execute("CREATE TABLE planted (form TEXT, body BLOB)")
        rows = [(f"{needle.kind}, {needle.form}", needle.body) for needle in planted]
        database.executemany("INSERT INTO planted VALUES (?, ?)", rows)


def plant_log(served: Served, planted: Sequence[Needle]) -> None:
    """A line in the log."""
    with served.place.log.open("ab") as log:
        log.write(b'{"planted": "' + strewn(planted) + b'"}\n')


@contextmanager
def being_received(
    served: Served, context: ssl.SSLContext, request: str, planted: Sequence[Needle]
) -> Iterator[Needle]:
    """A request whose body lacks its last byte: what has come of it is in the service's memory.

    request: its first line and headers, each ended by a newline, without the length.
    Gives the needle that is sent last: once that is there, all the others are.
    """
    last = Needle("planted", "mark", "raw", secrets.token_bytes(32))
    body = strewn(planted) + last.body
    host, _, port = served.url.removeprefix("https://").rpartition(":")
    head = f"{request}host: {host}\ncontent-length: {len(body) + 1}\n\n".replace("\n", "\r\n")
    with (
        socket.create_connection((host, int(port)), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname=host) as connection,
    ):
        connection.sendall(head.encode() + body)
        yield last
