"""The research mode: encrypted 64x64 planes against a hash that its epoch alone knows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.crypto.lattice.parameters import Q
from softfall.options.dealt import AlreadySpent
from softfall.options.homomorphic.parameters import Mode
from softfall.options.homomorphic.secret_hash import lattice, wire
from softfall.options.homomorphic.secret_hash.lattice import MalformedPlane
from softfall.options.homomorphic.secret_hash.plane import (
    MAX_STEPS,
    PIXELS,
    FlatPicture,
    plane,
)
from softfall.options.homomorphic.secret_hash.projection import (
    SCORE_OF_ONE,
    Projection,
    scores,
)
from softfall.wire import MalformedMessage
from tests.options.homomorphic.secret_hash.parties import (
    EPOCH,
    PUBLIC,
    THRESHOLD,
    Parties,
    blended,
    disturbed,
    luminance,
)

LISTED = [luminance(seed) for seed in range(20)]
PARTIES = Parties.listing(LISTED)


def test_a_listed_picture_and_its_disturbed_copy_match_and_another_does_not() -> None:
    assert PARTIES.asks(LISTED[3])
    assert PARTIES.asks(disturbed(LISTED[17], 6))
    assert not PARTIES.asks(luminance(99))


def test_the_encrypted_verdict_is_the_one_in_the_clear() -> None:
    asked = [blended(LISTED[seed % 20], luminance(500 + seed), seed / 24) for seed in range(24)]
    clear = scores(PARTIES.laid.weights, np.array([plane(each) for each in asked]))
    cosines = clear.max(axis=1) / SCORE_OF_ONE
    decided = np.abs(cosines - THRESHOLD) > 0.01  # nearer, rounding to a level decides
    assert 5 < (cosines > THRESHOLD)[decided].sum() < decided.sum() - 5
    for picture, value, counts in zip(asked, cosines, decided, strict=True):
        if counts:
            assert PARTIES.asks(picture) == (value > THRESHOLD)


@given(st.integers(0, 2**32), st.integers(1, 3))
@settings(max_examples=15, deadline=None)
def test_a_score_comes_out_with_the_noise_that_was_computed(seed: int, blocks: int) -> None:
    rng = np.random.default_rng(seed)
    weights = rng.integers(-6, 7, (16 * blocks, PIXELS)).astype(np.int8)
    steps = rng.integers(-30, 31, PIXELS).astype(np.int16)
    secret, errors = rng.bytes(32), rng.bytes(32)
    public = lattice.public_elements(PUBLIC)
    prepared = lattice.prepare(weights)
    query = lattice.read_query(lattice.encrypt(steps, secret, errors, public))
    values = lattice.products(prepared, query)
    hiding = lattice.unmasking(lattice.make_hint(prepared, public), secret)
    noise = (values - hiding - scores(weights, steps[None])[0] * lattice.UNIT) % Q
    noise = np.where(noise > Q // 2, noise - Q, noise)
    bound = 12 * lattice.noise_deviation(weights)
    assert np.abs(noise).max() < bound
    assert np.abs(noise).max() > 0
    assert bound < 4 * Q / lattice.LEVELS


@given(st.integers(0, 2**32), st.integers(1, 3))
@settings(max_examples=10, deadline=None)
def test_the_kernel_multiplies_as_plain_numpy_does(seed: int, blocks: int) -> None:
    rng = np.random.default_rng(seed)
    prepared = rng.integers(-1728, 1729, (2, 16, blocks, PIXELS)).astype(np.int16)
    query = rng.integers(-1728, 1729, (2, 16, PIXELS)).astype(np.int16)
    assert (lattice.products(prepared, query) == lattice.products_plain(prepared, query)).all()


def test_the_kernel_is_exact_at_the_largest_numbers() -> None:
    for sign in (1, -1):
        prepared = np.full((2, 16, 1, PIXELS), 1728, np.int16)
        query = np.full((2, 16, PIXELS), sign * 1728, np.int16)
        assert (lattice.products(prepared, query) == lattice.products_plain(prepared, query)).all()


def test_masks_add_to_levels_modulo_512() -> None:
    values = np.array([0, 1, Q // 2, Q - 1])
    none = np.zeros(4, np.int64)
    plain = lattice.opened(lattice.masked(values, np.zeros(4, np.uint16)), none)
    for mask in (1, 255, 511):
        masks = np.full(4, mask, np.uint16)
        moved = lattice.opened(lattice.masked(values, masks), none)
        differences = (moved.astype(int) - plain - mask) % 512
        assert set(differences.tolist()) <= {0, 1, 511}


def test_brightness_and_contrast_drop_out_of_a_plane() -> None:
    values = np.frombuffer(luminance(4), np.uint8).astype(np.float64)
    darker = bytes(np.rint(values * 0.5 + 20).astype(np.uint8).tobytes())
    assert np.abs(plane(darker).astype(int) - plane(luminance(4))).max() <= 3
    assert np.abs(plane(luminance(4))).max() <= MAX_STEPS


def test_a_picture_without_detail_is_refused_by_name() -> None:
    with pytest.raises(FlatPicture, match="no detail"):
        plane(bytes(PIXELS))
    with pytest.raises(FlatPicture, match="4096 values, not 10"):
        plane(bytes(10))


def test_another_epochs_directions_give_other_bits_and_still_find_the_picture() -> None:
    planes = np.array([plane(each) for each in LISTED])
    one, other = Projection(b"a" * 32).bits(planes), Projection(b"b" * 32).bits(planes)
    assert 0.3 < (one != other).mean() < 0.7
    assert Parties.listing(LISTED, b"e" * 32).asks(disturbed(LISTED[5], 6))


def test_the_same_picture_sent_twice_looks_unrelated() -> None:
    query = [PARTIES.device.query(LISTED[0], PARTIES.scan_secret()) for _ in range(2)]
    bodies = [wire.decode(wire.QUERY, each)["query"] for each in query]
    first, second = (np.frombuffer(body, np.uint8) for body in bodies if isinstance(body, bytes))
    same = (first == second).mean()
    assert abs(same - 1 / 256) < 5 * np.sqrt(1 / 256 / len(first)) + 0.002


def test_the_same_attachment_gives_the_recipient_the_same_query() -> None:
    secret = PARTIES.scan_secret()
    one, two = (wire.decode(wire.QUERY, PARTIES.device.query(LISTED[0], secret)) for _ in range(2))
    assert (one["query"], one["commitment"]) == (two["query"], two["commitment"])


def test_malformed_stale_and_spent_are_refused_by_name() -> None:
    query = PARTIES.device.query(LISTED[0], PARTIES.scan_secret())
    values = wire.decode(wire.QUERY, query)
    theirs, held = PARTIES.halves(2)
    stale = wire.QUERY.encode({**values, "epoch": EPOCH + 1})
    with pytest.raises(MalformedMessage, match="another epoch"):
        PARTIES.provider.run(stale, theirs)
    body = wire.QUERY.encode({**values, "query": b"\xff" * lattice.QUERY_BYTES})
    third = PARTIES.halves(3)[0]
    with pytest.raises(MalformedPlane, match="not below the modulus"):
        PARTIES.provider.run(body, third)
    with pytest.raises(MalformedPlane, match="bytes, not 5"):
        lattice.read_query(b"12345")
    one_bit = PARTIES.halves(4, Mode.ONE_BIT)[0]
    with pytest.raises(MalformedMessage, match="another mode"):
        PARTIES.provider.run(query, one_bit)
    run = PARTIES.provider.run(query, theirs)
    with pytest.raises(AlreadySpent):
        PARTIES.provider.run(query, theirs)
    with pytest.raises(MalformedMessage, match="epoch or serial"):
        PARTIES.keyholder.begin(run.begin, PARTIES.halves(5)[1])
    begin = wire.decode(wire.BEGIN, run.begin)
    other = wire.BEGIN.encode({**begin, "commitment": bytes(32)})
    with pytest.raises(MalformedMessage, match="does not open as committed"):
        PARTIES.keyholder.begin(other, held)
    short = wire.BEGIN.encode({**begin, "masked": bytes(2)})
    again = PARTIES.halves(2)[1]
    with pytest.raises(MalformedMessage, match="as many rows"):
        PARTIES.keyholder.begin(short, again)


def test_what_the_provider_and_the_keyholder_receive_of_two_pictures_looks_alike() -> None:
    """Chi-square over what is uniform by design, for a listed picture and for another."""
    for picture in (LISTED[0], luminance(77)):
        seen: list[int] = []
        for serial in range(100, 160):
            theirs, held = PARTIES.halves(serial)
            run = PARTIES.provider.run(PARTIES.device.query(picture, PARTIES.scan_secret()), theirs)
            begun, _ = PARTIES.keyholder.begin(run.begin, held)
            values = wire.octets(wire.decode(wire.BEGUN, begun), "values")
            seen += values[: PARTIES.provider.rows]
        counts = np.bincount(seen, minlength=256)
        expected = len(seen) / 256
        # 255 degrees of freedom: beyond 360 with a chance of 1 in 60,000; the seeds are fixed.
        assert ((counts - expected) ** 2 / expected).sum() < 360


def test_the_keyholder_sees_each_pictures_scores_in_another_order() -> None:
    orders = []
    for serial in (11, 12):
        theirs, held = PARTIES.halves(serial)
        run = PARTIES.provider.run(PARTIES.device.query(LISTED[2], PARTIES.scan_secret()), theirs)
        begun, kept = PARTIES.keyholder.begin(run.begin, held)
        values = wire.octets(wire.decode(wire.FINISH, run.go_on(begun)), "values")
        orders.append(PARTIES.keyholder.levels(values, kept.half))
    one, two = orders
    assert len(one) == PARTIES.provider.rows
    assert np.abs(np.sort(one).astype(int) - np.sort(two)).max() <= 2
    assert (np.abs(one.astype(int) - two) > 2).any()
