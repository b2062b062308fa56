"""A device of the baseline as a process. Commands: connect, send, sync."""

import contextlib
import hashlib
import secrets
import time
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag

from softfall.compare.baselines.in_transit.device import Arrived, InTransitDevice, SharedSeal
from softfall.compare.parties.serving import make_recorder
from softfall.compare.party import Wire


def play(wire: Wire, task: dict[str, Any]) -> None:
    """Do what the witness says: connect, send, sync."""
    make_recorder(task)
    wire.say(ready=True)
    opened: InTransitDevice | None = None
    seal = SharedSeal(task["password"]) if "password" in task else None
    for command in wire.commands():
        start = time.perf_counter()
        if command["do"] == "connect":
            opened = InTransitDevice(command["url"], Path(task["authority"]), task["account"])
            wire.say(ms=_ms_since(start))
            continue
        assert opened is not None
        if command["do"] == "send":
            message_id = _send(opened, command, seal if command.get("colluding") else None)
            wire.say(id=message_id.hex(), refused="", ms=_ms_since(start))
        else:
            events = [_event(arrived, seal) for arrived in opened.sync()]
            wire.say(events=events, ms=_ms_since(start))


def _send(device: InTransitDevice, command: dict[str, Any], seal: SharedSeal | None) -> bytes:
    message_id = secrets.token_bytes(16)
    picture = Path(command["picture"]).read_bytes() if command.get("picture") else None
    if picture is not None and seal is not None:
        picture = seal.seal(picture, message_id)
    device.send(command["to"], message_id, command["text"], picture)
    return message_id


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
