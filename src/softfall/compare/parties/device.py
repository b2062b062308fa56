"""A device's process: the real device, under a recorder. Commands: connect, send, sync, report."""

import hashlib
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from softfall.compare.parties.serving import make_recorder
from softfall.compare.party import Wire
from softfall.device.device import HONEST, Device, Parts
from softfall.device.outcomes import MessageArrival, Notice, Quarantined, Queued, Shown
from softfall.errors import SoftfallError, UnavailableError

LIST_SECONDS = 60.0
LIVE_MIME = "video/live"  # as the witness calls a part of a live stream
POLL_SECONDS = 0.2


def send(device: Device, command: dict[str, Any]) -> dict[str, str]:
    """One message: its id, or why it was refused."""
    try:
        if command.get("picture"):
            data, to, text = Path(command["picture"]).read_bytes(), command["to"], command["text"]
            mime = command.get("mime", "")
            if mime.startswith("video/"):
                outcome = device.send_video(to, data, text=text, live=mime == LIVE_MIME)
            else:
                outcome = device.send_photo(to, data, text=text)
        else:
            outcome = device.send_text(command["to"], command["text"])
    except SoftfallError as error:
        said = error.what.partition(" (")[0]  # without the remedy, which is for people
        return {"id": "", "refused": said}
    refused = f"queued: {outcome.reason}" if isinstance(outcome, Queued) else ""
    return {"id": outcome.envelope_id.hex(), "refused": refused}


def play(
    wire: Wire,
    task: dict[str, Any],
    parts: Parts = HONEST,
    send_one: Callable[[Device, dict[str, Any]], dict[str, str]] = send,
) -> None:
    """Do what the witness says until it is gone.

    parts, send_one: other ones make a patched device.
    """
    make_recorder(task)
    wire.say(ready=True)
    opened: Device | None = None
    for command in wire.commands():
        start = time.perf_counter()
        if command["do"] == "connect":
            opened = _create(task, command, parts)
            wire.say(**_fetch_list(opened, command), ms=_ms_since(start))
            continue
        assert opened is not None
        if command["do"] == "send":
            wire.say(**send_one(opened, command), ms=_ms_since(start))
        elif command["do"] == "report":
            wire.say(**_report(opened, command), ms=_ms_since(start))
        else:
            events = [_event(a) for a in opened.sync() if not isinstance(a, Notice)]
            wire.say(events=events, ms=_ms_since(start))


def _report(device: Device, command: dict[str, Any]) -> dict[str, Any]:
    """What one report of messages proved, or why it was refused."""
    try:
        told = device.report([bytes.fromhex(each) for each in command["ids"]], "other")
    except SoftfallError as error:
        return {"refused": error.what, "accepted": 0, "lies_proved": 0}
    return {"refused": "", "accepted": told.accepted, "lies_proved": told.lies_proved}


def _create(task: dict[str, Any], command: dict[str, Any], parts: Parts) -> Device:
    return Device.create(
        Path(task["data"]),
        secrets.token_bytes(32),
        task["account"],
        command["url"],
        Path(task["authority"]),
        bytes.fromhex(command["custodian_key"]),
        list_root=bytes.fromhex(command.get("list_root", "")),
        parts=parts,
    )


def _fetch_list(device: Device, command: dict[str, Any]) -> dict[str, float]:
    """The device's own list, where the option has one, before the first message."""
    if not command.get("list_root"):
        return {}
    start = time.monotonic()
    while True:
        try:
            device.update_list()
            return {"list_seconds": time.monotonic() - start}
        except UnavailableError:  # the provider has not copied it yet
            if time.monotonic() - start > LIST_SECONDS:
                raise
            time.sleep(POLL_SECONDS)


def _event(arrival: MessageArrival) -> dict[str, Any]:
    """What the person sees of one arrival."""
    shown = isinstance(arrival, Shown)
    picture = (arrival.picture or arrival.video) if isinstance(arrival, Shown) else None
    reason = "" if isinstance(arrival, Shown) else arrival.reason
    quarantined = isinstance(arrival, Quarantined)
    return {
        "id": arrival.envelope_id.hex(),
        "shown": shown,
        "reason": reason if quarantined or shown else f"{type(arrival).__name__.lower()}: {reason}",
        "text": arrival.text if isinstance(arrival, Shown) else "",
        "picture_sha256": hashlib.sha256(picture).hexdigest() if picture is not None else "",
    }


def _ms_since(start: float) -> float:
    return (time.perf_counter() - start) * 1000
