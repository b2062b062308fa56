"""What cheats and collusions gain under `homomorphic`: stopped by a test, or shown as a limit.

The limits are those that docs/homomorphic.md prints; a test here turns red if one grows, or goes.
"""

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from softfall.crypto import shuffling
from softfall.crypto.columns import unpacked
from softfall.crypto.lattice import query as lattice_query
from softfall.crypto.lattice.hint import make_hint, public_matrices
from softfall.crypto.lattice.parameters import HALF_LEVEL, LEVELS, PRIMES, SLOTS, Q, failure_log2
from softfall.crypto.lattice.prepared import prepare
from softfall.crypto.lattice.public import public_elements
from softfall.crypto.lattice.query import read_query
from softfall.crypto.lattice.sampling import secret_words, ternary
from softfall.crypto.lattice.transform import joined, to_slots, y_slots
from softfall.crypto.lattice.unmasking import secret_slots, unmasking
from softfall.options.contract import Submission
from softfall.options.homomorphic import keyholder, sealing, wire
from softfall.options.homomorphic.laying import Entries, lay
from softfall.options.homomorphic.material import DealtKeyholder
from softfall.options.homomorphic.opening import NOT_THIS_SUBMISSION
from softfall.options.homomorphic.parameters import REPLAY_BUDGET, Mode
from softfall.options.homomorphic.provider import Match, Mismatched, Outcome, Run
from softfall.options.homomorphic.provider_modes import OneBitHalf
from softfall.options.homomorphic.segments import LIST_ROWS
from tests.options.homomorphic.parties import (
    EPOCH,
    PUBLIC_SEED,
    SECRET,
    Parties,
    changed,
    distance,
    hash_at,
    picture,
    random_hashes,
    random_source,
    secret_of,
)
from tests.options.homomorphic.views import rounding

LISTED = random_hashes(90, seed=21)
PARTIES = Parties(dict(enumerate(LISTED)))
FAR = random_hashes(1, seed=22)[0]

# ---- A patched sender


def test_a_query_under_another_key_than_the_capsules_is_caught_by_the_recipient() -> None:
    honest, opening = PARTIES.send(FAR)
    other, _ = PARTIES.send(FAR, secret_of("another"))
    query = wire.octets(wire.decode(wire.QUERY, other.body), "query")
    bad = changed(honest, query=query)
    assert PARTIES.check(picture(FAR), opening, bad) == NOT_THIS_SUBMISSION


def test_limit_a_patched_senders_junk_is_held_as_a_match_of_one_row_in_sixteen() -> None:
    """It holds its own message, and a person finds nothing; no other message is touched."""
    rng = np.random.default_rng(5)
    submission, _ = PARTIES.send(FAR)
    values = rng.integers(0, Q, SLOTS * 256).astype("<u4").view(np.uint8).reshape(-1, 4)
    junk = changed(submission, query=values[:, :3].tobytes())
    ((outcome,), _) = PARTIES.exchange([junk])
    assert isinstance(outcome, Match)
    assert outcome.entries is not None
    assert 0 < len(outcome.entries) < 30  # 90 / 16 is 6; 30 or more: a chance below 2^-40


def test_two_messages_with_one_picture_have_nothing_in_common() -> None:
    one, two = (
        wire.decode(wire.QUERY, PARTIES.send(LISTED[0], secret_of(label))[0].body)
        for label in ("first", "second")
    )
    assert one["commitment"] != two["commitment"]
    assert one["capsule"] != two["capsule"]
    same = np.mean(
        np.frombuffer(wire.octets(one, "query"), np.uint8)
        == np.frombuffer(wire.octets(two, "query"), np.uint8)
    )
    assert same < 0.02


# ---- A provider that cheats


def moved(parties: Parties, pdq: bytes, row: int | slice, less: int) -> Outcome:
    """What a provider learns that takes `less` off the distance of a row, or of all rows."""
    run, dealt = parties.run_of([parties.send(pdq)[0]])
    (half,) = run._halves
    assert isinstance(half, OneBitHalf)
    half.masks[row] = (half.masks[row] - less) & (LEVELS - 1)
    begun, kept = keyholder.begin(keyholder.read(run.begin()), parties.hints, dealt, [SECRET])
    finish = run.go_on(begun)
    assert finish is not None
    (outcome,) = run.results(keyholder.finish(finish, kept))
    return outcome


