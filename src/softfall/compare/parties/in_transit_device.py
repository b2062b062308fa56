"""A device of the baseline `in_transit` as a process."""

from typing import Any

from softfall.compare.baselines.in_transit.device import InTransitDevice
from softfall.compare.parties.baseline_device import play_baseline
from softfall.compare.party import Wire


def play(wire: Wire, task: dict[str, Any]) -> None:
    """Do what the witness says: connect, send, sync."""
    play_baseline(wire, task, InTransitDevice, _send)


def _send(
    device: InTransitDevice, message_id: bytes, picture: bytes | None, command: dict[str, Any]
) -> None:
    device.send(command["to"], message_id, command["text"], picture)
