"""A device of the baseline `backdoor` as a process. A cheat, of whatever name, escrows a lie."""

from typing import Any

from softfall.compare.baselines.backdoor.device import BackdoorDevice
from softfall.compare.parties.baseline_device import play_baseline
from softfall.compare.party import Wire


def play(wire: Wire, task: dict[str, Any]) -> None:
    """Do what the witness says: connect, send, sync."""
    play_baseline(wire, task, BackdoorDevice, _send)


def _send(
    device: BackdoorDevice, message_id: bytes, picture: bytes | None, command: dict[str, Any]
) -> None:
    device.send(command["to"], message_id, command["text"], picture, lie="cheat" in command)
