"""A baseline's device as a process: what all baselines' devices do. Commands: connect, send, sync.

send, by each baseline: a message and the command that asked for it.
"""

import contextlib
import hashlib
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

from cryptography.exceptions import InvalidTag

from softfall.compare.baselines.client import Arrived, SharedSeal
from softfall.compare.parties.serving import make_recorder
from softfall.compare.party import Wire


class BaselineDevice(Protocol):
    """One account of a baseline."""

    def sync(self) -> list[Arrived]:
        """What has arrived since the last time, oldest first."""


_Device = TypeVar("_Device", bound=BaselineDevice)
Connect = Callable[[str, Path, str], _Device]
Send = Callable[[_Device, bytes, bytes | None, dict[str, Any]], None]


def play_baseline(
    wire: Wire, task: dict[str, Any], connect: Connect[_Device], send: Send[_Device]
) -> None:
    """Do what the witness says. connect: from (url, authority, account) to the device.

    send: hands over one message: (device, message id, picture, the witness's command).
    """
    make_recorder(task)
    wire.say(ready=True)
    opened: _Device | None = None
    seal = SharedSeal(task["password"]) if "password" in task else None
    for command in wire.commands():
        start = time.perf_counter()
        if command["do"] == "connect":
            opened = connect(command["url"], Path(task["authority"]), task["account"])
            wire.say(ms=_ms_since(start))
            continue
        assert opened is not None
        if command["do"] == "send":
            message_id = secrets.token_bytes(16)
            picture = _picture(command, message_id, seal if command.get("colluding") else None)
            send(opened, message_id, picture, command)
            wire.say(id=message_id.hex(), refused="", ms=_ms_since(start))
        else:
            events = [_event(arrived, seal) for arrived in opened.sync()]
            wire.say(events=events, ms=_ms_since(start))


def _picture(command: dict[str, Any], message_id: bytes, seal: SharedSeal | None) -> bytes | None:
    picture = Path(command["picture"]).read_bytes() if command.get("picture") else None
    return picture if picture is None or seal is None else seal.seal(picture, message_id)


def _event(arrived: Arrived, seal: SharedSeal | None) -> dict[str, Any]:
    """What the user sees: whatever has arrived, unsealed where the pair agreed on it."""
    picture = arrived.picture
    if picture is not None and seal is not None:
        with contextlib.suppress(InvalidTag):  # not sealed by the pair: shown as it is
            picture = seal.unseal(picture, arrived.message_id)
    return {
        "id": arrived.message_id.hex(),
        "shown": True,
        "reason": "",
        "text": arrived.text,
        "picture_sha256": hashlib.sha256(picture).hexdigest() if picture is not None else "",
    }


def _ms_since(start: float) -> float:
    return (time.perf_counter() - start) * 1000
