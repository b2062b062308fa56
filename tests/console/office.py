"""A console in a process of its own, and cases handed in as services do."""

import hashlib
import io
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from PIL import Image

from softfall.casework.database import casework_url, open_casework
from softfall.casework.incoming import HashFacts, HeldMessage, Incoming, ReportedMessage
from softfall.casework.model import Role, Source
from softfall.config import ConsoleSettings, load
from softfall.console.app import make
from softfall.console.clock import system_clock
from softfall.console.passwords import Passwords
from softfall.console.service import Around
from softfall.console.sessions import Sessions
from softfall.console.staff import StaffOffice
from softfall.edge.console_tokens import read_console_token
from softfall.edge.logs import make_logger
from softfall.edge.serve import serve
from softfall.edge.tls import TlsFiles, client_context, init_tls
from tests.media.photographs import photograph
from tests.provider.process import SOFTFALL, free_port

from .house import PASSWORD, cheap

STAFF: Mapping[str, Role] = {
    "mo": Role.MODERATOR,
    "lee": Role.LEAD,
    "lou": Role.LEAD,
    "audrey": Role.AUDITOR,
    "adam": Role.ADMINISTRATOR,
}
HOUR_MS = 3_600_000
CERTIFIERS = ("Northern Hotline", "Harbour Trust")


class Process:
    """One `softfall ...` process that says where it listens."""

    def __init__(self, log: Path, *arguments: str) -> None:
        self._log = log.open("ab")
        self.log = log
        self.process = subprocess.Popen(
            [SOFTFALL, *arguments], stdout=subprocess.PIPE, stderr=self._log, text=True
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("listening on "), log.read_text()[-2000:]
        self.url = line.split()[-1]

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._log.close()


@contextmanager
def closing_process(log: Path, *arguments: str) -> Iterator[Process]:
    """A process that ends with the block, however that ends."""
    process = Process(log, *arguments)
    try:
        yield process
    finally:
        process.stop()


class Office:
    """A folder with a configuration, staff, and `softfall serve console` on it."""

    def __init__(self, folder: Path, sections: Mapping[str, Mapping[str, Any]]) -> None:
        self.folder = folder
        self.tls_dir = folder / "tls"
        self.port = free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        if not self.tls_dir.exists():
            init_tls(self.tls_dir)
        console = {
            "port": self.port,
            "data_dir": str(folder / "console"),
            "tls_dir": str(self.tls_dir),
            "requests_per_minute": 100_000,
            **sections.get("console", {}),
        }
        self.config = folder / "console.toml"
        self.config.write_text(_toml({**sections, "console": console}), "utf-8")
        self.settings = ConsoleSettings(**console)
        self._reference = 0

    def add_staff(self) -> None:
        db = open_casework(casework_url(self.settings))
        passwords = Passwords(cheap())
        office = StaffOffice(db, system_clock, Sessions(db, system_clock, 1, 1), passwords)
        for name, role in STAFF.items():
            office.add("operator", name, role, PASSWORD)
        db.close()

    @contextmanager
    def running(self) -> Iterator[None]:
        log = self.folder / "console.log"
        with closing_process(log, "serve", "console", "--config", str(self.config)):
            yield

    @contextmanager
    def served_here(self, clock: Callable[[], int]) -> Iterator[FastAPI]:
        """The same service in a thread of this process, so that its clock is at hand."""
        log = make_logger("console", io.StringIO())
        around = Around(clock=clock, passwords=Passwords(cheap()), log=log, rounds=False)
        app = make(load(self.config), around)
        ready, stop = threading.Event(), threading.Event()
        files = TlsFiles.of(self.tls_dir, "console")
        thread = threading.Thread(
            target=lambda: serve(
                app, "127.0.0.1", self.port, files.certificate, files.key,
                on_ready=lambda _: ready.set(), stop=stop,
            )
        )  # fmt: skip
        thread.start()
        assert ready.wait(120)
        try:
            yield app
        finally:
            stop.set()
            thread.join(60)

    def client(self) -> httpx.Client:
        token = read_console_token(self.tls_dir)
        return httpx.Client(
            base_url=self.url,
            verify=client_context(self.tls_dir),
            headers={"authorization": f"Bearer {token}"},
            timeout=60,
        )

    def hand_in(self, incoming: Incoming, pictures: Mapping[str, bytes] | None = None) -> str:
        """As the provider does; the case's id."""
        with self.client() as http:
            body = incoming.model_dump(mode="json")
            answer = http.post("/v1/intake", json=body).raise_for_status().json()
            for digest in answer["wanted"]:
                http.put(
                    f"/v1/intake/pictures/{digest}",
                    params={"reference": incoming.reference},
                    content=(pictures or {})[digest],
                ).raise_for_status()
        return str(answer["case_id"])

    def reference(self, kind: str) -> str:
        self._reference += 1
        return f"{kind}:{self._reference}"


def held(
    office: Office,
    subject: str,
    *,
    confirmed: bool = True,
    certifiers: tuple[str, ...] = CERTIFIERS,
    kind: str = "confirmed",
    envelope_id: str = "",
    **more: Any,
) -> Incoming:
    """A hold of the option's."""
    reference = office.reference("hold")
    facts = HashFacts(
        option="split",
        epoch=7,
        confirmed=confirmed,
        entry=None,
        label="harmless photograph" if confirmed else "",
        sources=("Northern Hotline",) if confirmed else (),
        certifiers=certifiers if confirmed else (),
    )
    envelope = envelope_id or hashlib.sha256(reference.encode()).hexdigest()[:32]
    return Incoming(
        reference=reference,
        source=Source.HOLD,
        subject=subject,
        reason="a confirmed match" if confirmed else "a candidate that nothing confirmed",
        kind=kind,
        arrived_at_ms=now_ms() - 2 * HOUR_MS,
        held=HeldMessage(sender=subject, envelope_id=envelope),
        facts=facts,
        **more,
    )


def reported(
    office: Office,
    subject: str,
    *texts: str,
    reason: str = "child-safety",
    reporter: str | None = "robin",
    picture: bytes | None = None,
    **more: Any,
) -> Incoming:
    """A report, proved by franking."""
    reference = office.reference("report")
    digest = hashlib.sha256(picture).hexdigest() if picture else None
    messages = tuple(
        ReportedMessage(
            sender=subject,
            conversation=f"{subject} and {reporter or 'somebody'}",
            envelope_id=hashlib.sha256(f"{reference} {index}".encode()).hexdigest()[:32],
            received_at_ms=now_ms() - (5 - index) * HOUR_MS,
            text=text,
            picture_sha256=digest if index == len(texts) - 1 else None,
        )
        for index, text in enumerate(texts)
    )
    return Incoming(
        reference=reference,
        source=Source.REPORT,
        subject=subject,
        reason=reason,
        arrived_at_ms=now_ms() - HOUR_MS,
        reporter=reporter,
        messages=messages,
        **more,
    )


def harmless_jpeg(name: str = "rocket.jpg") -> bytes:
    out = io.BytesIO()
    Image.fromarray(photograph(name)).save(out, "jpeg")
    return out.getvalue()


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def _toml(sections: Mapping[str, Mapping[str, Any]]) -> str:
    lines: list[str] = []
    for name, values in sections.items():
        lines.append(f"[{name}]")
        lines += [f"{key} = {_value(value)}" for key, value in values.items()]
    return "\n".join([*lines, ""])


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else f'"{value}"'
