"""The curious provider: what it can link from what it was handed, and until when.

Guarantees: works on the bytes that the run recorded at the provider, and on nothing else: it cuts
each submission into its fields, those into numbers and stretches of 8 bytes, and looks for what two
submissions share. A picture is linked where it shares more with its own copy than with another
picture; so what is the same for everybody links nothing.
Limit: a cleverer provider may link what this does not; what this links, is linked. Who writes to
whom, and when, the provider knows under every option.
"""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from softfall.compare.casts.cast import COLLUDER, PROVIDER, RECIPIENT, SENDER
from softfall.compare.edits import EDITS
from softfall.compare.findings import readable_of
from softfall.compare.plan import AS_IT_IS, Picture
from softfall.compare.results import TrialResult
from softfall.compare.trials.scene import Finding, Scene, Sending
from softfall.compare.trials.street import SUBMISSIONS, Submitted
from softfall.compare.views import Recording
from softfall.config import MediaLimits
from softfall.media.decode import decode
from softfall.media.pdq import PdqHash
from softfall.messaging.envelope import ENVELOPE
from softfall.messaging.envelope import SUBMISSION as ASKED_ABOUT

_RECORDED_SECONDS: Final = 5.0
STRETCH_BYTES: Final = 8
ENVELOPES: Final = ("POST", "/v1/envelopes")
NOT_OF_A_PICTURE: Final = frozenset({"version", "list_version"})  # of the form, of the list


@dataclass(frozen=True, slots=True)
class Shown:
    """What the provider has of one picture: its submission's body, its sealed file's size."""

    body: bytes
    file_bytes: int


@dataclass(frozen=True, slots=True)
class FourPictures:
    """One unlisted picture sent twice, its edited copy, and another picture; and how each went."""

    first: Sending
    again: Sending
    edited: Sending
    other: Sending

    def all(self) -> tuple[Sending, ...]:
        """In the order in which they were sent."""
        return (self.first, self.again, self.edited, self.other)


def stretches(option: str, body: bytes) -> frozenset[bytes]:
    """Every number, and every 8 bytes of every field, that two submissions could have in common.

    Raises MalformedMessage for what is no submission of this option.
    """
    found = set[bytes]()
    _collect(SUBMISSIONS[option].decode(body), found)
    return frozenset(found)


def linked(option: str, first: Shown, copy: Shown, other: Shown) -> tuple[int, int, int]:
    """(shared with the copy, shared with the other picture, stretches in all).

    Equal bodies count as one more stretch in common.
    """
    own = stretches(option, first.body)

    def shared(with_: Shown) -> int:
        return len(own & stretches(option, with_.body)) + (first.body == with_.body)

    return shared(copy), shared(other), len(own) + 1


def four_pictures(scene: Scene) -> FourPictures:
    """Sent once for all trials that look at them: different senders, different conversations."""
    if "four pictures" not in scene.memory:
        scene.memory["four pictures"] = _send_four(scene)
    found: FourPictures = scene.memory["four pictures"]
    return found


def by_submission(scene: Scene) -> Finding:
    """Can the provider link two messages by what is submitted for matching?"""
    if not scene.matches:
        return _reads(scene)
    seen = _seen(scene)
    if isinstance(seen, Finding):
        return seen
    first, again, edited, other = seen
    again_shared, other_shared, total = linked(scene.option, first, again, other)
    edited_shared, _, _ = linked(scene.option, first, edited, other)
    sees = max(again_shared, edited_shared) > other_shared
    bodies = Counter(each.body for each in _handed_over(scene).values())
    return Finding(
        TrialResult.SEES if sees else TrialResult.CANNOT,
        f"of {total:,} stretches of a submission the same picture sent again shares "
        f"{again_shared:,}, an edited copy {edited_shared:,}, another picture {other_shared:,}; of "
        f"{bodies.total():,} submissions in all, {max(bodies.values()):,} are the very same bytes",
        by_whom=PROVIDER if sees else "",
        evidence=("submissions in 4 x POST /v1/envelopes", "views/provider.spool"),
        figure=f"{again_shared:,} of {total:,}, by chance {other_shared:,}",
    )


