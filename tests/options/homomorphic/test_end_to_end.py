"""End to end in one process: the verdict is plain PDQ's, whatever the list and the mode."""

import pytest

from softfall.options.contract import ProviderPorts
from softfall.options.homomorphic.parameters import Mode
from softfall.options.homomorphic.provider import Match, NoMatch
from tests.options.homomorphic.parties import (
    Parties,
    hash_at,
    random_hashes,
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
