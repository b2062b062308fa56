"""A conversation of real devices over TLS, and everything of it that nobody else should hold.

Guarantees: what is sent is remembered here exactly as it was sent; nothing is reported.
Source: photographs shipped in scikit-image and scikit-learn, and everyday edits of them.
"""

import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np
from PIL import Image

from softfall.compare.edits import EDITS
from softfall.config import MediaLimits
from softfall.device.device import HONEST, Device, Parts, by_https
from softfall.device.incoming import Incoming, Opened
from softfall.device.letters import File, Submitted
from softfall.device.outcomes import Arrival, SendOutcome, Sent
from softfall.device.outgoing import Outgoing
from softfall.device.profile import Profile
from softfall.device.transport import Transport
from softfall.edge.tls import client_context
from softfall.media.decode import decode
from softfall.media.pdq import PdqHash, pdq
from softfall.media.pdq_oracle import PixelArray
from softfall.messaging.franking import Receipt
from softfall.messaging.identity import Identity
from softfall.messaging.session.attachments import SealedAttachment
from softfall.options.split.wire import SUBMISSION
from softfall.options.tags import wire
from tests.compare.running import House
from tests.device.pictures import as_file
from tests.media.photographs import photograph

SIDE_PIXELS: Final = 360
SETTLE_SECONDS: Final = 60.0
LISTED: Final = ("china.jpg", "chelsea.png", "rocket.jpg")
UNLISTED: Final[Mapping[str, Mapping[str, Any]]] = {
    "flower.jpg": {"kind": "JPEG", "quality": 88},
    "coffee.png": {"kind": "PNG"},
    "astronaut.png": {"kind": "WEBP", "quality": 85},
    "motorcycle_left.png": {"kind": "JPEG", "quality": 75},
}
EDITED: Final = (
    ("china.jpg", "JPEG 30"),
    ("china.jpg", "resize 50 %"),
    ("chelsea.png", "crop 2 %"),
    ("chelsea.png", "brightness +20 %"),
    ("rocket.jpg", "re-screenshot"),
)


@dataclass(frozen=True)
class Words:
    """One message's words. marker: the random part of them."""

    name: str
    text: str
    marker: str


@dataclass(frozen=True)
class Picture:
    """One photograph as it is sent, and its 32-byte hash as a device finds it."""

    name: str
    file: bytes = field(repr=False)
    bits: bytes


@dataclass
class Kept:
    """What devices kept to themselves, and what they gave away encrypted."""

    keys: list[bytes] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    sealed: list[bytes] = field(default_factory=list)
    submissions: list[bytes] = field(default_factory=list)

    def tags(self) -> set[bytes]:
        """Every tag that was submitted."""
        found = set()
        for body in self.submissions:
            tags = wire.octets(wire.decode(SUBMISSION, body), "tags")
            found |= {tags[i : i + wire.TAG_BYTES] for i in range(0, len(tags), wire.TAG_BYTES)}
        return found

    def parts(self) -> Parts:
        """Honest parts of a device, which also tell this test what they keep to themselves."""
        kept = self

        class Sender(Outgoing):
            def media(self, file: File) -> tuple[SealedAttachment, Submitted]:
                sealed, submitted = super().media(file)
                key = sealed.values["key"]
                assert isinstance(key, bytes)
                kept.keys.append(key)
                kept.sealed.append(sealed.body)
                kept.submissions.append(submitted.submission.body)
                return sealed, submitted

        class Recipient(Incoming):
            def open(self, delivery: Any, receipt: Receipt, sender: Identity) -> Opened:
                opened = super().open(delivery, receipt, sender)
                kept.keys.append(opened.inner["franking_key"])
                return opened

        def connect(profile: Profile) -> Transport:
            kept.tokens.append(profile.token)
            return by_https(profile)

        return replace(HONEST, connect=connect, outgoing=Sender, incoming=Recipient)


@dataclass
class Played:
    """A conversation that has come to rest."""

    accounts: Sequence[str]
    words: list[Words] = field(default_factory=list)
    unlisted: list[Picture] = field(default_factory=list)
    edited: list[Picture] = field(default_factory=list)
    listed: list[Picture] = field(default_factory=list)
    kept: Kept = field(default_factory=Kept)
    sent: dict[bytes, Picture | None] = field(default_factory=dict)
    arrived: list[Arrival] = field(default_factory=list)
    held: list[bytes] = field(default_factory=list)
    released: list[bytes] = field(default_factory=list)


def say(name: str, text: str) -> Words:
    """A message's words with a random one among them."""
    marker = secrets.token_urlsafe(21)
    return Words(name, f"{text} {marker}", marker)


def picture(name: str, file: bytes) -> Picture:
    """A picture file and its hash."""
    found = pdq(decode(file, MediaLimits()).pixels)
    assert isinstance(found, PdqHash)
    return Picture(name, file, found.bits)


