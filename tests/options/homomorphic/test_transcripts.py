"""From everything that one party received, nobody tells two pictures apart better than by chance.

Seeds are fixed, all but that of the sealed capsules, so a test gives the same answer each time but
for those; a test fails without cause with a chance below ALPHA. That the statistics can find
something at all, the broken variants show: each is found by the very same test.
"""

from collections.abc import Callable

import numpy as np
import pytest

from softfall.options.homomorphic import encrypting, provider_modes
from softfall.options.homomorphic.material import OneBitKeyholder
from softfall.options.homomorphic.parameters import Mode
from softfall.options.homomorphic.provider import Run
from tests.options.homomorphic.distinguishing import Sample, View, findings
from tests.options.homomorphic.parties import Parties, hash_at, random_hashes
from tests.options.homomorphic.views import Known, Watched

ALPHA = 1e-6
RUNS = 250
BROKEN_RUNS = 60

LISTED = random_hashes(90, seed=11)
FAR_ONE, FAR_OTHER = random_hashes(2, seed=12)
PAIRS = {
    "one listed, one not": (hash_at(LISTED[0], 20), FAR_ONE),
    "two that are not listed": (FAR_ONE, FAR_OTHER),
    "two near the same entry": (hash_at(LISTED[0], 4, seed=1), hash_at(LISTED[0], 28, seed=2)),
}


def samples(watched: Watched, pictures: tuple[bytes, bytes], runs: int) -> dict[str, list[Sample]]:
    """For either party, a sample of each picture's views."""
    kept: dict[str, list[list[View]]] = {"provider": [[], []], "keyholder": [[], []]}
    for place, pdq in enumerate(pictures):
        for run in range(runs):
            for party, view in watched.views(pdq, f"{place}|{run}").items():
                kept[party][place].append(view)
    return {party: [Sample.of(views) for views in each] for party, each in kept.items()}


def watch(mode: Mode, pictures: tuple[bytes, bytes], names_entry: bool = True) -> Watched:
    parties = Parties(dict(enumerate(LISTED)), mode, names_entry, spare_rows=20, seed=13)
    return Watched(parties, Known(pictures))


@pytest.mark.parametrize("pair", PAIRS)
def test_in_the_one_bit_mode_neither_party_tells_two_pictures_apart(pair: str) -> None:
    pictures = PAIRS[pair]
    seen = samples(watch(Mode.ONE_BIT, pictures), pictures, RUNS)
    assert findings(*seen["keyholder"], ALPHA) == []
    told = findings(*seen["provider"], ALPHA)
    if pair != "one listed, one not":
        assert told == []
    else:  # the provider's own answer, and nothing but that
        assert told
        assert all("result" in finding or "classifier" in finding for finding in told)


def test_where_entries_are_not_named_the_provider_has_one_bit_and_nothing_else() -> None:
    pictures = (hash_at(LISTED[0], 4), hash_at(LISTED[1], 4))  # two entries, one verdict
    seen = samples(watch(Mode.ONE_BIT, pictures, names_entry=False), pictures, RUNS)
    assert findings(*seen["provider"], ALPHA) == []
    assert findings(*seen["keyholder"], ALPHA) == []


@pytest.mark.parametrize("pair", ["two that are not listed", "two near the same entry"])
def test_in_the_permuted_mode_the_provider_tells_no_two_pictures_apart(pair: str) -> None:
    pictures = PAIRS[pair]
    seen = samples(watch(Mode.PERMUTED, pictures), pictures, RUNS)
    assert findings(*seen["provider"], ALPHA) == []


# ---- What the same test finds


def test_the_keyholder_of_the_permuted_mode_tells_pictures_apart_by_their_distances() -> None:
    pictures = PAIRS["two that are not listed"]
    seen = samples(watch(Mode.PERMUTED, pictures), pictures, BROKEN_RUNS)
    assert any("new order" in finding for finding in findings(*seen["keyholder"], ALPHA))


def without_masks(run: Run) -> None:
    (half,) = run._halves
    assert isinstance(half, provider_modes.OneBitHalf)
    half.masks[:] = 0


def test_without_the_providers_masks_the_keyholder_is_seen_to_learn() -> None:
    pictures = PAIRS["two that are not listed"]
    watched = watch(Mode.ONE_BIT, pictures)
    watched.broken = without_masks
    found = findings(*samples(watched, pictures, BROKEN_RUNS)["keyholder"], ALPHA)
    assert any("numbers" in finding for finding in found)
    assert any("classifier" in finding for finding in found)


def test_material_that_serves_twice_is_seen_by_both() -> None:
    pictures = PAIRS["two that are not listed"]
    watched = watch(Mode.ONE_BIT, pictures)
    watched.dealt = watched.parties.deal()
    seen = samples(watched, pictures, BROKEN_RUNS)
    for party in ("provider", "keyholder"):
        assert any("numbers" in finding for finding in findings(*seen[party], ALPHA)), party


def test_without_the_keyholders_masks_the_provider_is_seen_to_learn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(OneBitKeyholder, "masks", lambda self, rows: np.zeros(rows, np.uint16))
    pictures = PAIRS["two that are not listed"]
    seen = samples(watch(Mode.ONE_BIT, pictures), pictures, BROKEN_RUNS)
    assert any("numbers" in finding for finding in findings(*seen["provider"], ALPHA))


def reused(name: str) -> Callable[..., bytes]:
    """Encryption whose key, or whose key and errors, are the same for all pictures."""
    honest = encrypting.encrypt
    fixed = b"k" * 32

    def encrypt(bits: bytes, secret_seed: bytes, error_seed: bytes, public: object) -> bytes:
        del secret_seed
        return honest(bits, fixed, fixed if name == "errors" else error_seed, public)  # type: ignore[arg-type]

    return encrypt


@pytest.mark.parametrize("name", ["key", "errors"])
def test_a_key_that_serves_two_pictures_is_seen_by_the_provider(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(encrypting, "encrypt", reused(name))
    pictures = PAIRS["two that are not listed"]
    seen = samples(watch(Mode.ONE_BIT, pictures), pictures, BROKEN_RUNS)
    assert any("query" in finding for finding in findings(*seen["provider"], ALPHA))
