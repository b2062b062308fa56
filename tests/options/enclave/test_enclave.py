"""From device to verdict: listed, not listed, no hash; and all ways in which it can't be judged."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.errors import PeerError, UnavailableError
from softfall.lists.manifest import BadManifest, ManifestExpired, ManifestRolledBack
from softfall.media.pdq import Unhashable
from softfall.options.contract import Clear, Held, Malformed
from softfall.options.enclave import wire
from softfall.options.enclave.enclave import BadList, Enclave
from softfall.options.enclave.outcomes import Outcome
from softfall.options.enclave.parameters import Policy
from softfall.options.enclave.provider import (
    BadAnswer,
    EnclaveHasNoList,
    EnclaveProvider,
    SealedToAnotherKey,
    question,
)
from softfall.wire import MalformedMessage
from tests.options.enclave.attester import NOW_MS, SECRET
from tests.options.enclave.parties import (
    EPOCH,
    SIGNER,
    Parties,
    changed,
    flipped,
    picture,
    random_hash,
    secret_of,
)

LISTED = [random_hash(seed) for seed in range(300)]
PARTIES = Parties(LISTED)
PLANES = Parties([picture(seed) for seed in range(5)], Policy.LUMINANCE)


def test_a_listed_picture_is_held_and_the_hold_is_confirmed() -> None:
    submission, _ = PARTIES.send(flipped(LISTED[17], 31))
    assert PARTIES.judge(submission) == Held("match", {"confirmed": True})


@pytest.mark.parametrize(
    "media", [random_hash(9000), flipped(LISTED[17], 32), Unhashable("flat", 0)]
)
def test_what_is_not_listed_is_clear(media: object) -> None:
    submission, _ = PARTIES.send(media)  # type: ignore[arg-type]
    assert isinstance(PARTIES.judge(submission), Clear)


def test_under_the_luminance_policy_the_enclave_takes_the_hash_itself() -> None:
    submission, _ = PLANES.send(PLANES.listed[3])
    assert PLANES.judge(submission) == Held("match", {"confirmed": True})
    # What the device says the hash is does not matter: it does not even arrive.
    lying = replace(PLANES.listed[3], bits=random_hash(1).bits)
    assert isinstance(PLANES.judge(PLANES.send(lying)[0]), Held)
    for media in (picture(99), Unhashable("low quality", 49)):
        assert isinstance(PLANES.judge(PLANES.send(media)[0]), Clear)


@pytest.mark.parametrize("parties", [PARTIES, PLANES], ids=["hash", "luminance"])
def test_every_picture_gives_messages_of_one_size(parties: Parties) -> None:
    pictures = (parties.listed[0], picture(50), Unhashable("flat", 0))
    submissions, openings = zip(*(parties.send(m) for m in pictures), strict=True)
    questions = [question([s]) for s in submissions]
    answers = [parties.enclave.answer(q) for q in questions]
    for messages in ([s.body for s in submissions], openings, questions, answers):
        assert len(set(map(len, messages))) == 1


@settings(max_examples=25, deadline=None)
@given(
    picks=st.lists(st.tuples(st.integers(0, 299), st.sampled_from([0, 30, 31, 32, 90])), max_size=9)
)
def test_a_batch_is_judged_as_each_alone(picks: list[tuple[int, int]]) -> None:
    media = [flipped(LISTED[at], bits) for at, bits in picks] + [random_hash(8000)]
    submissions = [PARTIES.send(m)[0] for m in media]
    together = PARTIES.provider.judge_batch(submissions, PARTIES)
    assert together == [PARTIES.judge(s) for s in submissions]
    assert [isinstance(v, Held) for v in together] == [bits <= 31 for _, bits in picks] + [False]


def test_a_scan_in_parts_on_threads_answers_the_same() -> None:
    with ThreadPoolExecutor(2) as pool:
        parted = Enclave(SECRET, SIGNER, pool, parts=2)
        parted.take_list(PARTIES.sealed_list())
        for media in (LISTED[0], LISTED[299], random_hash(8001)):
            asked = question([PARTIES.send(media)[0]])
            assert parted.answer(asked) == PARTIES.enclave.answer(asked)


def test_a_key_that_does_not_fit_its_commitment_is_refused_by_name() -> None:
    honest, _ = PARTIES.send(LISTED[0])
    other, _ = PARTIES.send(random_hash(7000))
    told = wire.decode(wire.SEALED, other.body)
    for swapped in (
        changed(honest, commitment=told["commitment"]),
        changed(honest, body=told["body"]),
        changed(honest, capsule=told["capsule"]),
    ):
        assert PARTIES.outcome(swapped) is Outcome.MISMATCH
        assert PARTIES.judge(swapped) == Malformed("key and commitment do not fit")


def test_a_capsule_that_does_not_open_is_malformed() -> None:
    honest, _ = PARTIES.send(LISTED[0])
    junk = changed(honest, capsule=bytes(wire.CAPSULE_BYTES))
    assert PARTIES.judge(junk) == Malformed("the capsule does not open")
    elsewhere, _ = Parties(LISTED[:3], epoch=EPOCH + 1).send(LISTED[0], secret_of(epoch=EPOCH + 1))
    assert PARTIES.outcome(replace(elsewhere, epoch=EPOCH)) is Outcome.UNREADABLE


def test_a_submission_of_another_size_or_form_is_malformed_before_it_is_asked_about() -> None:
    honest, _ = PARTIES.send(LISTED[0])
    for bad in (
        replace(honest, body=honest.body + b"x"),
        replace(honest, body=b""),
        changed(honest, body=bytes(wire.PLANE_BYTES)),
    ):
        assert PARTIES.provider.form(bad) == Malformed("malformed seal")
        assert bad.body == b"" or PARTIES.outcome(bad) is Outcome.UNREADABLE
    assert PARTIES.provider.form(replace(honest, option="split")) == Malformed("another option")
    assert PARTIES.provider.form(replace(honest, epoch=EPOCH + 1)) == Malformed("wrong epoch")
    assert PARTIES.provider.form(honest) is None


def test_a_restarted_enclave_can_not_open_what_was_sealed_before_and_says_so() -> None:
    submission, _ = PARTIES.send(LISTED[0])
    restarted = Parties(LISTED, secret=bytes(96))
    with pytest.raises(SealedToAnotherKey):
        restarted.judge(submission)
    assert issubclass(SealedToAnotherKey, UnavailableError), "an outage, never a verdict"
    again, _ = restarted.send(LISTED[0])
    assert isinstance(restarted.judge(again), Held)


def test_once_the_new_key_is_known_the_old_one_is_refused_before_acceptance() -> None:
    submission, _ = PARTIES.send(LISTED[0])
    for known, refused in ((PARTIES.enclave.key_digest, False), (bytes(32), True), (None, False)):
        provider = EnclaveProvider(EPOCH, PARTIES.parameters, lambda known=known: known)
        assert (provider.form(submission) == Malformed("sealed to another key")) is refused


def test_an_enclave_without_the_epochs_list_says_so() -> None:
    parties = Parties(LISTED[:5])
    submission, _ = parties.send(LISTED[0])
    parties.enclave = Enclave(SECRET, SIGNER)
    with pytest.raises(EnclaveHasNoList):
        parties.judge(submission)


def test_in_a_batch_an_outage_stands_in_its_own_place() -> None:
    good, other = (
        PARTIES.send(LISTED[0])[0],
        Parties(LISTED[:2], secret=bytes(96)).send(LISTED[1])[0],
    )
    verdicts = PARTIES.provider.judge_batch([other, good], PARTIES)
    assert isinstance(verdicts[0], SealedToAnotherKey)
    assert isinstance(verdicts[1], Held)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x00",
        wire.ANSWER.encode({"version": 1, "outcomes": b"\x00\x00"}),
        wire.ANSWER.encode({"version": 1, "outcomes": b"\x63"}),
    ],
)
def test_an_answer_to_another_question_is_refused(answer: bytes) -> None:
    class Lying:
        def ask(self, receiver: object, body: bytes) -> bytes:
            return answer

    submission, _ = PARTIES.send(LISTED[0])
    with pytest.raises(BadAnswer):
        PARTIES.provider.judge(submission, Lying())


def test_a_question_of_another_form_is_refused() -> None:
    for body in (b"", b"\x82\x01\x80", bytes(100)):
        with pytest.raises(MalformedMessage):
            PARTIES.enclave.answer(body)


def test_an_answer_is_one_byte_a_submission_and_no_more() -> None:
    honest, _ = PARTIES.send(LISTED[0])
    answer = wire.decode(wire.ANSWER, PARTIES.enclave.answer(question([honest] * 64)))
    assert answer["outcomes"] == bytes([Outcome.MATCH]) * 64


def test_only_the_bound_signers_list_is_taken() -> None:
    stranger = Enclave(SECRET, bytes(32))
    with pytest.raises(BadManifest):
        stranger.take_list(PARTIES.sealed_list())


def test_a_list_that_is_not_the_manifests_is_refused() -> None:
    parties = Parties(LISTED[:5])
    for manifest in (
        parties.manifest(artefact_sha256=bytes(32)),
        parties.manifest(entries=4),
        parties.manifest(option="split"),
    ):
        with pytest.raises(BadList):
            Enclave(SECRET, SIGNER).take_list(parties.sealed_list(manifest))
    stranger = replace(parties.parameters, list_signer=bytes(32))
    for parameters in (stranger.encode(), b"", b"junk"):
        sealed = parties.sealed_list(parties.manifest(parameters=parameters))
        with pytest.raises(BadList):
            Enclave(SECRET, SIGNER).take_list(sealed)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_altered_list_is_taken(data: st.DataObject) -> None:
    body = bytearray(SMALL_LIST)
    body[data.draw(st.integers(0, len(body) - 1))] ^= data.draw(st.integers(1, 255))
    enclave = Enclave(SECRET, SIGNER)
    with pytest.raises(PeerError):
        enclave.take_list(bytes(body))
    assert enclave.epochs == ()


SMALL_LIST = Parties(LISTED[:3]).sealed_list()


def test_a_list_sealed_to_another_key_is_refused() -> None:
    with pytest.raises(BadList):
        Enclave(bytes(96), SIGNER).take_list(PARTIES.sealed_list())


def test_an_expired_manifests_list_is_refused_where_a_clock_is_given() -> None:
    enclave = Enclave(SECRET, SIGNER)
    with pytest.raises(ManifestExpired):
        enclave.take_list(PARTIES.sealed_list(), now_ms=NOW_MS + 86_400_000)
    assert enclave.take_list(PARTIES.sealed_list(), now_ms=NOW_MS) == EPOCH


def test_the_last_two_epochs_are_kept_and_an_older_one_never_comes_back() -> None:
    enclave = Enclave(SECRET, SIGNER)
    for epoch in (3, 4, 5):
        enclave.take_list(Parties(LISTED[:4], epoch=epoch).sealed_list())
    assert enclave.epochs == (4, 5)
    with pytest.raises(ManifestRolledBack):
        enclave.take_list(Parties(LISTED[:4], epoch=3).sealed_list())
    assert enclave.take_list(Parties(LISTED[:4], epoch=4).sealed_list()) == 4


def test_a_second_list_for_an_epoch_is_refused_so_that_nothing_is_judged_again_by_another() -> None:
    parties = Parties(LISTED[:4])
    aimed = Parties(LISTED[4:5])
    with pytest.raises(ManifestRolledBack, match="two versions"):
        parties.enclave.take_list(aimed.sealed_list())
    assert isinstance(parties.judge(parties.send(LISTED[4])[0]), Clear)
    assert parties.enclave.take_list(parties.sealed_list()) == EPOCH, "the same again does no harm"


def test_a_dropped_list_is_overwritten_in_memory() -> None:
    parties = Parties(LISTED[:4], epoch=3)
    enclave = parties.enclave
    dropped = enclave._lists[3].blocks
    assert dropped.any()
    for epoch in (4, 5):
        enclave.take_list(Parties(LISTED[:4], epoch=epoch).sealed_list())
    assert not dropped.any()


def test_submissions_of_two_epochs_are_judged_each_by_its_own_list() -> None:
    old, new = Parties(LISTED[:4], epoch=8), Parties(LISTED[4:8], epoch=9)
    old.enclave.take_list(new.sealed_list())
    for at, expected in ((0, (Outcome.MATCH, Outcome.CLEAR)), (5, (Outcome.CLEAR, Outcome.MATCH))):
        asked = [p.send(LISTED[at], secret_of(epoch=p.epoch))[0] for p in (old, new)]
        told = wire.decode(wire.ANSWER, old.enclave.answer(question(asked)))["outcomes"]
        assert told == bytes(expected)


def test_an_empty_list_holds_nobody() -> None:
    parties = Parties([])
    assert isinstance(parties.judge(parties.send(LISTED[0])[0]), Clear)


def test_nothing_of_a_hash_shows_in_what_the_provider_sees() -> None:
    submission, _ = PARTIES.send(LISTED[0])
    seen = submission.body + question([submission])
    windows = {LISTED[0].bits[i : i + 6] for i in range(27)}
    assert not any(window in seen for window in windows)


def test_nothing_of_the_list_shows_in_what_is_published_or_carried() -> None:
    prepared = PARTIES.custodian.prepare(PARTIES.entries, lambda done, total: None)
    carried = prepared.artefact + PARTIES.manifest() + PARTIES.sealed_list()
    rows = np.frombuffer(b"".join(m.bits for m in LISTED), np.uint8).reshape(-1, 32)
    assert not any(bytes(row[i : i + 8]) in carried for row in rows for i in range(0, 25, 8))


def test_the_same_list_gives_the_same_commitment_and_another_epoch_another() -> None:
    def committed(parties: Parties) -> bytes:
        return parties.custodian.prepare(parties.entries, lambda done, total: None).artefact

    assert committed(Parties(LISTED[:4])) == committed(Parties(LISTED[:4]))
    digests = {
        bytes(wire.decode(wire.LIST_COMMITMENT, committed(Parties(LISTED[:4], epoch=e)))["digest"])  # type: ignore[arg-type]
        for e in (3, 4)
    }
    assert len(digests) == 2
