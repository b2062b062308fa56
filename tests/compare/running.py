"""The real services, each a process on a folder of its own: data, log, home, and temporary files.

Guarantees: whatever a service writes without being told where lands in its own folder, because
that is its working directory, its home and its place for temporary files; it is stopped at the end.
"""

import base64
import json
import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from softfall.compiled import kept

START_SECONDS: Final = 120.0
SOFTFALL: Final = (sys.executable, "-m", "softfall")
LISTENING: Final = "listening on "


@dataclass
class Place:
    """One service's folder."""

    name: str
    folder: Path

    def __post_init__(self) -> None:
        for part in ("data", "home", "tmp"):
            (self.folder / part).mkdir(parents=True)
        self.log.touch()

    @property
    def log(self) -> Path:
        """Standard output and standard error of every command and of the service."""
        return self.folder / "log"

    @property
    def environment(self) -> dict[str, str]:
        home, temporary = str(self.folder / "home"), str(self.folder / "tmp")
        own = {"HOME": home, "XDG_CACHE_HOME": home, "TMPDIR": temporary}
        # Machine code that each service would otherwise compile for itself, for seconds.
        return {**os.environ, **own, "SOFTFALL_CACHE_DIR": str(kept.folder() or "")}

    def configure(self, **settings: str | int) -> Path:
        """The service's configuration file: these settings, all others as they come."""
        file = self.folder / "softfall.toml"
        told = {"port": 0, "data_dir": str(self.folder / "data"), **settings}
        # A JSON string or number is a TOML one, too.
        lines = [f"{name} = {json.dumps(value)}" for name, value in told.items()]
        file.write_text("\n".join([f"[{self.name}]", *lines, ""]))
        return file

    def command(self, *words: str | Path) -> None:
        """Run one `softfall` command to its end."""
        with self.log.open("ab") as log:
            subprocess.run(
                [*SOFTFALL, *words],
                stdout=log,
                stderr=log,
                env=self.environment,
                cwd=self.folder,
                check=True,
            )

    @contextmanager
    def serving(self, config: Path) -> Iterator["Served"]:
        """The service, once it listens."""
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [*SOFTFALL, "serve", self.name, "--config", config],
                stdout=log,
                stderr=log,
                env=self.environment,
                cwd=self.folder,
                start_new_session=True,
            )
        try:
            yield Served(self, process.pid, self._url(process))
        finally:
            process.terminate()
            process.wait(60)

    def _url(self, process: "subprocess.Popen[bytes]") -> str:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and process.poll() is None:
            for line in self.log.read_text().splitlines():
                if line.startswith(LISTENING):
                    return line.removeprefix(LISTENING)
            time.sleep(0.05)
        raise AssertionError(f"{self.name} does not listen: {self.log.read_text()[-2000:]}")


@dataclass(frozen=True)
class Served:
    """A running service."""

    place: Place
    pid: int
    url: str


@dataclass(frozen=True)
class House:
    """All services, running, and what their devices and staff need to know of them."""

    provider: Served
    custodian: Served
    dealer: Served
    tls: Path
    custodian_key: bytes
    staff_token: str


@contextmanager
def running(folder: Path, listed: Iterable[bytes]) -> Iterator[House]:
    """Keys made, the list of these 32-byte hashes imported and published, all services up."""
    tls = folder / "tls"
    dealing = Place("dealer", folder / "dealer")
    keeper, host = Place("custodian", folder / "custodian"), Place("provider", folder / "provider")
    config = keeper.configure(tls_dir=str(tls))
    the_list = keeper.folder / "home" / "list.txt"
    the_list.write_text("".join(f"{bits.hex()}\n" for bits in listed))
    keeper.command("keys", "init", "--config", config)
    told = re.search(r"custodian key \(devices pin it\): (\S+)", keeper.log.read_text())
    assert told is not None
    key = base64.b64decode(told[1])
    keeper.command("list", "import", the_list, "--source", "a keeper", "--config", config)
    keeper.command("list", "publish", "--config", config)
    staff_token = secrets.token_urlsafe(24)
    with dealing.serving(dealing.configure(tls_dir=str(tls))) as dealer:
        config = keeper.configure(tls_dir=str(tls), dealer_url=dealer.url)
        with keeper.serving(config) as custodian:
            settings = host.configure(
                tls_dir=str(tls),
                custodian_url=custodian.url,
                dealer_url=dealer.url,
                staff_token=staff_token,
            )
            with host.serving(settings) as provider:
                yield House(provider, custodian, dealer, tls, key, staff_token)
