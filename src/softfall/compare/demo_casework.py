"""The demo's casework: staff to log in as; a report and public things to fill the queue with.

Guarantees: everything comes the way it would: a report from a device, a hold from the option, a
profile picture and a group's name by the platform's own route; nothing is put into casework's
database by hand. A second run adds to what is there. All lines are harmless.
"""

import secrets
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import httpx
from sqlalchemy import func, select

from softfall.casework.database import casework_url, open_casework
from softfall.casework.described import CaseRow, QueueFilter
from softfall.casework.model import Role
from softfall.casework.queue import listed
from softfall.casework.rights import StaffRef
from softfall.casework.tables import sources
from softfall.compare.demo_place import Place, Say, ServiceDidNotStart, command
from softfall.config import Settings
from softfall.device.device import Device
from softfall.device.outcomes import Arrival, Reported, Shown
from softfall.store.transactions import Database

STAFF: Final[Mapping[str, Role]] = {
    "ines": Role.ADMINISTRATOR,  # the first must be one
    "mira": Role.MODERATOR,
    "noor": Role.LEAD,
    "sol": Role.LEAD,
    "theo": Role.AUDITOR,
}
ASKING: Final = "Which school do you go to? Do not tell anybody that I asked."
WORDS: Final = "# Words that public names are compared with, one a line.\nnight owls\n"
GROUP_NAME: Final = "Night Owls of Elm Street"
QUEUE_SECONDS: Final = 60.0


def add_staff(place: Place, config_file: str, say: Say) -> None:
    """One of each role (two leads, for a second reader), passwords in a file of the folder's.

    Safe to be cut off and run again: who is on the staff already stays as he is.
    """
    if not place.staff_file.exists():
        lines = [f"{name} ({role}): {secrets.token_urlsafe(12)}\n" for name, role in STAFF.items()]
        part = place.staff_file.with_suffix(".part")
        part.touch(mode=0o600)
        part.write_text("".join(lines), "utf-8")
        part.replace(place.staff_file)
    made = passwords(place)
    on_it = command(["staff", "list", "--config", config_file], say).split()
    for name, role in STAFF.items():
        if name not in on_it:
            words = ["staff", "add", name, "--role", role, "--password-stdin"]
            command([*words, "--config", config_file], say, stdin=made[name] + "\n")


def passwords(place: Place) -> dict[str, str]:
    """By name; from the file that `add_staff` wrote."""
    found = {}
    for line in place.staff_file.read_text("utf-8").splitlines():
        who, _, password = line.partition(": ")
        found[who.partition(" ")[0]] = password
    return found


def report(device: Device, arrivals: Sequence[Arrival], text: str) -> Reported:
    """The newest message that reads `text`, reported without a name."""
    shown = [one for one in arrivals if isinstance(one, Shown) and one.text == text]
    newest = shown[-1]
    return device.report([(newest.sender, newest.envelope_id)], "child-safety", anonymous=True)


def submit_public(place: Place, settings: Settings, picture: bytes) -> dict[str, str]:
    """A profile picture and a group's name, by the platform's own routes; the answers."""
    provider = settings.provider
    base = f"https://{provider.host}:{provider.port}/v1/surfaces"
    headers = {"Authorization": f"Bearer {provider.surface_token}"}
    named = {"kind": "group name", "subject": "group elm-street", "name": GROUP_NAME}
    shown = {"kind": "profile picture", "subject": "carol"}
    with httpx.Client(verify=trust(place), timeout=30, headers=headers) as client:
        replies = {
            "picture": client.put(f"{base}/pictures/carol", params=shown, content=picture),
            "name": client.put(f"{base}/names/elm-street", json=named),
        }
    for reply in replies.values():
        reply.raise_for_status()
    return {what: reply.json()["answer"] for what, reply in replies.items()}


@contextmanager
def queue(settings: Settings) -> Iterator["Queue"]:
    """The console's database, read beside it."""
    db = open_casework(casework_url(settings.console))
    try:
        yield Queue(db)
    finally:
        db.close()


class Queue:
    """What has come to casework."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def came(self) -> int:
        """How many things have come in, ever."""
        with self._db.read() as tx:
            return tx.execute(select(func.count()).select_from(sources)).scalar_one()

    def wait_for(self, count: int) -> None:
        """Until as many have come in. Raises ServiceDidNotStart."""
        deadline = time.monotonic() + QUEUE_SECONDS
        while self.came() < count:
            if time.monotonic() > deadline:
                raise ServiceDidNotStart("cases do not reach the console: see provider.log")
            time.sleep(0.2)

    def waiting(self) -> list[CaseRow]:
        """Open cases, what comes first on top."""
        with self._db.read() as tx:
            return listed(tx, StaffRef("demo", Role.LEAD), QueueFilter())


def trust(place: Place) -> Any:
    """The installation's own authority."""
    return ssl.create_default_context(cafile=str(place.root / "tls" / "ca.crt"))
