"""Custodian, provider, keyholder and dealer on one folder, as an operator sets them up."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from softfall.config import CustodianSettings
from softfall.custodian.keys import create_identity
from softfall.edge.custodian_key import write_custodian_key
from softfall.edge.custodian_tokens import read_custodian_token
from softfall.edge.tls import client_context, init_tls
from softfall.keyholder.keys import PUBLIC_FILE, create_key

POLL_SECONDS = 0.01


class Installation:
    """The four services' files and settings; nothing runs until `serving`.

    changed: settings of one service or another, by its name.
    """

    def __init__(
        self, folder: Path, changed: Mapping[str, Mapping[str, Any]] | None = None
    ) -> None:
        self.folder = folder
        self.tls_dir = folder / "tls"
        self.custodian_dir = folder / "custodian"
        init_tls(self.tls_dir)
        identity = create_identity(self.custodian_dir)
        create_key(folder / "keyholder")
        write_custodian_key(folder / "keyholder" / "custodian.pub", identity.public_key)
        self.ports = {
            name: _free_port() for name in ("dealer", "custodian", "keyholder", "provider")
        }
        self._settings = self._set_up()
        for name, values in (changed or {}).items():
            self._settings[name] |= values

    @property
    def custodian(self) -> CustodianSettings:
        """For publishing."""
        return CustodianSettings.model_validate(self._settings["custodian"])

    def url(self, service: str) -> str:
        """Where a service listens."""
        return f"https://127.0.0.1:{self.ports[service]}"

    def _set_up(self) -> dict[str, dict[str, Any]]:
        keyholder = self.folder / "keyholder"
        own: dict[str, dict[str, Any]] = {
            "dealer": {},
            "custodian": {
                "dealer_url": self.url("dealer"),
                "keyholder_key_file": str(keyholder / PUBLIC_FILE),
            },
            "keyholder": {
                "dealer_url": self.url("dealer"),
                "custodian_key_file": str(keyholder / "custodian.pub"),
                "stock": 4,
            },
            "provider": {
                "option": "homomorphic",
                "custodian_url": self.url("custodian"),
                "dealer_url": self.url("dealer"),
                "keyholder_url": self.url("keyholder"),
                "homomorphic_stock": 4,
                "delivery_jitter_ms": 0,
            },
        }
        for name, values in own.items():
            values |= {
                "port": self.ports[name],
                "data_dir": str(self.folder / name),
                "tls_dir": str(self.tls_dir),
            }
        return own

    @contextmanager
    def serving(self, service: str) -> Iterator[None]:
        """`softfall serve SERVICE`, ready, until the end of the block."""
        config = self.folder / f"{service}.toml"
        lines = [f"{key} = {_toml(value)}" for key, value in self._settings[service].items()]
        config.write_text("\n".join([f"[{service}]", *lines, ""]))
        command = [sys.executable, "-m", "softfall", "serve", service, "--config", str(config)]
        log = self.folder / f"{service}.log"
        with (
            log.open("ab") as errors,
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
        ):
            try:
                assert process.stdout is not None
                if not process.stdout.readline().startswith("listening on"):
                    raise RuntimeError(log.read_text()[-2000:])
                yield
            finally:
                process.terminate()

    @contextmanager
    def as_provider(self) -> Iterator[httpx.Client]:
        """Calls to the custodian as the provider makes them."""
        shown = {"authorization": f"Bearer {read_custodian_token(self.tls_dir)}"}
        context = client_context(self.tls_dir, "provider")
        with httpx.Client(
            base_url=self.url("custodian"), verify=context, headers=shown, timeout=60
        ) as http:
            yield http

    def wait_for_version(self, version: int, seconds: float) -> None:
        """Until the provider judges by this version of the list, with dealt material for it."""
        deadline = time.monotonic() + seconds
        context = client_context(self.tls_dir)
        with httpx.Client(base_url=self.url("provider"), verify=context, timeout=60) as http:
            while time.monotonic() < deadline:
                told = http.get("/v1/health").json()
                if told.get("list_version") == version and int(told.get("dealt", 0)) > 0:
                    return
                time.sleep(POLL_SECONDS)
        logs = [path.read_text()[-2000:] for path in sorted(self.folder.glob("*.log"))]
        raise RuntimeError("\n".join([f"version {version} is not judged by: {told}", *logs]))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _toml(value: object) -> str:
    return str(value) if isinstance(value, int | float) else f'"{value}"'
