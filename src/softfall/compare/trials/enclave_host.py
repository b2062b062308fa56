"""The curious host of an enclave, a broken enclave, and a custodian that signs for its own.

Guarantees: the host's view is what the run recorded on its way into and out of the enclave; the
broken enclave's key is the one that the witness read from its process; the custodian that names an
enclave of its own really signs it, and an unpatched device really seals to it.
Limit: with a software attester there is no hardware to break; what is tried is what a broken one
would give.
"""

from pathlib import Path
from typing import Any, Final

from sqlalchemy import create_engine, select

from softfall.compare.casts import tag_theft
from softfall.compare.casts.cast import CUSTODIAN, ENCLAVE, PROVIDER
from softfall.compare.casts.enclave import opened_with
from softfall.compare.results import TrialResult
from softfall.compare.trials.linking import STRETCH_BYTES, four_pictures, stretches
from softfall.compare.trials.scene import Finding, Scene, not_applicable
from softfall.compare.trials.street import InUse
from softfall.compare.views import Recording
from softfall.crypto.hpke import SECRET_BYTES
from softfall.custodian.store import DATABASE_FILE
from softfall.custodian.tables import epochs
from softfall.device.surroundings import REAL
from softfall.media.pdq import PdqHash
from softfall.options.enclave import wire
from softfall.options.enclave.enclave import Enclave
from softfall.store.database import sqlite_url

NO_ENCLAVE: Final = "no enclave takes part"
JUDGE: Final = "/v1/judge"


def host(scene: Scene) -> Finding:
    """What passes the host: sealed bodies in, bytes of one size out."""
    if ENCLAVE not in scene.cast.parties:
        return not_applicable(NO_ENCLAVE)
    sent = four_pictures(scene)
    inside = scene.recording(ENCLAVE)
    first, again, other = (
        _sealed_during(inside, each.start_ns, each.end_ns)
        for each in (sent.first, sent.again, sent.other)
    )
    if not (first and again and other):
        return Finding(TrialResult.NOT_RUN, "the pictures' submissions were not recorded")
    own, copy, different = (stretches(scene.option, each[0]) for each in (first, again, other))
    shared, by_chance = len(own & copy), len(own & different)
    hashes = [p.hashed.bits for p in scene.conversation.pictures if isinstance(p.hashed, PdqHash)]
    spool = inside.spool
    found = sum(bits in spool for bits in hashes)
    sizes = _answer_sizes(scene.recording(PROVIDER))
    sees = bool(found or shared > by_chance or len(sizes) > 1)
    return Finding(
        TrialResult.SEES if sees else TrialResult.CANNOT,
        f"{found} of {len(hashes)} hashes open in {len(spool):,} bytes; one picture sealed twice "
        f"shares {shared} of {len(own)} stretches of {STRETCH_BYTES} bytes (another picture: "
        f"{by_chance}); answers to one picture of {_told(sizes)} bytes, whatever they say",
        by_whom="the enclave's host" if sees else "",
        evidence=("views/enclave.spool", "enclave_answer messages at the provider"),
        figure=f"{found} of {len(hashes)} hashes",
    )


def broken(scene: Scene) -> Finding:
    """The enclave's own key, out of its memory, with what the host should have deleted."""
    if ENCLAVE not in scene.cast.parties:
        return not_applicable(NO_ENCLAVE)
    blast = scene.run.blast
    if blast is None:
        return Finding(TrialResult.NOT_RUN, "the run carried out no theft")
    sees = blast.hashes.count > 0
    return Finding(
        TrialResult.SEES if sees else TrialResult.CANNOT,
        f"the exact hash of {blast.hashes.count:,} of {blast.hashes.total:,} pictures sent; "
        f"{blast.pictures.count:,} pictures, {blast.texts.count:,} texts",
        by_whom="who breaks it" if sees else "",
        evidence=("the key, as the enclave's process told the witness", "enclave_sealed messages"),
        figure=f"{blast.hashes.count:,} of {blast.hashes.total:,} hashes",
    )


def custodian_keys_open(scene: Scene) -> Finding:
    """Every key of an epoch that the custodian keeps, tried on every submission."""
    submissions = tag_theft.logged_submissions(scene.loot, scene.option)
    keys = epoch_keys(scene.place.folder / CUSTODIAN)
    if not keys:
        return Finding(TrialResult.NOT_RUN, "no key was found where the custodian keeps them")
    opened = sum(
        any(opened_with(each["body"], key, each["epoch"]) is not None for key in keys)
        for each in submissions
    )
    return Finding(
        TrialResult.SEES if opened else TrialResult.CANNOT,
        f"the {len(keys)} keys of the custodian's epochs opened {opened} of {len(submissions):,} "
        "submissions",
        by_whom="the thief" if opened else "",
        evidence=("keys in the custodian's database", "submissions in POST /v1/envelopes"),
        figure=f"{opened} of {len(submissions):,} opened",
    )


def custodian_names_its_own(scene: Scene) -> Finding:
    """The custodian signs an allow-list with an enclave that the two control, and lists it."""
    data, bits = next((p.data, p.hashed.bits) for p in scene.conversation.pictures
                      if not p.listed and isinstance(p.hashed, PdqHash))  # fmt: skip
    secret = REAL.random_bytes(SECRET_BYTES)
    street = scene.street
    own = street.make_enclave()
    own.inner = Enclave(secret, street.custodian.public_key)
    street.use(InUse(own.publish(300), own, own.attest, own))
    sender, _ = street.person("own ida"), street.person("own jon")
    submitted = street.submitted(sender, "own jon", data)
    opened = opened_with(submitted.body, secret, submitted.epoch)
    sees = opened == bits
    return Finding(
        TrialResult.SEES if sees else TrialResult.CANNOT,
        "an enclave of their own, its root and measurements in the epoch's signed manifest: an "
        "unpatched device sealed to it, and the picture's exact hash "
        + ("came out" if sees else "did not come out"),
        by_whom=f"{PROVIDER} and {CUSTODIAN}" if sees else "",
        evidence=("epoch_manifest", "enclave_attestation", "enclave_sealed"),
    )


def epoch_keys(folder: Path) -> list[bytes]:
    """What the custodian's database holds of keys."""
    engine = create_engine(sqlite_url(folder / DATABASE_FILE))
    try:
        with engine.connect() as connection:
            rows = connection.execute(select(epochs.c.secret_key, epochs.c.confirm_secret)).all()
    finally:
        engine.dispose()
    return [key for row in rows for key in row if key is not None]


def _sealed_during(recording: Recording, start_ns: int, end_ns: int) -> list[bytes]:
    """The sealed submissions that the enclave received in that time."""
    found = list[bytes]()
    for each in recording.exchanges:
        if each.path == JUDGE and start_ns <= each.start_ns <= end_ns:
            values: dict[str, Any] = wire.QUESTION.decode(recording.body(each))
            found += [submitted["sealed"] for submitted in values["submissions"]]
    return found


def _answer_sizes(recording: Recording) -> set[int]:
    """The sizes of all answers to one picture alone."""
    sizes = set()
    for each in recording.exchanges:
        if each.path == JUDGE:
            outcomes: Any = wire.ANSWER.decode(recording.body(each))["outcomes"]
            sizes |= {each.received_bytes} if len(outcomes) == 1 else set()
    return sizes


def _told(sizes: set[int]) -> str:
    return " or ".join(str(size) for size in sorted(sizes)) or "unrecorded numbers of"
