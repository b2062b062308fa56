"""The demo: a whole small service in one folder, a conversation played on it, services left up.

Guarantees: everything is the real thing, by the commands that a keeper and an operator would type
(each is printed); what is in the folder is kept, so that a second run goes on where the first
stopped; services are always stopped when the demo is left.
Limits: one machine, loopback only; the devices' secret lies beside them in the folder, which no
real device would do; photographs of two well-known packages play the listed ones.
"""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from softfall import config, config_shown
from softfall.compare.photographs import Photograph, default_paths, open_photographs
from softfall.config import (
    BadConfig,
    CustodianSettings,
    DealerSettings,
    ProviderSettings,
    Settings,
)
from softfall.custodian.keys import load_identity
from softfall.device.device import Device
from softfall.device.outcomes import Arrival, Quarantined, Shown
from softfall.errors import UnavailableError
from softfall.media.pdq import PdqHash

PEOPLE: Final = ("alice", "bob", "carol")
SERVICES: Final = ("dealer", "custodian", "provider")
LISTED: Final = ("coffee", "chelsea")
UNLISTED: Final = "rocket"
START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 10.0
QUIET_SECONDS: Final = 1.5

Say = Callable[[str], None]


class ServiceDidNotStart(UnavailableError):
    """A service of the demo ended, or did not listen in time."""

    remedy = "Read the service's log, which the message names, and run the demo again."


@dataclass(frozen=True, slots=True)
class Place:
    """Where everything of one demo lies."""

    root: Path

    @property
    def config_file(self) -> Path:
        """The services' configuration; made once, then the user's to edit."""
        return self.root / "softfall.toml"

    @property
    def list_file(self) -> Path:
        """The hashes of the listed photographs."""
        return self.root / "known.csv"

    @property
    def secret_file(self) -> Path:
        """What unseals the demo's devices."""
        return self.root / "devices" / "secret.key"

    def device(self, person: str) -> Path:
        """One person's device."""
        return self.root / "devices" / person

    def log(self, service: str) -> Path:
        """One service's log."""
        return self.root / f"{service}.log"


def run(root: Path, say: Say, *, stay: bool) -> None:
    """Set up what is missing, start the services, play, and (with `stay`) wait for Ctrl-C.

    Raises ServiceDidNotStart, BadConfig, or what a device raises.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends like Ctrl-C: in good order
    place = Place(root.absolute())
    fresh = not place.config_file.exists()
    photographs = {p.name: p for p in open_photographs(default_paths(), _limits(), _ignore)[0]}
    if fresh:
        set_up(place, photographs, say)
    else:
        say(f"going on with what is in {place.root}")
    settings = config.load(place.config_file)
    with contextlib.ExitStack() as running:
        for name in SERVICES:
            running.enter_context(_service(place, name, say))
        with contextlib.ExitStack() as closing:
            devices = {
                person: closing.enter_context(_device(place, settings, person)) for person in PEOPLE
            }
            _tell_what_was_kept(devices, say)
            play(devices, photographs, say)
            _tell_holds(settings, place, say)
        _tell_where(place, settings, say)
        if stay:
            say("Services are up; Ctrl-C stops them. Nothing is lost: run it again.")
            _wait_for_interrupt()


def set_up(place: Place, photographs: Mapping[str, Photograph], say: Say) -> None:
    """Configuration, keys, a small list, its first epoch: by the commands that a keeper types.

    All of it in a folder that gets its name only once it is whole, so that a demo which is cut off
    in the middle begins anew.
    """
    place.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    lines = ["hash,source,label"]
    for name in LISTED:
        found = photographs[name].hash
        assert isinstance(found, PdqHash)
        lines.append(f"{found.hex},demo,harmless photograph {name}")
    place.list_file.write_text("\n".join(lines) + "\n", "utf-8")
    draft = place.config_file.with_suffix(".draft.toml")
    draft.write_text(_configuration(place), "utf-8")
    draft.chmod(0o600)
    if not (place.root / "tls").exists():
        _command(["keys", "init", "--config", str(draft)], say)
    _command(["list", "import", str(place.list_file), "--config", str(draft)], say)
    _command(["list", "publish", "--config", str(draft)], say)
    draft.replace(place.config_file)


def play(
    devices: Mapping[str, Device], photographs: Mapping[str, Photograph], say: Say
) -> dict[str, list[Arrival]]:
    """A short conversation; what arrived, by person."""
    alice, bob = devices["alice"], devices["bob"]
    listed, unlisted = photographs[LISTED[0]], photographs[UNLISTED]
    say("\nalice writes to bob; sends a photograph that is on no list, and one that is listed")
    alice.send_text("bob", "Shall we meet at the library at four?")
    alice.send_photo("bob", unlisted.data, text="Look what I saw.")
    alice.send_photo("bob", listed.data, text="And this one.")
    say("bob answers, and writes to the group of three")
    bob.send_text("alice", "Four is good.")
    bob.send_text(("alice", "carol"), "Carol, join us if you like.", conversation="outing")
    arrived = {person: _all_that_comes(device) for person, device in devices.items()}
    for person, arrivals in arrived.items():
        say(f"\n{person}'s device:")
        for arrival in arrivals:
            say(f"  {_line(arrival)}")
    return arrived


def _all_that_comes(device: Device) -> list[Arrival]:
    """Sync until nothing has come for a while."""
    arrivals: list[Arrival] = []
    quiet_at = time.monotonic() + QUIET_SECONDS
    while time.monotonic() < quiet_at:
        came = device.sync(wait_seconds=QUIET_SECONDS)
        arrivals += came
        if came:
            quiet_at = time.monotonic() + QUIET_SECONDS
    return arrivals


def _line(arrival: Arrival) -> str:
    if isinstance(arrival, Shown):
        picture = f" [photograph, {len(arrival.picture):,} bytes]" if arrival.picture else ""
        return f"{arrival.sender}: {arrival.text}{picture} ({arrival.checked})"
    if isinstance(arrival, Quarantined):
        return f"{arrival.sender}: quarantined: {arrival.reason}"
    return str(arrival)


def _tell_what_was_kept(devices: Mapping[str, Device], say: Say) -> None:
    kept = {person: len(device.history()) for person, device in devices.items()}
    if any(kept.values()):
        told = ", ".join(f"{person} {count}" for person, count in kept.items())
        say(f"messages kept from before: {told}")


def _tell_holds(settings: Settings, place: Place, say: Say) -> None:
    holds = read_holds(settings, place)
    say(f"\nheld at the provider, for a person to decide: {len(holds)}")
    for hold in holds:
        say(f"  from {hold['sender']}: {hold['reason']} ({hold['kind']})")


def read_holds(settings: Settings, place: Place) -> list[dict[str, Any]]:
    """What the provider holds, as a moderator's tool would ask."""
    provider = settings.provider
    with httpx.Client(verify=_trust(place), timeout=10) as client:
        reply = client.get(
            f"https://{provider.host}:{provider.port}/v1/staff/holds",
            headers={"Authorization": f"Bearer {provider.staff_token}"},
        )
    reply.raise_for_status()
    holds: list[dict[str, Any]] = reply.json()["holds"]
    return holds


