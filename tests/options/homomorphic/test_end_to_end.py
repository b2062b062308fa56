"""End to end in one process: the verdict is plain PDQ's, whatever the list and the mode."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.errors import UnavailableError
from softfall.media.pdq import Unhashable
from softfall.options.contract import Clear, Held, ProviderPorts
from softfall.options.homomorphic.parameters import Mode
from softfall.options.homomorphic.provider import (
    MISMATCHED,
    HomomorphicProvider,
    Match,
    Mismatched,
    NoMatch,
)
from tests.options.homomorphic.parties import (
    EPOCH,
    Parties,
    changed,
    hash_at,
    random_hashes,
    secret_of,
)

BASE = random_hashes(1, seed=99)[0]
both_modes = pytest.mark.parametrize("mode", list(Mode), ids=lambda mode: mode.name.lower())
NO_PORTS: ProviderPorts = None  # type: ignore[assignment]  # this option needs none


def listed(count: int, seed: int = 3) -> dict[int, bytes]:
    return {10 * number + 5: pdq for number, pdq in enumerate(random_hashes(count, seed))}


@both_modes
@pytest.mark.parametrize("away", [0, 1, 30, 31, 32, 33, 128, 255, 256])
def test_one_entry_matches_exactly_up_to_31_bits(mode: Mode, away: int) -> None:
    parties = ONE_ENTRY[mode]
    outcome = parties.outcome(hash_at(BASE, away, seed=away))
    assert outcome == (Match((5,)) if away <= 31 else NoMatch())


ONE_ENTRY = {mode: Parties({5: BASE}, mode) for mode in Mode}


@both_modes
@pytest.mark.parametrize("count", [0, 1, 47, 48, 49, 200])
def test_lists_of_every_size_give_plain_verdicts(mode: Mode, count: int) -> None:
    parties = Parties(listed(count), mode, spare_rows=37)
    hashes = random_hashes(2, seed=count + 1)
    hashes += [hash_at(pdq, 31, seed=4) for pdq in list(parties.listed.values())[-2:]]
    hashes += [hash_at(pdq, 32, seed=4) for pdq in list(parties.listed.values())[:2]]
    for pdq in hashes:
        near = parties.near(pdq)
        assert parties.outcome(pdq) == (Match(near) if near else NoMatch())


@both_modes
def test_a_clustered_list_names_every_entry_within_the_radius(mode: Mode) -> None:
    near = {n: hash_at(BASE, n % 64, seed=n) for n in range(130)}
    parties = Parties(near, mode)
    for away in (0, 14, 30):
        asked = hash_at(BASE, away, seed=1000 + away)
        assert parties.outcome(asked) == Match(parties.near(asked))
    assert len(parties.near(BASE)) == 64 + 2  # the distances 0 to 31 twice, and 0 and 1 again


@both_modes
def test_without_named_entries_a_match_is_one_bit(mode: Mode) -> None:
    parties = Parties({5: BASE, 6: random_hashes(1)[0]}, mode, names_entry=False)
    assert parties.outcome(BASE) == Match(None)
    assert parties.outcome(hash_at(BASE, 32)) == NoMatch()


@both_modes
@pytest.mark.parametrize("size", [2, 8, 16])
def test_a_batch_gives_what_each_query_gives_alone(mode: Mode, size: int) -> None:
    parties = Parties(listed(100), mode)
    hashes = random_hashes(size, seed=size)
    hashes[::3] = [hash_at(pdq, 30) for pdq in list(parties.listed.values())[: len(hashes[::3])]]
    sent = [parties.send(pdq, secret_of(str(n)))[0] for n, pdq in enumerate(hashes)]
    outcomes, _ = parties.exchange(sent)
    expected = [Match(parties.near(pdq)) if parties.near(pdq) else NoMatch() for pdq in hashes]
    assert outcomes == expected


@both_modes
def test_a_picture_without_a_hash_matches_nothing(mode: Mode) -> None:
    parties = Parties(listed(60) | {1: bytes(32)}, mode)
    assert parties.outcome(Unhashable("flat", 0)) == NoMatch()


@both_modes
def test_a_mismatch_in_a_batch_is_told_and_the_others_are_judged(mode: Mode) -> None:
    parties = Parties({5: BASE}, mode)
    good, other = (parties.send(BASE, secret_of(label))[0] for label in "ab")
    bad = changed(good, commitment=bytes(32))
    assert parties.exchange([bad, other])[0] == [Mismatched(), Match((5,))]
    assert parties.exchange([bad])[0] == [Mismatched()]


@both_modes
def test_every_version_of_a_list_gives_the_verdicts_of_a_fresh_list(mode: Mode) -> None:
    parties = Parties(listed(150), mode)
    extra = random_hashes(60, seed=8)
    gone: dict[int, bytes] = {}
    for added, withdrawn in CHANGES:
        gone |= {number: parties.listed[number] for number in withdrawn}
        parties.change([(number, extra[number - 2000]) for number in added], withdrawn)
        fresh = Parties(dict(parties.listed), mode)
        asked = [*list(parties.listed.values())[::40], *list(gone.values())[-2:]]
        asked = [hash_at(pdq, 31, seed=1) for pdq in asked]
        assert [parties.outcome(pdq) for pdq in asked] == [fresh.outcome(pdq) for pdq in asked]
        assert parties.version.entries == len(parties.listed)
    assert parties.version.list_version == len(CHANGES)


CHANGES = (
    (range(2000, 2001), []),
    (range(2001, 2050), [5, 15]),
    ([], [2000, 2001, *range(25, 600, 20)]),
    ([2000, 2055], list(range(2002, 2049))),
)


def test_an_emptied_list_matches_nothing_and_can_be_filled_again() -> None:
    parties = Parties({5: BASE, 6: hash_at(BASE, 2)})
    parties.change([], [5, 6])
    assert parties.version.blocks == 0
    assert parties.outcome(BASE) == NoMatch()
    parties.change([(7, BASE)], [])
    assert parties.outcome(BASE) == Match((7,))


@both_modes
def test_the_providers_half_says_what_an_outcome_means(mode: Mode) -> None:
    parties = Parties({5: BASE}, mode)
    sent = [parties.send(pdq)[0] for pdq in (BASE, hash_at(BASE, 40))]
    sent.append(changed(sent[0], commitment=bytes(32)))
    verdicts = parties.provider.judge_batch(sent, NO_PORTS)
    assert verdicts[0] == Held("match", {"confirmed": True, "entry": 5})
    assert isinstance(verdicts[1], Clear)
    assert verdicts[2] == MISMATCHED
    assert parties.provider.judge(sent[0], NO_PORTS) == verdicts[0]


def test_what_can_not_be_judged_now_is_said_in_its_place() -> None:
    parties = Parties({5: BASE})
    away = UnavailableError("the dealer is away")
    half = HomomorphicProvider(EPOCH, parties.parameters, lambda asked: [away for _ in asked])
    submission, _ = parties.send(BASE)
    assert half.judge_batch([submission], NO_PORTS) == [away]
    with pytest.raises(UnavailableError):
        half.judge(submission, NO_PORTS)


@settings(max_examples=15, deadline=None)
@given(
    st.integers(0, 120),
    st.lists(st.integers(24, 40), min_size=1, max_size=4),
    st.sampled_from(list(Mode)),
    st.integers(0, 2**32),
)
def test_near_the_radius_the_verdict_is_plain_pdqs(
    count: int, distances: list[int], mode: Mode, seed: int
) -> None:
    entries = dict(enumerate(random_hashes(count, seed)))
    entries |= {1000 + n: hash_at(BASE, away, seed) for n, away in enumerate(distances)}
    parties = Parties(entries, mode, seed=seed)
    near = parties.near(BASE)
    assert parties.outcome(BASE) == (Match(near) if near else NoMatch())
