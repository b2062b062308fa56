"""This device's own look at a received picture that its sender could not have checked.

Guarantees: under the option `on_device` a device that keeps a list takes a picture that came
unchecked (a custodian outage) through the sender's own path: question, map, and, for a candidate
only, `confirm`. Only a confirmed picture is "on the list"; whatever stands in the way leaves it
unchecked, as it came. No network is used inside the store's transaction: `found` raises LookFirst,
the caller rolls back, has `look` look, and begins anew.
Limits, printed: one try, without waiting, when the picture arrives. What came checked is not looked
at again, though this device's map may be newer than the one that its sender looked into. The
provider puts a confirmed picture on record under the account of whoever asked, here the recipient,
as one that was received.
"""

from dataclasses import dataclass, field
from enum import Enum

from softfall.device import questions
from softfall.device.kit import Kit
from softfall.device.options import OUTAGE
from softfall.device.transport import Service
from softfall.errors import SoftfallError
from softfall.lists.manifest import Manifest
from softfall.media.pdq import PdqHash, Unhashable
from softfall.messaging.envelope import SUBMISSION
from softfall.options.contract import DeviceHalf, ListNotHere, Pending, ScanSecret, Submission
from softfall.options.frames.choosing import SeenFrame
from softfall.options.frames.device import secret_of
from softfall.wire import Value

OPTION = "on_device"


class Sight(Enum):
    """What came of a look."""

    LISTED = "confirmed to be on the list"
    NOT_LISTED = "no candidate, or not confirmed"
    NOT_SEEN = "nobody could say"


@dataclass(frozen=True, slots=True)
class Unseen:
    """One picture to look at, or a video's distinct frames. key: its attachment's, no other's."""

    media: PdqHash | Unhashable | tuple[SeenFrame, ...]
    key: bytes = field(repr=False)


class LookFirst(Exception):
    """Not an error: the transaction is to be left for the network, and begun anew."""

    def __init__(self, unseen: Unseen) -> None:
        super().__init__("this picture has not been looked at yet")
        self.unseen = unseen


class OwnLook:
    """The looks of one device."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._last: tuple[Unseen, Sight] | None = None

    def wanted(self, option: str) -> bool:
        """Whether a picture that came under this option is to be looked at here."""
        kit = self._kit
        return option == OUTAGE and kit.keeps_list and kit.settings.look_at_received

    def found(self, unseen: Unseen) -> Sight:
        """What the look at this picture showed. Raises LookFirst where there was none yet."""
        if self._last is None or self._last[0] != unseen:
            raise LookFirst(unseen)
        return self._last[1]

    def look(self, unseen: Unseen) -> None:
        """Look, by the network; outside any transaction. Never raises a SoftfallError."""
        try:
            sight = self._look(unseen, self._kit.current_service())
        except SoftfallError:  # an epoch that ended meanwhile, for one
            try:
                sight = self._look(unseen, self._kit.current_service(fresh=True))
            except SoftfallError:
                sight = Sight.NOT_SEEN
        self._last = unseen, sight

    def forget(self) -> None:
        """What was seen is settled."""
        self._last = None

    def _look(self, unseen: Unseen, service: Service) -> Sight:
        kit, body = self._kit, service.manifest
        if service.option != OPTION or body is None:
            return Sight.NOT_SEEN
        with kit.store.transaction():
            manifest = kit.epochs.adopt(body, kit.surroundings.now_ms())
        half = kit.epochs.half(body, manifest)
        secret = ScanSecret(unseen.key, manifest.option, manifest.epoch)
        if not isinstance(unseen.media, tuple):
            return self._look_at(half, manifest, unseen.media, secret)
        for frame in unseen.media:
            own = secret_of(secret, frame.number)
            sight = self._look_at(half, manifest, frame.media, own)
            if sight is not Sight.NOT_LISTED:
                return sight
        return Sight.NOT_LISTED

    def _look_at(
        self,
        half: DeviceHalf,
        manifest: Manifest,
        media: PdqHash | Unhashable,
        secret: ScanSecret,
    ) -> Sight:
        """At one picture, or one frame."""
        kit = self._kit
        try:
            pending: Pending = half.begin(media, secret)
        except ListNotHere:
            kit.refresh_list()
            pending = half.begin(media, secret)
        reply = None
        if pending.request is not None:
            reply, _ = questions.ask(kit, manifest, pending.request.body, wait_seconds=0.0)
            if reply is None:
                return Sight.NOT_SEEN
        submission, _ = pending.finish(reply)
        return self._cleared(submission) if half.asks_first(submission) else Sight.NOT_LISTED

    def _cleared(self, submission: Submission) -> Sight:
        values: dict[str, Value] = {
            "option": submission.option,
            "epoch": submission.epoch,
            "body": submission.body,
        }
        told = SUBMISSION.encode(values)
        answer = self._kit.transport.clear(submission.option, told, received=True)
        return _ANSWERS[answer]


_ANSWERS = {
    "blocked": Sight.LISTED,
    "cleared": Sight.NOT_LISTED,
    "later": Sight.NOT_SEEN,
}