def test_a_list_that_the_provider_swaps_meets_the_keyholders_hint_and_says_nothing() -> None:
    """A row of its own in place of a listed one matches as often for a guess as for any other."""
    swapped = Parties(dict(enumerate(LISTED)), seed=23)
    (segment,) = swapped.prepared.segments
    (rows,) = swapped.rows_of(swapped.version)
    hashes = rows.hashes.copy()
    hashes[:, :LIST_ROWS] = np.frombuffer(FAR, np.uint8)  # the guess, in every place
    swapped.prepared = replace(
        swapped.prepared, segments=(replace(segment, prepared=prepare(hashes)),)
    )
    found = []
    for pdq in (FAR, hash_at(FAR, 128, seed=3)):
        outcomes = [swapped.outcome(pdq, str(run)) for run in range(20)]
        found.append(sum(len(o.entries or ()) for o in outcomes if isinstance(o, Match)))
    trials = 20 * len(LISTED)
    # Uniform distances match with 1/16; 6.5 standard deviations: a chance below 2^-33.
    allowed = 6.5 * (trials * 15 / 256) ** 0.5
    assert all(abs(count - trials / 16) < allowed for count in found)


def test_limit_a_provider_that_cheats_learns_one_rows_distance_to_within_32_in_eight_runs() -> None:
    """One bit a run where entries are not named: the keyholder lets one query be run so often."""
    parties = Parties({0: LISTED[0]}, names_entry=False)
    pdq = hash_at(LISTED[0], 118, seed=4)
    told = [moved(parties, pdq, 0, 32 * step) == Match(None) for step in range(REPLAY_BUDGET)]
    assert told == [False, False, False, True, False, False, False, False]  # 96 ... 127


def test_limit_where_entries_are_named_a_provider_that_cheats_opens_the_hash_in_one_run() -> None:
    """A bit for every row is what naming costs: with two thousand rows it is the hash."""
    rows = random_hashes(2000, seed=24)
    parties = Parties(dict(enumerate(rows)), names_entry=True)
    outcome = moved(parties, FAR, slice(None), 97)  # which distances are 97 to 128?
    assert isinstance(outcome, Match)
    near = np.isin(np.arange(len(rows)), outcome.entries)
    signs = np.unpackbits(np.frombuffer(b"".join(rows), np.uint8)).reshape(-1, 256) - 0.5
    votes = ((near[:, None] - 0.5) * signs).sum(axis=0)
    opened = np.packbits(votes > 0).tobytes()
    assert distance(opened, FAR) <= 31


# ---- A keyholder that is curious


def guesses_confirmed(mode: Mode, guesses: list[bytes], runs: int) -> tuple[int, int]:
    """How often a keyholder with the list in its hands picks the picture that was sent."""
    parties = Parties(dict(enumerate(LISTED)), mode)
    rows = np.frombuffer(b"".join(LISTED), np.uint8).reshape(-1, 32)
    told = [
        np.bincount([distance(guess, row.tobytes()) for row in rows], minlength=LEVELS)
        for guess in guesses
    ]
    right = 0
    for place in range(runs):
        submission, _ = parties.send(guesses[place], secret_of(str(place)))
        seen = np.bincount(what_it_sees(parties, submission), minlength=LEVELS)
        right += int(np.argmin([np.abs(seen - each)[:257].sum() for each in told])) == place
    return right, runs


def what_it_sees(parties: Parties, submission: Submission) -> npt.NDArray[np.uint16]:
    """The numbers that the keyholder gets nearest to distances."""
    run, dealt = parties.run_of([submission])
    begin = keyholder.read(run.begin())
    begun, kept = keyholder.begin(begin, parties.hints, dealt, [SECRET])
    finish = run.go_on(begun)
    assert finish is not None
    notes = kept.spend()
    (note,) = notes.values()
    (sent,) = wire.nested(wire.decode(wire.FINISH, finish), "runs")
    if parties.mode is Mode.PERMUTED:
        hiding = note.hiding  # type: ignore[union-attr]  # of this mode
        received = unpacked(wire.octets(sent, "values"), len(hiding.added))
        return shuffling.distances(received, hiding)
    asked = begin.runs[0]
    seed = sealing.opened_seed(asked.capsule, asked.commitment, [SECRET], EPOCH)
    assert seed is not None
    hidden = unmasking(parties.hints.segments[0].hint, secret_slots(seed))
    return keyholder.opened(asked.masked, hidden)