def _tell_where(place: Place, settings: Settings, say: Say) -> None:
    provider = settings.provider
    say(f"\nprovider:   https://{provider.host}:{provider.port}/docs")
    say(f"custodian:  https://{settings.custodian.host}:{settings.custodian.port} (mutual TLS)")
    say(f"dealer:     https://{settings.dealer.host}:{settings.dealer.port} (mutual TLS)")
    say(f"everything: {place.root} (softfall.toml, logs, stores, devices)")


def _device(place: Place, settings: Settings, person: str) -> Device:
    secret = _secret(place)
    home = place.device(person)
    if (home / "device.db").exists():
        with contextlib.suppress(_unfinished()):
            return Device.open(home, secret, settings.device)
    url = f"https://{settings.provider.host}:{settings.provider.port}"
    custodian_key = load_identity(settings.custodian.data_dir).public_key
    authority = settings.provider.tls_dir / "ca.crt"
    return Device.create(home, secret, person, url, authority, custodian_key, settings.device)


def _unfinished() -> type[Exception]:
    """What `Device.open` raises for one that was cut off while it registered."""
    from softfall.messaging.session.cells import StateDamaged

    return StateDamaged


def _secret(place: Place) -> bytes:
    path = place.secret_file
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.touch(mode=0o600)
        part.write_bytes(secrets.token_bytes(32))
        part.replace(path)
    return path.read_bytes()


def _configuration(place: Place) -> str:
    ports = {
        name: _free_port(wanted)
        for name, wanted in (("provider", 8443), ("custodian", 8444), ("dealer", 8445))
    }
    dealer_url = f"https://127.0.0.1:{ports['dealer']}"
    attester = place.root / "attester"  # `keys init` makes one, though no enclave runs here
    changes: dict[str, dict[str, Any]] = {
        "provider": {
            "custodian_url": f"https://127.0.0.1:{ports['custodian']}",
            "dealer_url": dealer_url,
        },
        "custodian": {"dealer_url": dealer_url},
        "dealer": {},
    }
    for name, change in changes.items():
        change |= {"port": ports[name], "data_dir": place.root / name}
    changes["enclave"] = {
        "attester_dir": attester,
        "custodian_key_file": attester / "custodian.pub",
    }
    settings = Settings.model_construct()
    tls = {"tls_dir": place.root / "tls"}
    sections = {
        name: getattr(settings, name).model_copy(update={**tls, **change})
        for name, change in changes.items()
    }
    text = config_shown.to_toml(settings.model_copy(update=sections))
    return text.replace('staff_token = ""', f'staff_token = "{secrets.token_urlsafe(24)}"')


def _free_port(wanted: int) -> int:
    """The wanted port, or whichever is free where another program has it."""
    for port in (wanted, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            number: int = probe.getsockname()[1]
            return number
    raise BadConfig("no port is free on 127.0.0.1")


def _command(words: Sequence[str], say: Say) -> None:
    say(f"$ softfall {' '.join(words)}")
    ran = subprocess.run(  # noqa: S603 - our own command, by this interpreter
        [sys.executable, "-m", "softfall", *words], capture_output=True, text=True, check=False
    )
    if ran.returncode:
        raise ServiceDidNotStart(f"`softfall {' '.join(words[:2])}` failed: {ran.stderr.strip()}")


@contextlib.contextmanager
def _service(place: Place, name: str, say: Say) -> Iterator[None]:
    """The real service as a process of its own group, until the block is left."""
    words = ["serve", name, "--config", str(place.config_file)]
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
        _wait_until_up(process, place, name)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait_until_up(process: subprocess.Popen[bytes], place: Place, name: str) -> None:
    settings = config.load(place.config_file)
    section: ProviderSettings | CustodianSettings | DealerSettings = getattr(settings, name)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with socket.socket() as probe:
            if probe.connect_ex((section.host, section.port)) == 0 and process.poll() is None:
                return
        time.sleep(0.1)
    raise ServiceDidNotStart(f"the {name} did not start; its log is {place.log(name)}")


def _trust(place: Place) -> Any:
    import ssl

    return ssl.create_default_context(cafile=str(place.root / "tls" / "ca.crt"))


def _wait_for_interrupt() -> None:
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            signal.pause()


def _limits() -> config.MediaLimits:
    return config.MediaLimits()


def _ignore(done: int, total: int) -> None:
    del done, total
