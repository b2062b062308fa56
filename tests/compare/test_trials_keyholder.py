"""Curious keyholders, providers that cheat, the two together: what can be told is told, no more."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from softfall.compare.casts import key_theft
from softfall.compare.results import BlastRadius, Counted, TrialResult
from softfall.compare.trials import keyholder_own, keyholder_view
from softfall.compare.trials.keyholder_view import Matched, counts_of, search
from softfall.compare.trials.provider_probes import FAR, WINDOW, Doubt, ShiftedRun, probe
from softfall.compare.trials.street import Street
from softfall.options.homomorphic import keyholder, wire
from softfall.options.homomorphic.material import DealtKeyholder, DealtProvider
from softfall.options.homomorphic.parameters import Mode
from softfall.options.homomorphic.provider import Asked, Match, NoMatch
from softfall.testing.epochs import SmallCustodian, SmallEpoch
from softfall.testing.homomorphic import SmallKeyholder, publish
from tests.compare.keyed_stage import KeyedStage
from tests.compare.staged import scene
from tests.options.homomorphic.parties import (
    SECRET,
    Parties,
    distance,
    hash_at,
    random_hashes,
    secret_of,
)

SEES, CANNOT, NOT_RUN = TrialResult.SEES, TrialResult.CANNOT, TrialResult.NOT_RUN


@pytest.fixture
def stage(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    made = KeyedStage(tmp_path, request.param)
    told = made.parties.parameters
    monkeypatch.setattr(key_theft, "parameters_of", lambda loot, option: told)
    return made


@pytest.mark.parametrize("stage", [Mode.ONE_BIT], indirect=True)
def test_in_the_one_bit_mode_a_keyholder_with_the_list_names_no_picture(stage: KeyedStage):
    found = keyholder_view.view(stage.scene)
    assert found.result is CANNOT
    assert found.figure == "names 0 of 5"
    assert "(the same search without the provider's masks: 2, 1, 5)" in found.told


@pytest.mark.parametrize("stage", [Mode.PERMUTED], indirect=True)
def test_in_the_permuted_mode_it_names_them_all_and_sees_which_matched(stage: KeyedStage):
    found = keyholder_view.view(stage.scene)
    assert found.result is SEES
    assert found.figure == "names 5 of 5"
    assert "it sees 2 match, it links 1 pairs" in found.told


@pytest.mark.parametrize("stage", [Mode.ONE_BIT], indirect=True)
def test_a_search_that_finds_nothing_anyhow_is_not_run(
    stage: KeyedStage, monkeypatch: pytest.MonkeyPatch
):
    nothing = keyholder_view.Told(0, 0, 0, 0)
    monkeypatch.setattr(keyholder_view, "search", lambda *_: nothing)
    assert keyholder_view.view(stage.scene).result is NOT_RUN


def matched(hash_bits: bytes) -> Matched:
    empty = np.zeros(0, np.uint16)
    return Matched(hash_bits, empty, empty, empty)


def test_distances_without_masks_name_the_picture_and_masked_ones_none():
    listed = np.frombuffer(b"".join(random_hashes(500)), np.uint8).reshape(-1, 32)
    asked = random_hashes(4, seed=1)
    order = np.random.default_rng(2)
    plain = [
        order.permutation(np.repeat(np.arange(512), counts_of(bits, listed))).astype(np.uint16)
        for bits in asked
    ]
    people = [matched(bits) for bits in asked]
    found = search(plain, people, asked, listed)
    assert (found.named, found.wrongly) == (4, 0)
    masked = [(each + order.integers(0, 512, len(each))) % 512 for each in plain]
    assert not search(masked, people, asked, listed).anything


def test_a_guess_counts_as_wrong_where_another_picture_fits():
    listed = np.frombuffer(b"".join(random_hashes(50)), np.uint8).reshape(-1, 32)
    one, other = random_hashes(2, seed=1)
    seen = np.repeat(np.arange(512), counts_of(one, listed)).astype(np.uint16)
    found = search([seen], [matched(other)], [one, other], listed)
    assert (found.named, found.wrongly) == (0, 1)


@pytest.mark.parametrize("name", ["split", "enclave"])
def test_where_no_keyholder_takes_part_there_is_nothing_to_try(tmp_path: Path, name: str):
    for play in (keyholder_view.view, keyholder_view.together, probe):
        assert play(scene(tmp_path, name)).result is TrialResult.NOT_APPLICABLE


def blast(hashes: int) -> BlastRadius:
    none = Counted(count=0, total=5)
    return BlastRadius(
        stolen="keys", how="used", messages=none, pictures=none, texts=none,
        hashes=Counted(count=hashes, total=5), sent_known=none, never_sent_taken_for_sent=none,
    )  # fmt: skip


@pytest.mark.parametrize(("hashes", "result"), [(5, SEES), (1, SEES), (0, CANNOT)])
def test_what_the_two_open_together_is_what_the_theft_opened(
    tmp_path: Path, hashes: int, result: TrialResult
):
    staged = scene(tmp_path, "homomorphic", blast=blast(hashes))
    staged.cast.parties["keyholder"] = None  # type: ignore[assignment]
    assert keyholder_view.together(staged).result is result


@pytest.mark.parametrize("seed", range(3))
def test_a_query_and_its_key_together_are_the_hash_and_another_key_opens_nothing(seed: int):
    parties = Parties({1: bytes(32)})
    (bits,) = random_hashes(1, seed)
    submission, _ = parties.send(bits)
    key = key_theft.seed_of(submission.body, [SECRET], submission.epoch)
    assert key is not None
    query = wire.octets(wire.decode(wire.QUERY, submission.body), "query")
    public = parties.device._public
    assert key_theft.hash_in(query, key, public) == bits
    assert distance(key_theft.hash_in(query, bytes(32), public), bits) > 60
    assert key_theft.seed_of(submission.body, [bytes(96)], submission.epoch) is None


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize(("bits", "low", "within"), [
    (100, 100, True), (100, 69, True), (100, 68, False), (100, 101, False), (0, 0, True),
    (256, 225, True), (256, 224, False), (31, 0, True), (32, 0, False),
])  # fmt: skip
def test_a_row_whose_masks_are_moved_tells_whether_its_distance_lies_in_a_window(
    mode: Mode, bits: int, low: int, within: bool
):
    (asked,) = random_hashes(1, seed=bits)
    # A second entry that matches in truth: its row is moved away, and says nothing.
    parties = Parties({1: hash_at(asked, bits), 2: asked}, mode)
    submission, _ = parties.send(asked, secret_of())
    own, theirs = parties.deal()
    shift = np.full(parties.prepared.rows, FAR, np.uint16)
    shift[int(np.flatnonzero(parties.prepared.numbers == 1)[0])] = -low % 512
    half = DealtProvider.decode(own)
    run = ShiftedRun(parties.prepared, Asked.read(submission.body), half, shift)
    begun, kept = keyholder.begin(
        keyholder.read(run.begin()), parties.hints, [DealtKeyholder.decode(theirs)], [SECRET]
    )
    finish = run.go_on(begun)
    assert finish is not None
    (outcome,) = run.results(keyholder.finish(finish, kept))
    assert outcome == (Match((1,)) if within else NoMatch())


@pytest.mark.parametrize("bits", [0, 31, 64, 112, 120, 128, 137, 144, 225, 256])
def test_answers_about_windows_leave_the_true_distance_and_soon_no_other_likely_one(bits: int):
    doubt, runs = Doubt(), 0
    while len(doubt.left) > 1 and runs < 10:
        low = doubt.window()
        doubt.learn(low, within=low <= bits < low + WINDOW)
        runs += 1
        assert bits in doubt.left
    if 112 <= bits <= 144:
        assert doubt.left == [bits]


@pytest.mark.parametrize(("own", "result"), [(True, SEES), (False, CANNOT)])
def test_a_custodian_opens_queries_only_by_a_keyholder_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: bool, result: TrialResult
):
    staged = scene(tmp_path / "scene", "homomorphic")
    with Street("homomorphic", tmp_path) as street:
        if not own:

            def named_another(number: int, who: SmallCustodian, _: SmallKeyholder) -> SmallEpoch:
                return publish(number, who, SmallKeyholder())

            monkeypatch.setattr(keyholder_own, "publish", named_another)
        told = SimpleNamespace(street=street, conversation=staged.conversation)
        assert keyholder_own.custodian_names_its_own(told).result is result  # type: ignore[arg-type]
