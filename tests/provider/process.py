"""The real service in a process of its own, as an operator starts it."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from softfall.edge.tls import client_context, init_tls

SOFTFALL = Path(sys.executable).parent / "softfall"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Served:
    """`softfall serve SERVICE`, started and stopped at will on one folder and one port."""

    def __init__(
        self,
        folder: Path,
        service: str = "provider",
        environment: Mapping[str, str] | None = None,
        **settings: Any,
    ) -> None:
        self.folder = folder
        self.service = service
        self.port = free_port()
        self.environment = {**os.environ, **(environment or {})}
        self.config = folder / f"{service}.toml"
        self.log = folder / f"{service}.log"
        self.process: subprocess.Popen[str] | None = None
        if not (folder / "tls").exists():
            init_tls(folder / "tls", datetime.now(UTC))
        values = {
            "port": self.port,
            "data_dir": str(folder / service),
            "tls_dir": str(folder / "tls"),
            **settings,
        }
        lines = [f"{key} = {toml(value)}" for key, value in values.items() if value is not None]
        self.config.write_text("\n".join([f"[{service}]", *lines, ""]))

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def client(self) -> httpx.Client:
        return httpx.Client(
            base_url=self.url, verify=client_context(self.folder / "tls"), timeout=20
        )

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [SOFTFALL, "serve", self.service, "--config", self.config],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=self.environment,
            )

    def wait_until_ready(self) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("listening on"), self.log.read_text()[-2000:]

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        assert self.process is not None
        assert self.process.stdout is not None
        self.process.send_signal(number)  # nothing, where it has ended already
        code = self.process.wait(30)
        self.process.stdout.close()
        return code


def toml(value: object) -> str:
    return str(value) if isinstance(value, int | float) else f'"{value}"'
