"""`python -m bench.load URL ...`: how many lookups a second a service on this machine answers.

Bounded, and for this machine alone: another host than a loopback address is refused, and so are
more than `MAX_CONNECTIONS` connections or `MAX_SECONDS` seconds. Raw keep-alive connections over
TLS, one thread, so that the tool takes as little of the machine as it can; it shares its cores all
the same.

Closed loop unless a rate is given: each connection asks again as soon as it was answered, so the
throughput is what the service can do, and the times are those under full load. With `--rate` (open
loop) questions fall due at fixed times whatever the answers do, and a time counts from when its
question was due: what a caller would have waited.
"""

import argparse
import contextlib
import ipaddress
import selectors
import socket
import ssl
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

MAX_CONNECTIONS = 64
MAX_SECONDS = 60.0
MAX_BATCH = 4096
HASH_BYTES = 32
_PART_BYTES = 1 << 16
_SECONDS = 30.0
_LOCAL_NAMES = ("localhost",)


class NotThisMachine(SystemExit):
    """The load tool asks nobody but this machine."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where to ask, and as whom. authority: who has signed the service's certificate."""

    host: str
    port: int
    authority: Path
    token: str

    @classmethod
    def of(cls, url: str, authority: Path, token: str) -> "Target":
        """Raises NotThisMachine."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme != "https" or not _is_loopback(host) or parts.port is None:
            raise NotThisMachine(f"{url}: only https://127.0.0.1:PORT or the like is asked")
        return cls(host, parts.port, authority, token)

    def request(self, kind: str, body: bytes) -> bytes:
        """One whole request."""
        head = (
            f"POST /v1/lookup HTTP/1.1\r\nHost: {self.host}\r\nContent-Type: {kind}\r\n"
            f"Authorization: Bearer {self.token}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


@dataclass(slots=True)
class Told:
    """What came of it. times_ms: of each answer; failed: answers other than 200."""

    seconds: float = 0.0
    times_ms: list[float] = field(default_factory=list)
    failed: int = 0

    @property
    def per_second(self) -> float:
        return len(self.times_ms) / max(self.seconds, 1e-9)

    def percentile_ms(self, percent: float) -> float:
        return float(np.percentile(self.times_ms, percent)) if self.times_ms else float("nan")


def load(
    target: Target,
    requests: Sequence[bytes],
    connections: int,
    seconds: float,
    rate: float | None = None,
) -> Told:
    """Ask the requests in turn, over and over, for so long. rate: requests a second, open loop."""
    if not 0 < connections <= MAX_CONNECTIONS or not 0 < seconds <= MAX_SECONDS:
        raise SystemExit(f"at most {MAX_CONNECTIONS} connections and {MAX_SECONDS:g} seconds")
    context = ssl.create_default_context(cafile=str(target.authority))
    lines = [_Line(target, context) for _ in range(connections)]
    try:
        return _drive(lines, requests, seconds, rate)
    finally:
        for line in lines:
            line.socket.close()


class _Line:
    """One connection: at most one question under way."""

    def __init__(self, target: Target, context: ssl.SSLContext) -> None:
        plain = socket.create_connection((target.host, target.port), timeout=_SECONDS)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = context.wrap_socket(plain, server_hostname=target.host)
        self.socket.settimeout(0)
        self.since = 0.0
        self._got = b""

    def ask(self, request: bytes, since: float) -> None:
        self.since = since
        self.socket.settimeout(_SECONDS)
        self.socket.sendall(request)
        self.socket.settimeout(0)

    def answered(self) -> int:
        """The status, once the answer is whole; 0 while it is not."""
        with contextlib.suppress(ssl.SSLWantReadError):
            while part := self.socket.recv(_PART_BYTES):
                self._got += part
                if not self.socket.pending():
                    break
            else:
                raise SystemExit("the service closed the connection")
        head, end, body = self._got.partition(b"\r\n\r\n")
        if not end:
            return 0
        length = next(
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        )
        if len(body) < length:
            return 0
        self._got = b""
        return int(head[9:12])


def _drive(
    lines: list[_Line], requests: Sequence[bytes], seconds: float, rate: float | None
) -> Told:
    told, clock = Told(), time.perf_counter
    with selectors.DefaultSelector() as selector:
        for line in lines:
            selector.register(line.socket, selectors.EVENT_READ, line)
        idle, busy, asked, start = list(lines), 0, 0, clock()
        end = start + seconds
        while True:
            now = clock()
            due = asked + len(idle) if rate is None else int((now - start) * rate) + 1
            while idle and asked < due and now < end:
                since = now if rate is None else start + asked / rate
                idle.pop().ask(requests[asked % len(requests)], since)
                asked += 1
                busy += 1
            if now >= end and not busy:
                told.seconds = now - start
                return told
            wait_s = None if busy and rate is None else 0.001
            for key, _ in selector.select(wait_s):
                line: _Line = key.data
                if status := line.answered():
                    told.times_ms.append((clock() - line.since) * 1000)
                    told.failed += status != 200
                    idle.append(line)
                    busy -= 1


def _is_loopback(host: str) -> bool:
    try:
        return host in _LOCAL_NAMES or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def packed_requests(target: Target, hashes: bytes, batch: int) -> list[bytes]:
    """Requests of `batch` hashes each, out of hashes of 32 bytes one after another."""
    size = batch * HASH_BYTES
    return [
        target.request("application/octet-stream", hashes[at : at + size])
        for at in range(0, len(hashes) - size + 1, size)
    ]


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=__doc__)
    parser.add_argument("url", help="https://127.0.0.1:PORT")
    parser.add_argument("--authority", type=Path, required=True, help="ca.crt")
    parser.add_argument("--token-file", type=Path, required=True, help="holds a tool's token")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--batch", type=int, default=1, help="hashes in a request")
    parser.add_argument("--rate", type=float, help="requests a second, open loop")
    options = parser.parse_args(words)
    if not 0 < options.batch <= MAX_BATCH:
        parser.error(f"a batch has 1 to {MAX_BATCH} hashes")
    target = Target.of(options.url, options.authority, options.token_file.read_text().strip())
    hashes = np.random.default_rng(0).bytes(max(256, 4 * options.batch) * HASH_BYTES)
    requests = packed_requests(target, hashes, options.batch)
    told = load(target, requests, options.connections, options.seconds, options.rate)
    loop = "closed loop" if options.rate is None else f"open loop, {options.rate:g} a second"
    print(
        f"{told.per_second * options.batch:,.0f} hashes/s in {told.per_second:,.0f} requests/s of "
        f"{options.batch}, {options.connections} connections, {loop}; p50 "
        f"{told.percentile_ms(50):.2f} ms, p99 {told.percentile_ms(99):.2f} ms; "
        f"{told.failed} failed"
    )
    return 1 if told.failed or not told.times_ms else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