def by_candidate(scene: Scene) -> Finding:
    """The same of listed pictures: what is handed over of a candidate is more than of others."""
    if not scene.matches:
        return _reads(scene)
    listed = [p for p in scene.conversation.pictures if p.distance_bits == 0 and p.edit == AS_IT_IS]
    if len(listed) < 2:
        return Finding(TrialResult.NOT_RUN, "it takes two listed pictures, sent as they are")
    one, two = ((scene.file_of(p.data, "listed"), f"image/{p.format}") for p in listed[:1] * 2)
    other = scene.file_of(listed[1].data, "listed-other"), f"image/{listed[1].format}"
    sent = (
        scene.send(SENDER, RECIPIENT, *one),
        scene.send(RECIPIENT, COLLUDER, *two),
        scene.send(SENDER, RECIPIENT, *other),
    )
    bodies = submissions(scene, sent)
    shown = [Shown(body, 0) for body in bodies if body is not None]
    if len(shown) < len(sent):
        return Finding(TrialResult.NOT_RUN, "the pictures' submissions were not recorded")
    again_shared, other_shared, total = linked(scene.option, *shown)
    sees = again_shared > other_shared
    asked = sum(bool(each.refused) for each in sent)
    return Finding(
        TrialResult.SEES if sees else TrialResult.CANNOT,
        f"of {total:,} numbers and stretches of a listed picture's submission the same picture, "
        f"from somebody else, shares {again_shared:,}, another listed picture {other_shared:,}; "
        f"{asked} of {len(sent)} were handed over to ask first, and never sent",
        by_whom=PROVIDER if sees else "",
        evidence=("submissions of 3 listed pictures", "views/provider.spool"),
        figure=f"{again_shared:,} of {total:,}, by chance {other_shared:,}",
    )


def after_the_epoch(scene: Scene) -> Finding:
    """The same, for the same picture sent in two epochs: on a small list, in this process."""
    if not scene.matches:
        return _reads(scene)
    one, two, three = (p.data for p in _unlisted(scene)[:3])
    street = scene.street
    street.use(street.publish(1))
    ada, _ = street.person("ada"), street.person("ben")
    first, again, other = (street.submitted(ada, "ben", data) for data in (one, one, two))
    street.use(street.publish(2))
    later, other_later = (street.submitted(ada, "ben", data) for data in (one, three))
    within = linked(scene.option, _shown(first), _shown(again), _shown(other))
    across = linked(scene.option, _shown(first), _shown(later), _shown(other_later))
    sees = across[0] > across[1]
    return Finding(
        TrialResult.SEES if sees else TrialResult.CANNOT,
        f"same picture twice: {within[0]:,} stretches shared within an epoch (another picture: "
        f"{within[1]:,}), {across[0]:,} across two (another picture: {across[1]:,})",
        by_whom=PROVIDER if sees else "",
        evidence=("5 submissions of a small list's epochs 1 and 2",),
        figure=f"{across[0]:,}, by chance {across[1]:,}",
    )


def by_size(scene: Scene) -> Finding:
    """Can the provider link two messages by the size of the sealed file?"""
    if not scene.matches:
        return _reads(scene)
    seen = _seen(scene)
    if isinstance(seen, Finding):
        return seen
    first, again, edited, other = (each.file_bytes for each in seen)
    sees = first == again != other
    return Finding(
        TrialResult.SEES if sees else TrialResult.CANNOT,
        f"sealed files of {first:,} and {again:,} bytes for one file sent twice, {edited:,} for an "
        f"edited copy, {other:,} for another picture",
        by_whom=PROVIDER if sees else "",
        evidence=("4 x PUT /v1/attachments", "views/provider.jsonl"),
        figure=f"{first:,} = {again:,} bytes" if first == again else f"{first:,}, {again:,} bytes",
    )


def _reads(scene: Scene) -> Finding:
    """A provider that can look at the pictures need not link anything."""
    found = readable_of(scene.run, PROVIDER)
    if found["pictures"]:
        return Finding(
            TrialResult.SEES,
            f"it read {found['pictures']:,} pictures and {found['texts']:,} texts as they were",
            by_whom=PROVIDER,
            evidence=("views/provider.spool",),
        )
    blast = scene.run.blast
    if blast is None or not blast.messages.count:
        return Finding(TrialResult.CANNOT, "it read nothing, and nothing is submitted")
    return Finding(
        TrialResult.SEES,
        f"with the key that it holds: {blast.messages.count:,} of {blast.messages.total:,} messages"
        f" opened, {blast.pictures.count:,} of {blast.pictures.total:,} pictures",
        by_whom=PROVIDER,
        evidence=("the escrow key", "views/provider.spool"),
    )


