"""Senders that cheat: what became of each lie in the conversation, and of the pair that agrees.

Guarantees: every sentence is counted from the messages of the run. What a colluding pair, or two
who encrypt a file before it is sent, get past an option is tried, and said.
Limit: that a pair escapes is no fault to be mended: nobody honest looks.
"""

import base64
import hashlib
import re
from collections.abc import Callable, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from softfall.compare.casts.cast import RECIPIENT, SENDER
from softfall.compare.findings import STOPPED
from softfall.compare.plan import Cheat, Kind
from softfall.compare.results import Outcome, Sent, TrialResult
from softfall.compare.trials.scene import Finding, Scene, not_applicable
from softfall.compare.trials.street import Street
from softfall.device.device import HONEST, Parts
from softfall.device.outcomes import Quarantined, Shown
from softfall.errors import SoftfallError
from softfall.media.pdq import PdqHash
from softfall.testing.patched import DeniesCandidates, cheating

OUTAGE_HOLDS = re.compile("out of reach|unjudged after|, [0-9]+ times$")
NOTHING_SUBMITTED = "devices hand nothing over for matching, so there is nothing to lie about"
CHUNK_CHARACTERS = 16_000
NONCE_BYTES = 12

Play = Callable[[Scene], Finding]


def lies(*cheats: Cheat) -> Play:
    """The trial of patched senders that lie in one of these ways."""

    def play(scene: Scene) -> Finding:
        if not scene.run.submits:
            return not_applicable(NOTHING_SUBMITTED)
        sent = _sent(scene, Kind.CHEAT, cheats)
        if not sent:
            return Finding(TrialResult.NOT_RUN, "the conversation had no such message")
        stopped = [each for each in sent if caught_it(each)]
        caught = len(stopped) == len(sent)
        whys = "; ".join(dict.fromkeys(each.reason for each in stopped))
        return Finding(
            TrialResult.CAUGHT if caught else TrialResult.ESCAPES,
            f"{len(stopped)} of {len(sent)} stopped" + (f"; {whys}" if whys else ""),
            by_whom=", ".join(sorted({_who(each) for each in stopped})),
            evidence=tuple(f"message {each.turn}: {each.outcome.value}" for each in sent),
            figure=f"{len(stopped)} of {len(sent)}",
        )

    return play


def denied(scene: Scene) -> Finding:
    """A listed picture from an app that looks into its map and says that it found nothing."""
    if scene.option != "on_device":
        return not_applicable("no device looks for itself, so none can deny what it found")
    data, bits = next(
        (each.data, each.hashed.bits)
        for each in scene.conversation.pictures
        if each.distance_bits == 0 and isinstance(each.hashed, PdqHash)
    )
    return denial(scene.street, data, bits, cheating(DeniesCandidates, HONEST))


def denial(street: Street, data: bytes, listed: bytes, liar: Parts) -> Finding:
    """The same from `liar` and, to compare, from an unpatched app, on a list of this entry."""
    street.use(street.publish(50, [listed]))
    honest, _ = street.person("deny ada"), street.person("deny ben")
    try:
        honest.send_photo("deny ben", data)
        control = "sends it"
    except SoftfallError as error:
        control = error.name
    street.person("deny eve", liar).send_photo("deny ben", data)
    arrivals = street.person("deny ben").sync()
    caught = [each for each in arrivals if isinstance(each, Quarantined)]
    shown = [each for each in arrivals if isinstance(each, Shown)]
    why = "; ".join(each.reason for each in caught)
    return Finding(
        TrialResult.CAUGHT if caught and not shown else TrialResult.ESCAPES,
        f"an unpatched app: {control}; the patched one's picture: {why or 'shown'}",
        by_whom="recipient's app" if caught else "",
        evidence=("on_device_submission and on_device_opening of one message",),
    )


