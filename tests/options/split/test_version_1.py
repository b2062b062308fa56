"""The bytes of version 1, as the first release wrote them."""

import hashlib
from typing import Any

import cbor2
import pytest

from softfall.media.pdq import PdqHash, Unhashable
from softfall.options.split.custodian import SplitCustodian
from softfall.options.split.wire import OPENING, SUBMISSION
from tests.options.split.parties import PARAMETERS, Parties, random_hash

PUBLIC_KEY = "34f2b103d0d3688173e2b30ab5c7726fa5bb7dc9f753a2694969472cd9c4922a"
ARTEFACT = "c276764b54eedc708297540c1da227866e98217acdb3c802d94bcc6c41282d87"
PARAMETER_BYTES = "7dc4324ecac66563ff1f4e660166883c974fa2ca460faedd7471dc65a1c27998"
EXCHANGES = {
    "a hash": (
        "f8cc92f8a90240a925273304cc3d4d4812adb84827a636d6b19fef5105045391",
        "c6f80de26e0ecafce96fab04e362372b419d2530bb7636bab8ed12a3f9341013",
        "1a3593ae5c83d3bf10179fe9324b048f0024c71b972824d56a45ee69c3b30d43",
        "3eee1e20cd7c4ae9dd4a7efe2de7a3afc7d419a968401951867dee970d851d6e",
        "d81191485ec7622fa336a667d51ad39b41b9dd93e3c2dc5272809c08c6f83e68",
    ),
    "a stand-in": (
        "d736e231b8d1181e2b461a1f5c0fb5b987fa658c0bd0b8f92286936f63057d2e",
        "e240f2942ac7bae4f42407bb3cf8bc2be57b6b9a19827aa2894877b561ae37bb",
        "f2b31e76f14762fd3db619841a3c96a1da81b4ca80312fddc96f42018da0192f",
        "e45d4590c2e353d61e08d44584dcdb3b0306d7544fd0397e32bdf9be3d386b9c",
        "788de02a1f2aad3a4c39fa162b5ecaf157405078ffa9049b7d453ca78c902d9e",
    ),
}


@pytest.fixture(scope="module")
def parties() -> Parties:
    return Parties([random_hash(0), random_hash(1)])


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def test_the_epochs_bytes_are_still_those_of_version_1(parties: Parties) -> None:
    assert SplitCustodian.name == "split"
    assert parties.prepared.public_key.hex() == PUBLIC_KEY
    assert sha256(parties.prepared.artefact) == ARTEFACT
    assert sha256(PARAMETERS.encode()) == PARAMETER_BYTES


@pytest.mark.parametrize(
    ("media", "expected"),
    [(random_hash(2), EXCHANGES["a hash"]), (Unhashable("flat", 0), EXCHANGES["a stand-in"])],
    ids=list(EXCHANGES),
)
def test_question_reply_submission_and_opening_are_still_those_of_version_1(
    parties: Parties, media: PdqHash | Unhashable, expected: tuple[str, ...]
) -> None:
    pending = parties.device.begin(media, parties.secret())
    reply = parties.custodian.answer(pending.request.body)
    submission, opening = pending.finish(reply)
    submitted, opened = SUBMISSION.decode(submission.body), OPENING.decode(opening)
    shares: Any = submitted["shares"]
    bodies: Any = (
        pending.request.body,
        reply,
        cbor2.dumps([1, submitted["tags"]]),
        opened["tags"],
        shares["x_p"] + shares["commitment"],
    )
    assert opened["sealed"] == shares["sealed"]  # HPKE is randomised: other bytes each time
    assert tuple(map(sha256, bodies)) == expected