def _seen(scene: Scene) -> tuple[Shown, ...] | Finding:
    """What the provider has of the four pictures, as its recording holds it."""
    sent = four_pictures(scene)
    refused = [each.refused for each in sent.all() if each.refused]
    if refused:
        return Finding(TrialResult.NOT_RUN, f"a picture was not sent: {refused[0]}")
    found = _handed_over(scene)
    missing = [each for each in sent.all() if each.envelope_id not in found]
    if missing:
        return Finding(TrialResult.NOT_RUN, f"{len(missing)} of 4 pictures were not recorded")
    return tuple(found[each.envelope_id] for each in sent.all())


def _handed_over(scene: Scene) -> dict[bytes, Shown]:
    """What the provider has of every picture until now, by the envelope's id."""
    recording = scene.recording(PROVIDER)
    sizes = {
        each.path.rpartition("/")[2]: each.received_bytes
        for each in recording.exchanges
        if each.method == "PUT"
    }
    found = dict[bytes, Shown]()
    for exchange in recording.exchanges:
        if (exchange.method, exchange.path) == ENVELOPES:
            values: dict[str, Any] = ENVELOPE.decode(recording.body(exchange))
            if values["submission"] is not None and values["attachment"] is not None:
                size = sizes.get(values["attachment"].hex(), 0)
                found[values["envelope_id"]] = Shown(values["submission"]["body"], size)
    return found


def submissions(scene: Scene, sent: tuple[Sending, ...]) -> list[bytes | None]:
    """What was handed over for each; of a refused picture it is recorded just after its answer."""
    until = time.monotonic() + _RECORDED_SECONDS
    while True:
        recording = scene.recording(PROVIDER)
        bodies = [_submitted_during(recording, scene.option, each) for each in sent]
        if None not in bodies or time.monotonic() >= until:
            return bodies
        time.sleep(0.05)


def _submitted_during(recording: Recording, option: str, sending: Sending) -> bytes | None:
    """What was handed over for one picture: with its message, or to ask before it is sent."""
    found = None
    for each in recording.exchanges:
        if not sending.start_ns <= each.start_ns <= sending.end_ns:
            continue
        if (each.method, each.path) == ENVELOPES:
            values: Any = ENVELOPE.decode(recording.body(each))["submission"]
        elif each.path == f"/v1/options/{option}/clearance":
            values = ASKED_ABOUT.decode(recording.body(each))
        else:
            continue
        if values is not None and values["option"] == option:
            found = values["body"]
    return found


def _send_four(scene: Scene) -> FourPictures:
    """From two people, in three conversations."""
    one, two = _unlisted(scene)[:2]
    edit = next(each for each in EDITS if each.name == "JPEG 60")
    edited = edit.apply(decode(one.data, MediaLimits()).pixels)
    file, other = scene.file_of(one.data, "one"), scene.file_of(two.data, "other")
    copy = scene.file_of(edited, "edited")
    mime = f"image/{one.format}"
    return FourPictures(
        scene.send(SENDER, RECIPIENT, file, mime),
        scene.send(RECIPIENT, COLLUDER, file, mime),
        scene.send(SENDER, COLLUDER, copy),
        scene.send(SENDER, RECIPIENT, other, f"image/{two.format}"),
    )


def _unlisted(scene: Scene) -> list[Picture]:
    """Pictures that are on no list, and have a dependable hash; whole ones first."""
    return [
        each
        for each in scene.conversation.pictures
        if not each.listed and isinstance(each.hashed, PdqHash)
    ]


def _shown(submitted: Submitted) -> Shown:
    return Shown(submitted.body, submitted.file_bytes)


def _collect(value: object, found: set[bytes], name: str = "") -> None:
    """Of a field and all in it: stretches of bytes, and numbers under the field's name."""
    if name in NOT_OF_A_PICTURE:
        return
    if isinstance(value, bytes):
        ends = range(STRETCH_BYTES, len(value) + 1, STRETCH_BYTES)
        found.update(value[end - STRETCH_BYTES : end] for end in ends)
    elif isinstance(value, Mapping):
        for inner, each in value.items():
            _collect(each, found, str(inner))
    elif isinstance(value, list | tuple):
        for each in value:
            _collect(each, found, name)
    elif isinstance(value, int):
        found.add(f"{name} {value}".encode())
