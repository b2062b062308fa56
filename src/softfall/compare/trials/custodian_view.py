"""The curious custodian: with all that it received, its keys and its list, what can it tell?

Guarantees: the attempts are made on the bytes that the run recorded at the custodian, with the keys
that lie in its own folder: it looks for points that two questions share, for the points that the
very pictures would give, and for the accounts' names. Each search is first shown to find what it
should (the names at the provider, points of a question in itself).
Limit: when the provider asks is visible; with the provider's help times can be lined up.
"""

from collections import Counter
from typing import Any, Final

import numpy as np

from softfall.compare.casts import tag_theft
from softfall.compare.casts.cast import CUSTODIAN, DEVICES, PROVIDER
from softfall.compare.results import TrialResult
from softfall.compare.trials.linking import FourPictures, four_pictures
from softfall.compare.trials.scene import Finding, Scene, Sending, not_applicable
from softfall.compare.trials.tolerance import TAGS
from softfall.compare.views import Recording
from softfall.crypto import oprf, ristretto
from softfall.crypto.oprf import Mode
from softfall.crypto.ristretto import POINT_BYTES
from softfall.media.pdq import PdqHash
from softfall.options.confirm.wire import CONFIRM_BEGIN
from softfall.options.tags import pieces
from softfall.options.tags.wire import REQUEST, octets
from softfall.options.tokens.wire import ASK
from softfall.wire import MalformedMessage

NOT_THERE: Final = "no custodian takes part"


def about_pictures(scene: Scene) -> Finding:
    """Which picture, who asked, and do two questions belong together?"""
    if CUSTODIAN not in scene.cast.parties:
        return not_applicable(NOT_THERE)
    sent = four_pictures(scene)
    recording = scene.recording(CUSTODIAN)
    names = names_in(recording.spool)
    if scene.option not in TAGS:
        return _not_asked(scene, recording, sent, names)
    shared, total = _shared(recording, sent)
    if not total:
        return Finding(TrialResult.NOT_RUN, "the pictures' questions were not recorded")
    known = _points_of_pictures(scene)
    seen = {point for each in recording.exchanges for point in _points(recording.body(each))}
    told = (
        f"{len(seen):,} points received; the questions of one picture sent twice share {shared} of "
        f"{total}; {len(seen & known)} are one of the {len(known):,} points that the pictures give"
    )
    return _about(names, shared, len(seen & known), told, scene)


def about_candidates(scene: Scene) -> Finding:
    """Which entries of its list were somebody's candidates, and how often?"""
    if CUSTODIAN not in scene.cast.parties:
        return not_applicable(NOT_THERE)
    recording = scene.recording(CUSTODIAN)
    entries = Counter(
        int.from_bytes(octets(CONFIRM_BEGIN.decode(recording.body(each)), "entry"), "big")
        for each in recording.exchanges
        if each.path == "/v1/confirm/begin"
    )
    if not entries:
        return Finding(TrialResult.CANNOT, "it was asked to confirm nothing")
    return Finding(
        TrialResult.SEES,
        f"it was asked about {len(entries):,} of its entries, {entries.total():,} times, about one "
        f"of them {max(entries.values()):,} times; not what came of it",
        by_whom=CUSTODIAN,
        evidence=(f"{entries.total()} x confirm_begin", "views/custodian.spool"),
        figure=f"{len(entries):,} entries, {entries.total():,} times",
    )


def names_in(spool: bytes) -> list[str]:
    """The devices' accounts that are named in these bytes, as CBOR or as JSON writes a name."""
    return [
        name
        for name in DEVICES.values()
        if bytes([0x60 + len(name)]) + name.encode() in spool or f'"{name}"'.encode() in spool
    ]


def _not_asked(scene: Scene, recording: Recording, sent: FourPictures, names: list[str]) -> Finding:
    """Where no question is the custodian's to answer: all that reached it, whatever it is."""
    hashes = {p.hashed.bits for p in scene.conversation.pictures if isinstance(p.hashed, PdqHash)}
    found = sum(bits in recording.spool for bits in hashes)
    first, again, other = (
        _received_during(recording, each) for each in (sent.first, sent.again, sent.other)
    )
    shared = len((first & again) - other)
    reached = sum(len(_received_during(recording, each)) for each in sent.all())
    told = (
        f"{reached} messages reached it while four pictures were sent, {shared} of them the same "
        f"for one picture sent twice; {found} of {len(hashes)} hashes in the "
        f"{len(recording.spool):,} bytes that it received"
    )
    return _about(names, shared, found, told, scene)


def _received_during(recording: Recording, sending: Sending) -> frozenset[bytes]:
    """The bodies that arrived in that time."""
    return frozenset(
        recording.body(each)
        for each in recording.exchanges
        if sending.start_ns <= each.start_ns <= sending.end_ns
    )


def _about(names: list[str], shared: int, recognised: int, told: str, scene: Scene) -> Finding:
    control = names_in(scene.recording(PROVIDER).spool)
    if not control:
        return Finding(TrialResult.NOT_RUN, "the search for names finds none at the provider")
    sees = bool(names or shared or recognised)
    return Finding(
        TrialResult.SEES if sees else TrialResult.CANNOT,
        f"{told}; {len(names)} of {len(DEVICES)} accounts named (at the provider: {len(control)})",
        by_whom=CUSTODIAN if sees else "",
        evidence=("views/custodian.spool", "the epoch's keys and list in the custodian's folder"),
        figure=f"{shared} shared, {recognised} known",
    )


def _shared(recording: Recording, sent: FourPictures) -> tuple[int, int]:
    """Points that the questions of one picture, sent twice, have in common; and of how many."""
    first, again = (_asked_during(recording, each) for each in (sent.first, sent.again))
    return len(first & again), len(first)


def _asked_during(recording: Recording, sending: Sending) -> frozenset[bytes]:
    found = set[bytes]()
    for each in recording.exchanges:
        if sending.start_ns <= each.start_ns <= sending.end_ns:
            found |= _points(recording.body(each)) if each.path.endswith("/answer") else set()
    return frozenset(found)


def _points(body: bytes) -> set[bytes]:
    """The blinded points of a relayed question; none of any other body."""
    try:
        question: Any = ASK.decode(body)["question"]
        points = octets(REQUEST.decode(question), "points")
    except MalformedMessage:
        return set()
    return {points[at : at + POINT_BYTES] for at in range(0, len(points), POINT_BYTES)}


def _points_of_pictures(scene: Scene) -> set[bytes]:
    """What the pictures' own pieces give, unblinded: as they are, and under the epoch's key."""
    parameters = TAGS[scene.option]
    secret = ristretto.decode_scalar(tag_theft.steal_keys(scene.loot, scene.option).tags)
    bits = [each.hashed.bits for each in scene.conversation.pictures
            if isinstance(each.hashed, PdqHash)][:8]  # fmt: skip
    cut = pieces.pieces(np.frombuffer(b"".join(bits), np.uint8).reshape(-1, 32), parameters)
    plain = [
        oprf.hash_to_group(
            pieces.oprf_input(scene.option, table, int(piece), parameters), Mode.VOPRF
        )
        for table, row in enumerate(cut)
        for piece in row
    ]
    return {*plain, *oprf.blind_evaluate(secret, plain)}