def colluding(scene: Scene) -> Finding:
    """A listed picture between two people whose apps are both patched."""
    sent = _sent(scene, Kind.COLLUDING)
    if not sent:
        return Finding(TrialResult.NOT_RUN, "the conversation had no such pair")
    through = [each for each in sent if each.outcome is Outcome.SHOWN]
    return Finding(
        TrialResult.ESCAPES if through else TrialResult.CAUGHT,
        f"{len(through)} of {len(sent)} listed pictures shown; both apps are patched",
        by_whom="" if through else ", ".join(sorted({_who(each) for each in sent})),
        evidence=tuple(f"message {each.turn}: {each.outcome.value}" for each in sent),
        figure=f"{len(through)} of {len(sent)} shown",
    )


def pre_encrypted(scene: Scene) -> Finding:
    """A listed picture, encrypted before the app sees it, as words between unpatched apps."""
    data = min((p.data for p in scene.conversation.pictures if p.listed), key=len)
    key = hashlib.sha256(b"two people agreed on this elsewhere").digest()
    nonce = hashlib.sha256(data).digest()[:NONCE_BYTES]
    words = base64.b64encode(AESGCM(key).encrypt(nonce, data, None)).decode()
    chunks = [words[at : at + CHUNK_CHARACTERS] for at in range(0, len(words), CHUNK_CHARACTERS)]
    arrived = "".join(scene.say(SENDER, RECIPIENT, chunks))
    through = _opens(key, nonce, arrived) == data
    return Finding(
        TrialResult.ESCAPES if through else TrialResult.CAUGHT,
        f"{len(data):,} bytes as {len(chunks)} text messages; "
        + ("the same picture came out at the other end" if through else "it did not come out"),
        evidence=(f"{len(chunks)} messages from {SENDER} to {RECIPIENT}, both apps unpatched",),
        figure=f"{len(data):,} bytes",
    )


def lie_reported(scene: Scene) -> Finding:
    """What the recipient's own report of the lies that it caught proves to the provider."""
    if not scene.run.submits:
        return not_applicable(NOTHING_SUBMITTED)
    caught = [
        played.message_id
        for turn, played in zip(scene.conversation.turns, scene.played, strict=True)
        if turn.kind is Kind.CHEAT and played.outcome is Outcome.QUARANTINED
    ]
    if not caught:
        return Finding(TrialResult.ESCAPES, "the recipient caught nothing that it could report")
    device = scene.cast.parties[RECIPIENT]
    reports = [device.ask("report", ids=[each]) for each in caught]
    refused = [report["refused"] for report in reports if report["refused"]]
    proved = sum(report["lies_proved"] for report in reports)
    why = f"; refused: {'; '.join(refused)}" if refused else ""
    return Finding(
        TrialResult.CAUGHT if proved == len(caught) else TrialResult.ESCAPES,
        f"{len(caught)} quarantined messages reported, {proved} of them proved to be lies{why}",
        by_whom="provider, from the recipient's report",
        evidence=(f"{len(caught)} x POST /v1/reports",),
        figure=f"{proved} of {len(caught)} proved",
    )


def caught_it(sent: Sent) -> bool:
    """Whether somebody decided against the message; one that waits unjudged was not caught."""
    unjudged = sent.outcome is Outcome.HELD and OUTAGE_HOLDS.search(sent.reason)
    return sent.outcome in STOPPED and not unjudged


def _sent(scene: Scene, kind: Kind, cheats: Sequence[Cheat] = ()) -> list[Sent]:
    turns = scene.conversation.turns
    return [
        each
        for each in scene.run.sent
        if turns[each.turn].kind is kind and (not cheats or turns[each.turn].cheat in cheats)
    ]


def _who(sent: Sent) -> str:
    return "recipient's app" if sent.outcome is Outcome.QUARANTINED else "provider"


def _opens(key: bytes, nonce: bytes, words: str) -> bytes | None:
    try:
        return AESGCM(key).decrypt(nonce, base64.b64decode(words), None)
    except (InvalidTag, ValueError):
        return None