def test_in_the_one_bit_mode_a_keyholder_with_the_list_confirms_no_guess() -> None:
    right, runs = guesses_confirmed(Mode.ONE_BIT, random_hashes(40, seed=25), 40)
    assert right <= 12  # 1 in 40 by chance; over 12 of 40 with a chance below 2^-30
    assert runs == 40


def test_limit_in_the_permuted_mode_a_keyholder_with_the_list_confirms_every_guess() -> None:
    assert guesses_confirmed(Mode.PERMUTED, random_hashes(40, seed=25), 40) == (40, 40)


# ---- Collusions


def test_limit_provider_and_keyholder_together_open_every_hash() -> None:
    submission, _ = PARTIES.send(FAR)
    values = wire.decode(wire.QUERY, submission.body)
    capsule, committed = (wire.octets(values, name) for name in ("capsule", "commitment"))
    seed = sealing.opened_seed(capsule, committed, [SECRET], EPOCH)
    assert seed is not None
    assert decrypted(wire.octets(values, "query"), seed) == FAR


def decrypted(query: bytes, seed: bytes) -> bytes:
    """A query's hash, by who has its key: what neither party does alone."""
    secret = to_slots(ternary(secret_words(seed)))
    public = public_elements(PUBLIC_SEED)
    shown = read_query(query).view(np.int16).reshape(SLOTS, 2, 256).astype(np.int64)
    constants = []
    for place, (prime, own, y) in enumerate(zip(PRIMES, secret, y_slots(), strict=True)):
        hidden = lattice_query.element_products(public, own, prime, y)
        sums = (shown[:, place] - hidden).sum(axis=0)
        constants.append(sums * pow(SLOTS, -1, prime) % prime)
    return np.packbits(joined(*constants) < Q // 2).tobytes()


def test_limit_a_patched_sender_and_the_keyholder_together_read_two_bits_of_every_row() -> None:
    """A query's errors come back to the keyholder, times the rows: whoever chooses them reads.

    So 128 submissions read the whole list, whatever its size. Nobody else can tell them apart from
    honest ones.
    """
    level = Q // LEVELS
    columns = (17, 200)
    submission, _ = PARTIES.send(FAR)
    values = wire.decode(wire.QUERY, submission.body)
    capsule, committed = (wire.octets(values, name) for name in ("capsule", "commitment"))
    seed = sealing.opened_seed(capsule, committed, [SECRET], EPOCH)
    assert seed is not None
    query = without_errors(FAR, seed, {columns[0]: level // 4, columns[1]: level // 8})
    run, _ = PARTIES.run_of([changed(submission, query=query)])
    (asked,) = keyholder.read(run.begin()).runs
    hidden = unmasking(PARTIES.hints.segments[0].hint, secret_slots(seed))
    left = rounding(asked.masked, hidden)[: len(LISTED)] - 0.5
    first = left < 0
    second = np.where(first, left < -0.25, left < 0.25)
    bits = np.unpackbits(np.frombuffer(b"".join(LISTED), np.uint8)).reshape(-1, 256)
    assert (bits[:, columns[0]] == first).all()
    assert (bits[:, columns[1]] == second).all()


def without_errors(pdq: bytes, seed: bytes, extra: dict[int, int]) -> bytes:
    """A query whose errors a patched sender chose: none, but for some constants."""
    secret = to_slots(ternary(secret_words(seed)))
    public = public_elements(PUBLIC_SEED)
    carried = HALF_LEVEL * (2 * np.unpackbits(np.frombuffer(pdq, np.uint8)).astype(np.int64) - 1)
    for column, amount in extra.items():
        carried[column] += amount
    residues = [
        (lattice_query.element_products(public, own, prime, y) + carried) % prime
        for prime, own, y in zip(PRIMES, secret, y_slots(), strict=True)
    ]
    return lattice_query.packed(joined(*residues))


# ---- A keyholder that compares hints


def solved_difference(
    before: npt.NDArray[np.uint8], after: npt.NDArray[np.uint8], row: int
) -> bytes:
    """The bits in which one row changed, from two hints of its block, by linear algebra."""
    public = public_elements(PUBLIC_SEED)
    hints = [make_hint(block[None], public) for block in (before, after)]
    prime, y = PRIMES[0], y_slots()[0]
    parts = [h.view(np.int16).reshape(SLOTS, 2, 16)[:, 0].astype(np.int64) for h in hints]
    place = np.array([pow(int(value), row, prime) for value in y], np.int64)
    system = public_matrices(public)[0].transpose(0, 2, 1).reshape(-1, 256)
    system = system * np.repeat(place, 16)[:, None] % prime
    return np.packbits(
        solved(system, (parts[1] - parts[0]).reshape(-1) % prime, prime) != 0
    ).tobytes()


def solved(
    system: npt.NDArray[np.int64], right: npt.NDArray[np.int64], prime: int
) -> npt.NDArray[np.int64]:
    """Gauss-Jordan modulo a prime: a solution of as many unknowns as there are columns."""
    table = np.concatenate([system, right[:, None]], axis=1) % prime
    for column in range(system.shape[1]):
        pivot = column + int(np.flatnonzero(table[column:, column])[0])
        table[[column, pivot]] = table[[pivot, column]]
        table[column] = table[column] * pow(int(table[column, column]), -1, prime) % prime
        others = np.flatnonzero(table[:, column])
        others = others[others != column]
        table[others] = (table[others] - table[others, column, None] * table[column]) % prime
    return np.asarray(table[: system.shape[1], -1])


def test_why_a_changed_block_gets_fresh_dummies_the_old_ones_give_the_row_away() -> None:
    (block,) = lay(Entries.of(enumerate(LISTED[:48])), random_source(1)).hashes
    changed_block = block.copy()
    changed_block[5] = np.frombuffer(FAR, np.uint8)
    difference = bytes(a ^ b for a, b in zip(LISTED[5], FAR, strict=True))
    assert solved_difference(block, changed_block, 5) == difference
    (fresh,) = lay(
        Entries.of(enumerate([*LISTED[:5], FAR, *LISTED[6:48]])), random_source(2)
    ).hashes
    away = distance(solved_difference(block, fresh, 5), difference)
    # Noise: nearly every unknown comes out as something, so about half of the bits are wrong.
    assert away > 64


def test_a_query_replayed_gives_the_provider_what_it_had() -> None:
    submission, _ = PARTIES.send(hash_at(LISTED[3], 10))
    told = {PARTIES.exchange([submission])[0][0] for _ in range(3)}
    assert told == {Match((3,))}


def test_a_run_cut_off_is_begun_anew_with_other_material_and_other_bytes() -> None:
    submission, _ = PARTIES.send(hash_at(LISTED[3], 10))
    begins = []
    for _ in range(2):
        run, dealt = PARTIES.run_of([submission])
        begins.append(keyholder.read(run.begin()).runs[0])
        assert isinstance(run, Run)
        assert isinstance(dealt[0], DealtKeyholder)
    assert begins[0].serial != begins[1].serial
    octets = [np.frombuffer(each.masked, np.uint8) for each in begins]
    assert np.mean(octets[0] == octets[1]) < 0.2


@pytest.mark.parametrize("mode", list(Mode))
def test_a_capsule_of_another_message_does_not_fit(mode: Mode) -> None:
    parties = Parties({0: LISTED[0]}, mode)
    mine, theirs = (parties.send(LISTED[0], secret_of(label))[0] for label in "ab")
    stolen = wire.octets(wire.decode(wire.QUERY, theirs.body), "capsule")
    assert parties.exchange([changed(mine, capsule=stolen)])[0] == [Mismatched()]


def test_a_false_verdict_is_less_likely_than_any_accident() -> None:
    """At sixteen million rows: a wrong distance, or two unlike shares with one digest."""
    rows = wire.MAX_ROWS
    wrong_distance_log2 = failure_log2(rows)
    digest_blocks = -(-rows // 128) + 1  # GMAC's polynomial has one coefficient a block
    equal_digests_log2 = math.log2(digest_blocks) - 128
    assert wrong_distance_log2 < -60
    assert failure_log2(2**20) < -64
    assert equal_digests_log2 < -110
