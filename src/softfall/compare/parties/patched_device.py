"""The patched devices' processes: a sender who cheats as told, a recipient who looks away.

The cheats are those of `softfall.testing.patched`, put together through the device's own parts; the
device's code is not touched. Commands: connect, send (with `cheat` and `decoy`), sync.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from softfall.compare.parties import device as honest_device
from softfall.compare.party import Wire
from softfall.compare.plan import Cheat
from softfall.config import MediaLimits
from softfall.device.device import HONEST, Device, Parts
from softfall.device.options import HalfPorts
from softfall.device.outgoing import Outgoing
from softfall.lists.manifest import Manifest
from softfall.media.decode import decode
from softfall.media.pdq import PdqHash, Unhashable, pdq
from softfall.options.contract import DeviceHalf, Pending, ScanSecret, Submission
from softfall.testing.patched import (
    AnotherPicture,
    AnotherPicturesTags,
    FalseOutage,
    HonestHalf,
    Junk,
    LooksAway,
    NothingSubmitted,
    OldTags,
    PassedOffAsText,
)
from softfall.wire import Value

Media = PdqHash | Unhashable


@dataclass
class Mode:
    """How the app cheats just now; None: not at all. old: remembers the first tags it made."""

    cheat: Cheat | None = None
    decoy: Media = field(default_factory=lambda: Unhashable("no decoy yet", 0))
    old: OldTags | None = None


_HALVES: Final[dict[Cheat, Callable[[DeviceHalf, Mode], DeviceHalf]]] = {
    Cheat.OTHER: lambda half, mode: AnotherPicturesTags(half, mode.decoy),
    Cheat.WHOLE: lambda half, mode: AnotherPicture(half, mode.decoy),
    Cheat.JUNK: lambda half, mode: Junk(half),
    Cheat.OLD: lambda half, mode: mode.old or half,
}
_DRESSES: Final[dict[Cheat, type[Outgoing]]] = {
    Cheat.NOTHING: NothingSubmitted,
    Cheat.TEXT: PassedOffAsText,
    Cheat.OUTAGE: FalseOutage,
}


@dataclass
class _AsTold(HonestHalf):
    """The half that the mode asks for, message by message."""

    mode: Mode

    def begin(self, media: Media, secret: ScanSecret) -> Pending:
        """As the cheat of the moment does."""
        make = _HALVES.get(self.mode.cheat) if self.mode.cheat else None
        half = make(self.half, self.mode) if make else self.half
        return half.begin(media, secret)


def play(wire: Wire, task: dict[str, Any]) -> None:
    """Do what the witness says until it is gone."""
    if task["role"] == "colluding recipient":
        honest_device.play(wire, task, replace(HONEST, incoming=LooksAway))
        return
    mode = Mode()

    def send(device: Device, command: dict[str, Any]) -> dict[str, str]:
        return _send(device, command, mode)

    honest_device.play(wire, task, _patched(mode), send)


def _patched(mode: Mode) -> Parts:
    def make_half(manifest: Manifest, ports: HalfPorts) -> DeviceHalf:
        half = HONEST.make_half(manifest, ports)
        mode.old = OldTags(half)
        return _AsTold(half, mode)

    class DressedAsTold(Outgoing):
        def clear(self, submission: Submission) -> None:
            """An app that cheats does not ask before it sends."""
            if mode.cheat is None:
                super().clear(submission)

        def dress(self, values: dict[str, Value]) -> dict[str, Value]:
            dress = _DRESSES.get(mode.cheat) if mode.cheat else None
            return values if dress is None else dress.dress(self, values)

    return replace(HONEST, make_half=make_half, outgoing=DressedAsTold)


def _send(device: Device, command: dict[str, Any], mode: Mode) -> dict[str, str]:
    mode.cheat = Cheat.OTHER if command.get("colluding") else Cheat[command["cheat"].upper()]
    decoy = Path(command["decoy"])
    mode.decoy = pdq(decode(decoy.read_bytes(), MediaLimits()).pixels)
    if mode.cheat is Cheat.OLD and not (mode.old and mode.old.first):
        # Tags grow old in honest use: an unlisted picture, sent as it is, comes first.
        honest_device.send(device, {**command, "picture": str(decoy)})
    sent = honest_device.send(device, command)
    mode.cheat = None
    return sent