def listed_pictures() -> list[Picture]:
    """The photographs on the list, as they are listed."""
    return [picture(f"listed {name}", as_file(_pixels(name, 2), "JPEG")) for name in LISTED]


def never_sent() -> tuple[Words, Picture]:
    """Words and a photograph that nobody sends: to plant."""
    pixels = _pixels("hubble_deep_field.jpg", 1)
    return say("planted words", "Nobody said this:"), picture("planted", as_file(pixels, "JPEG"))


def play(house: House, folder: Path, listed: Sequence[Picture]) -> Played:
    """Texts, a group, unlisted photographs, edited copies of listed ones, and a listed one."""
    names = [f"{name}-{secrets.token_hex(8)}" for name in ("ada", "ben", "carol")]
    played = Played(names)
    with ExitStack() as stack:
        devices = [
            stack.enter_context(_join(house, folder / name, name, played.kept)) for name in names
        ]
        for shown, outcome in _speak(played, devices, listed):
            assert isinstance(outcome, Sent)
            played.sent[outcome.envelope_id] = shown
        with _staff(house) as staff:
            _settle(staff, played)
            _release_one(staff, played)
        for _ in range(2):
            for device in devices:
                played.arrived += device.sync()
    return played


def _join(house: House, home: Path, account: str, kept: Kept) -> Device:
    return Device.create(
        home,
        secrets.token_bytes(32),
        account,
        house.provider.url,
        house.tls / "ca.crt",
        house.custodian_key,
        parts=kept.parts(),
    )


def _speak(
    played: Played, devices: Sequence[Device], listed: Sequence[Picture]
) -> Iterator[tuple[Picture | None, SendOutcome]]:
    """Send everything, in turn: which picture, and what came of it."""
    ada, ben, carol = devices
    pair, group = ben.account, [ben.account, carol.account]
    played.unlisted = list(_unlisted())
    played.edited = list(_edited())
    played.listed = list(listed[:1])

    def text(sender: Device, to: str | list[str], name: str, words: str) -> tuple[None, Any]:
        played.words.append(say(name, words))
        return None, sender.send_text(to, played.words[-1].text)

    yield text(ada, pair, "a first line", "Lunch at noon by the lake?")
    played.arrived += ben.sync()
    yield text(ben, ada.account, "an answer", "Gladly \N{GRINNING FACE}, the café on the quay:")
    yield text(ada, group, "words to a group", "Who brings the bread?")
    played.arrived += carol.sync()
    yield text(carol, [ada.account, ben.account], "an answer to the group", "I do.")
    for number, shown in enumerate((*played.unlisted, *played.edited, *played.listed)):
        caption = say(f"caption of {shown.name}", "Look at this:")
        played.words.append(caption)
        to = group if number % 3 == 0 else pair
        yield shown, ada.send_photo(to, shown.file, text=caption.text)
    yield text(ada, pair, "a last line", "See you there.")


def _unlisted() -> Iterator[Picture]:
    for name, how in UNLISTED.items():
        yield picture(f"unlisted {name}", as_file(_pixels(name, 1), **how))


def _edited() -> Iterator[Picture]:
    by_name = {edit.name: edit for edit in EDITS}
    for name, edit in EDITED:
        file = by_name[edit].apply(_pixels(name, 2))
        yield picture(f"{name}, {edit}", file)


def _pixels(name: str, times: int) -> PixelArray:
    """A photograph's RGB pixels, at most `times * SIDE_PIXELS` wide and high."""
    image = Image.fromarray(photograph(name))
    image.thumbnail((times * SIDE_PIXELS, times * SIDE_PIXELS))
    return np.asarray(image)


@contextmanager
def _staff(house: House) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {house.staff_token}"}
    context = client_context(house.tls)
    with httpx.Client(base_url=house.provider.url, verify=context, headers=headers) as staff:
        yield staff


def _settle(staff: httpx.Client, played: Played) -> None:
    """Wait until the provider has judged every envelope."""
    end = time.monotonic() + SETTLE_SECONDS
    while True:
        ends = {sent: _state(staff, sent) for sent in played.sent}
        if "received" not in ends.values():
            break
        assert time.monotonic() < end, "an envelope was not judged"
        time.sleep(0.1)
    played.held = [sent for sent, state in ends.items() if state == "held"]


def _state(staff: httpx.Client, envelope_id: bytes) -> str:
    told = staff.get(f"/v1/staff/envelopes/{envelope_id.hex()}/life").raise_for_status().json()
    return str(told["moves"][-1]["end"])


def _release_one(staff: httpx.Client, played: Played) -> None:
    """A moderator lets one edited copy through, if one is held: it, too, passes the provider."""
    edited = [sent for sent in played.held if played.sent[sent] in played.edited]
    for sent in edited[:1]:
        decision = {"decision": "release", "reason": "a landscape"}
        staff.post(f"/v1/staff/holds/{sent.hex()}", json=decision).raise_for_status()
        played.released.append(sent)
