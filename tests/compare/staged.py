"""A scene for trials without processes: the test sets what parties recorded and answered."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from softfall.compare.casts.cast import Cast, Place, Played
from softfall.compare.known import make_list
from softfall.compare.plan import AS_IT_IS, Cheat, Conversation, Kind, Picture, Turn
from softfall.compare.recorder import SERVER, Recorder
from softfall.compare.results import OptionRun, Outcome, Sent
from softfall.compare.trials.linking import FourPictures
from softfall.compare.trials.scene import Scene, Sending
from softfall.config import MediaLimits
from softfall.media.decode import decode
from softfall.media.pdq import PdqHash, pdq
from softfall.messaging.envelope import ENVELOPE
from tests.compare.results_at_will import option_run
from tests.device.pictures import ASTRONAUT, CHINA, FLOWER, jpeg

TURNS = (
    *(Turn(Kind.CHEAT, 0, cheat) for cheat in Cheat),
    Turn(Kind.COLLUDING, 0),
)


@dataclass
class StagedParty:
    """A party that answers as the test says."""

    answer: Callable[[str, dict[str, Any]], dict[str, Any]]
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def ask(self, command: str, **values: Any) -> dict[str, Any]:
        self.asked.append((command, values))
        return self.answer(command, values)


@dataclass
class StagedCast:
    """Parties by role; nothing is started."""

    name: str
    parties: dict[str, StagedParty] = field(default_factory=dict)

    @property
    def option(self) -> str:
        return self.name.removesuffix("_permuted")

    def fate(self, message_id: str) -> str:
        return message_id


def picture(name: str, data: bytes, distance_bits: int | None, edit: str = AS_IT_IS) -> Picture:
    return Picture(name, edit, data, "jpeg", pdq(decode(data, MediaLimits()).pixels), distance_bits)


def sent(turns: Sequence[Turn], outcome: Outcome) -> tuple[Sent, ...]:
    return tuple(
        Sent(
            turn=number, outcome=outcome, reason="a reason", sender_ms=1, verdict_ms=1,
            recipient_ms=1, cpu_ms={}, up_bytes={}, down_bytes={},
        )
        for number in range(len(turns))
    )  # fmt: skip


def scene(folder: Path, option: str = "split", outcome: Outcome = Outcome.QUARANTINED,
          **changes: Any) -> Scene:  # fmt: skip
    """A scene with one listed picture and three that are not; every message went the same way."""
    listed = picture("china", jpeg(CHINA), 0)
    assert isinstance(listed.hashed, PdqHash)
    others = (picture("flower", jpeg(FLOWER), None), picture("astronaut", jpeg(ASTRONAUT), None),
              picture("flower small", jpeg(FLOWER, quality=30), None))  # fmt: skip
    known = make_list([listed.hashed.bits], 20, 1, "a test's")
    conversation = Conversation(known, (listed, *others), TURNS)
    views = folder / "views"
    views.mkdir(parents=True, exist_ok=True)
    run = option_run(option, (), sent=sent(TURNS, outcome), **changes)
    played = [
        Played(f"{number:032x}", outcome, "", 0, 0, 0, {}, 0, 0) for number in range(len(TURNS))
    ]
    place = Place(folder, views, folder / "list.txt", "")
    return Scene(cast(Cast, StagedCast(option)), run, place, conversation, [], played)


def with_run(staged: Scene, **changes: Any) -> OptionRun:
    return staged.run.model_copy(update=changes)


class Stage:
    """Writes what roles received, as their recorders would."""

    def __init__(self, staged: Scene) -> None:
        self.scene = staged
        self.recorders: dict[str, Recorder] = {}

    def note(self, role: str, method: str, path: str, body: bytes, start_ns: int = 0) -> None:
        if role not in self.recorders:
            self.recorders[role] = Recorder(self.scene.place.views, role)
            cast(Any, self.scene.cast).parties.setdefault(role, StagedParty(lambda *_: {}))
        asked = (method, path, 200)
        self.recorders[role].note(SERVER, asked, start_ns, (body, 10), (0, 0))

    def sent_four(self, bodies: Sequence[bytes], sizes: Sequence[int]) -> None:
        """Four pictures, with these submissions and sealed files of these sizes."""
        sendings = []
        for number, (body, size) in enumerate(zip(bodies, sizes, strict=True)):
            digest, envelope_id = bytes([number]) * 32, bytes([number]) * 16
            self.note("provider", "PUT", f"/v1/attachments/{digest.hex()}", bytes(size))
            submission = {"option": self.scene.option, "epoch": 1, "body": body}
            self.note(
                "provider", "POST", "/v1/envelopes", envelope(envelope_id, submission, digest)
            )
            sendings.append(Sending(envelope_id, "", 10 * number, 10 * number + 9))
        self.scene.memory["four pictures"] = FourPictures(*sendings)


def envelope(envelope_id: bytes, submission: dict[str, Any], attachment: bytes) -> bytes:
    return ENVELOPE.encode(
        {
            "version": 1,
            "envelope_id": envelope_id,
            "conversation": "a conversation",
            "payloads": [{"recipient": "ben", "kind": 1, "body": b"sealed"}],
            "group_body": b"",
            "commitment": bytes(32),
            "submission": submission,
            "attachment": attachment,
            "sent_at_ms": 1,
        }
    )
