"""The demo: a whole small service in one folder, a conversation played on it, services left up.

Guarantees: everything is the real thing, by the commands that a keeper and an operator would type
(each is printed); what is in the folder is kept, so that a second run goes on where the first
stopped; services are always stopped when the demo is left.
Limits: one machine, loopback only; the devices' secret lies beside them in the folder, which no
real device would do; photographs of two well-known packages play the listed ones.
"""

import contextlib
import secrets
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import httpx

from softfall import config
from softfall.compare import demo_casework
from softfall.compare.demo_casework import ASKING, trust
from softfall.compare.demo_place import (
    DemoOptionUnusable,
    Place,
    Say,
    command,
    configuration,
)
from softfall.compare.demo_services import address, service, services_of
from softfall.compare.photographs import Photograph, default_paths, open_photographs
from softfall.config import Settings
from softfall.custodian.keys import load_identity
from softfall.device.device import Device
from softfall.device.outcomes import Arrival, Quarantined, Shown
from softfall.media.pdq import PdqHash

PEOPLE: Final = ("alice", "bob", "carol")
LISTED: Final = {"coffee": "hotline;charity", "chelsea": "hotline"}  # and who certified it
UNLISTED: Final = "rocket"
QUIET_SECONDS: Final = 1.5
DEFAULT_OPTION: Final = "split"


def run(root: Path, say: Say, *, stay: bool, option: str | None = None) -> None:
    """Set up what is missing, start the services, play, and (with `stay`) wait for Ctrl-C.

    option: that of a new folder; None: `split`, or the one that the folder has.
    Raises ServiceDidNotStart, BadConfig, DemoOptionUnusable, or what a device raises.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends like Ctrl-C: in good order
    place = Place(root.absolute())
    fresh = not place.config_file.exists()
    photographs = {p.name: p for p in open_photographs(default_paths(), _limits(), _ignore)[0]}
    if fresh:
        set_up(place, photographs, say, option or DEFAULT_OPTION)
    else:
        say(f"going on with what is in {place.root}")
    settings = config.load(place.config_file)
    if option not in (None, settings.provider.option):
        raise DemoOptionUnusable(f"{place.root} was set up for {settings.provider.option}")
    with contextlib.ExitStack() as running:
        for name in services_of(settings.provider.option):
            running.enter_context(service(place, name, say))
        with contextlib.ExitStack() as closing, demo_casework.queue(settings) as queue:
            devices = {
                person: closing.enter_context(_device(place, settings, person)) for person in PEOPLE
            }
            _tell_what_was_kept(devices, say)
            before = queue.came()
            play(devices, photographs, say)
            submit_public(place, settings, photographs, say)
            _tell_holds(settings, place, say)
            # A hold and a report each time; what is public is the same the second time.
            queue.wait_for(before + 2 + (2 if fresh else 0))
            _tell_queue(queue, say)
        _tell_where(place, settings, say)
        if stay:
            say("Services are up; Ctrl-C stops them. Nothing is lost: run it again.")
            _wait_for_interrupt()


def set_up(
    place: Place, photographs: Mapping[str, Photograph], say: Say, option: str = DEFAULT_OPTION
) -> None:
    """Configuration, keys, a small list, its first epoch: by the commands that a keeper types.

    All of it in a folder that gets its name only once it is whole, so that a demo which is cut off
    in the middle begins anew.
    """
    place.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    lines = ["hash,source,label,certifiers"]
    for name, certifiers in LISTED.items():
        found = photographs[name].hash
        assert isinstance(found, PdqHash)
        lines.append(f"{found.hex},demo,harmless photograph {name},{certifiers}")
    place.list_file.write_text("\n".join(lines) + "\n", "utf-8")
    place.words_file.write_text(demo_casework.WORDS, "utf-8")
    draft = place.config_file.with_suffix(".draft.toml")
    draft.touch(mode=0o600)
    draft.write_text(configuration(place, option), "utf-8")
    for done, words in (
        (place.root / "tls", ["keys", "init"]),
        (None, ["list", "import", str(place.list_file)]),
        (None, ["list", "publish", "--option", option]),
    ):
        if done is None or not done.exists():
            command([*words, "--config", str(draft)], say)
    demo_casework.add_staff(place, str(draft), say)
    draft.replace(place.config_file)


def play(
    devices: Mapping[str, Device], photographs: Mapping[str, Photograph], say: Say
) -> dict[str, list[Arrival]]:
    """A short conversation; what arrived, by person."""
    alice, bob = devices["alice"], devices["bob"]
    listed, unlisted = photographs[next(iter(LISTED))], photographs[UNLISTED]
    say("\nalice writes to bob; sends a photograph that is on no list, and one that is listed")
    alice.send_text("bob", "Shall we meet at the library at four?")
    alice.send_photo("bob", unlisted.data, text="Look what I saw.")
    alice.send_photo("bob", listed.data, text="And this one.")
    say("bob answers, and writes to the group of three")
    bob.send_text("alice", "Four is good.")
    bob.send_text(("alice", "carol"), "Carol, join us if you like.", conversation="outing")
    say("bob writes to carol alone, something that she will report, without her name")
    bob.send_text("carol", ASKING)
    arrived = {person: _all_that_comes(device) for person, device in devices.items()}
    for person, arrivals in arrived.items():
        say(f"\n{person}'s device:")
        for arrival in arrivals:
            say(f"  {_line(arrival)}")
    reported = demo_casework.report(devices["carol"], arrived["carol"], ASKING)
    say(f"\ncarol reports bob's message to her: {reported.accepted} message, proved by franking")
    return arrived


def submit_public(
    place: Place, settings: Settings, photographs: Mapping[str, Photograph], say: Say
) -> None:
    """What everybody can see: one profile picture, which is listed, and one group's name."""
    answers = demo_casework.submit_public(place, settings, photographs["chelsea"].data)
    say(
        "the platform submits what is public: " + ", ".join(f"{k}: {v}" for k, v in answers.items())
    )


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
    with httpx.Client(verify=trust(place), timeout=10) as client:
        reply = client.get(
            f"https://{provider.host}:{provider.port}/v1/staff/holds",
            headers={"Authorization": f"Bearer {provider.staff_token}"},
        )
    reply.raise_for_status()
    holds: list[dict[str, Any]] = reply.json()["holds"]
    return holds


def _tell_queue(queue: demo_casework.Queue, say: Say) -> None:
    waiting = queue.waiting()
    say(f"\nin the console's queue: {len(waiting)}")
    for case in waiting:
        say(f"  {case.case_id}: {case.category}, {case.subject}: {'; '.join(case.reasons)}")


def _tell_where(place: Place, settings: Settings, say: Say) -> None:
    at = {
        name: "{}:{}".format(*address(settings, name))
        for name in services_of(settings.provider.option)
    }
    say(f"\nconsole:    https://{at['console']} (certificate: {place.root / 'tls' / 'ca.crt'})")
    for name, password in demo_casework.passwords(place).items():
        say(f"            {name}, {demo_casework.STAFF[name]}: {password}")
    say(f"authority:  http://{at['simulator']} (a simulator: what referrals reach)")
    say(f"provider:   https://{at['provider']}/docs")
    say(f"custodian:  https://{at['custodian']} (mutual TLS)")
    say(f"dealer:     https://{at['dealer']} (mutual TLS)")
    if "keyholder" in at:
        say(f"keyholder:  https://{at['keyholder']} (mutual TLS)")
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


def _wait_for_interrupt() -> None:
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            signal.pause()


def _limits() -> config.MediaLimits:
    return config.MediaLimits()


def _ignore(done: int, total: int) -> None:
    del done, total
