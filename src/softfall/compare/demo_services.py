"""The demo's services: the real ones, each a process of its own, always stopped in the end."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit

from softfall import config
from softfall.compare.demo_place import Place, Say, ServiceDidNotStart
from softfall.config import Settings

ALWAYS: Final = ("dealer", "custodian", "simulator", "console", "provider")
BEFORE_THE_PROVIDER: Final = {"homomorphic": ("keyholder",)}
START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 10.0


def services_of(option: str) -> tuple[str, ...]:
    """The services of an option, in the order in which they start."""
    return (*ALWAYS[:-1], *BEFORE_THE_PROVIDER.get(option, ()), ALWAYS[-1])


@contextmanager
def service(place: Place, name: str, say: Say) -> Iterator[None]:
    """One service, until the block is left. Raises ServiceDidNotStart."""
    settings = config.load(place.config_file)
    host, port = address(settings, name)
    words = ["serve", name, "--config", str(place.config_file)]
    if name == "simulator":
        words = ["simulator", "cybertipline", "--port", str(port)]
    say(f"$ softfall {' '.join(words)}")
    with place.log(name).open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - our own command, by this interpreter
            [sys.executable, "-m", "softfall", *words],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=place.root,
            start_new_session=True,
        )
    try:
        _wait_until_up(process, place, name, (host, port))
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def address(settings: Settings, name: str) -> tuple[str, int]:
    """Where a service listens."""
    if name == "simulator":
        url = urlsplit(settings.referral.cybertipline_url)
        return url.hostname or "127.0.0.1", url.port or 80
    section = getattr(settings, name)
    return section.host, section.port


def _wait_until_up(
    process: subprocess.Popen[bytes], place: Place, name: str, where: tuple[str, int]
) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with socket.socket() as probe:
            if probe.connect_ex(where) == 0 and process.poll() is None:
                return
        time.sleep(0.1)
    raise ServiceDidNotStart(f"the {name} did not start; its log is {place.log(name)}")
