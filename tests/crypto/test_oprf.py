import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.crypto import oprf, ristretto
from softfall.crypto.oprf import Mode

VECTORS = json.loads((Path(__file__).parent / "rfc9497_vectors.json").read_text())
CASES = [
    pytest.param(Mode[mode["mode"]], mode, vector, id=f"{mode['mode']}-{number}")
    for mode in VECTORS["modes"]
    for number, vector in enumerate(mode["vectors"], 1)
]
SCALARS = st.integers(1, ristretto.ORDER - 1).map(
    lambda n: ristretto.Scalar(n.to_bytes(32, "little"))
)
MESSAGES = st.binary(max_size=40)


def unhex(values: list[str]) -> list[bytes]:
    return [bytes.fromhex(value) for value in values]


def transcript(
    messages: list[bytes], seed: bytes = bytes(32)
) -> tuple[
    oprf.KeyPair, list[ristretto.Scalar], list[ristretto.Point], list[ristretto.Point], bytes
]:
    keys = oprf.derive_key_pair(seed, b"test", Mode.VOPRF)
    blinds = [
        oprf.hash_to_scalar(bytes([i % 256, i // 256]), b"blind") for i in range(len(messages))
    ]
    blinded = [oprf.blind(m, b, Mode.VOPRF) for m, b in zip(messages, blinds, strict=True)]
    evaluated = oprf.blind_evaluate(keys.secret, blinded)
    proof = oprf.generate_proof(keys, blinded, evaluated, oprf.hash_to_scalar(b"nonce", b"n"))
    return keys, blinds, blinded, evaluated, proof


@pytest.mark.parametrize("mode", VECTORS["modes"], ids=lambda mode: mode["mode"])
def test_derive_key_pair_gives_the_rfc_keys(mode: dict[str, str]) -> None:
    seed, info = bytes.fromhex(mode["Seed"]), bytes.fromhex(mode["KeyInfo"])
    keys = oprf.derive_key_pair(seed, info, Mode[mode["mode"]])
    assert keys.secret.hex() == mode["skSm"]
    if "pkSm" in mode:
        assert keys.public.hex() == mode["pkSm"]


@pytest.mark.parametrize(("mode", "keys", "vector"), CASES)
def test_every_rfc_vector_passes(
    mode: Mode, keys: dict[str, str], vector: dict[str, list[str]]
) -> None:
    secret = ristretto.decode_scalar(bytes.fromhex(keys["skSm"]))
    inputs = unhex(vector["Input"])
    blinds = [ristretto.decode_scalar(b) for b in unhex(vector["Blind"])]
    blinded = [oprf.blind(i, b, mode) for i, b in zip(inputs, blinds, strict=True)]
    assert blinded == unhex(vector["BlindedElement"])
    evaluated = oprf.blind_evaluate(secret, blinded)
    assert evaluated == unhex(vector["EvaluationElement"])
    unblinded = oprf.unblind_all(blinds, evaluated)
    outputs = [oprf.finalize(i, p) for i, p in zip(inputs, unblinded, strict=True)]
    assert outputs == unhex(vector["Output"])
    assert [oprf.evaluate(secret, i, mode) for i in inputs] == outputs


@pytest.mark.parametrize(
    ("mode", "keys", "vector"), [case for case in CASES if case.values[0] is Mode.VOPRF]
)
def test_every_rfc_proof_is_made_and_verified(
    mode: Mode, keys: dict[str, str], vector: dict[str, list[str]]
) -> None:
    secret = ristretto.decode_scalar(bytes.fromhex(keys["skSm"]))
    pair = oprf.KeyPair(secret, oprf.public_key(secret))
    blinded = [ristretto.decode_point(p) for p in unhex(vector["BlindedElement"])]
    evaluated = [ristretto.decode_point(p) for p in unhex(vector["EvaluationElement"])]
    random_scalar = ristretto.decode_scalar(bytes.fromhex(str(vector["ProofRandomScalar"])))
    proof = oprf.generate_proof(pair, blinded, evaluated, random_scalar)
    assert proof.hex() == vector["Proof"]
    oprf.verify_proof(pair.public, blinded, evaluated, proof)


@settings(max_examples=15, deadline=None)
@given(st.lists(MESSAGES, min_size=1, max_size=5), st.binary(min_size=32, max_size=32))
def test_blinded_and_direct_evaluation_agree(messages: list[bytes], seed: bytes) -> None:
    keys, blinds, blinded, evaluated, proof = transcript(messages, seed)
    oprf.verify_proof(keys.public, blinded, evaluated, proof)
    for message, point in zip(messages, oprf.unblind_all(blinds, evaluated), strict=True):
        assert oprf.finalize(message, point) == oprf.evaluate(keys.secret, message, Mode.VOPRF)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 8 * oprf.PROOF_BYTES - 1))
def test_a_proof_with_any_bit_flipped_is_refused(bit: int) -> None:
    keys, _, blinded, evaluated, proof = transcript([b"a", b"b"])
    altered = bytearray(proof)
    altered[bit // 8] ^= 1 << (bit % 8)
    with pytest.raises(oprf.BadProof):
        oprf.verify_proof(keys.public, blinded, evaluated, bytes(altered))


@settings(max_examples=15, deadline=None)
@given(st.permutations(range(4)))
def test_a_batch_in_another_order_is_refused(order: list[int]) -> None:
    keys, _, blinded, evaluated, proof = transcript([b"a", b"b", b"c", b"d"])
    moved = [evaluated[i] for i in order]
    if order == sorted(order):
        oprf.verify_proof(keys.public, blinded, moved, proof)
        return
    with pytest.raises(oprf.BadProof):
        oprf.verify_proof(keys.public, blinded, moved, proof)
    with pytest.raises(oprf.BadProof):  # both sides moved alike: the weights bind the order
        oprf.verify_proof(keys.public, [blinded[i] for i in order], moved, proof)


def test_a_proof_under_another_key_is_refused() -> None:
    _, _, blinded, evaluated, proof = transcript([b"a"])
    other = oprf.derive_key_pair(b"\x01" * 32, b"test", Mode.VOPRF)
    with pytest.raises(oprf.BadProof):
        oprf.verify_proof(other.public, blinded, evaluated, proof)


def test_one_point_evaluated_under_another_key_spoils_the_batch() -> None:
    keys, _, blinded, evaluated, _ = transcript([b"a", b"b", b"c"])
    other = oprf.derive_key_pair(b"\x01" * 32, b"test", Mode.VOPRF)
    evaluated[1] = oprf.blind_evaluate(other.secret, [blinded[1]])[0]
    proof = oprf.generate_proof(keys, blinded, evaluated, oprf.hash_to_scalar(b"n", b"n"))
    with pytest.raises(oprf.BadProof):
        oprf.verify_proof(keys.public, blinded, evaluated, proof)


@pytest.mark.parametrize("size", [0, 32, 63, 65])
def test_a_proof_of_the_wrong_size_is_refused(size: int) -> None:
    keys, _, blinded, evaluated, _ = transcript([b"a"])
    with pytest.raises(oprf.BadProof):
        oprf.verify_proof(keys.public, blinded, evaluated, bytes(size))


def test_unequal_and_empty_batches_are_refused() -> None:
    keys, _, blinded, evaluated, proof = transcript([b"a", b"b"])
    with pytest.raises(oprf.BadOprfInput):
        oprf.verify_proof(keys.public, blinded[:1], evaluated, proof)
    with pytest.raises(oprf.BadOprfInput):
        oprf.verify_proof(keys.public, [], [], proof)


def test_oversized_inputs_and_short_seeds_are_refused() -> None:
    with pytest.raises(oprf.BadOprfInput):
        oprf.hash_to_group(bytes(65536), Mode.VOPRF)
    with pytest.raises(oprf.BadOprfInput):
        oprf.derive_key_pair(bytes(31), b"", Mode.VOPRF)


def test_expand_message_gives_the_rfc_9380_vectors() -> None:
    tag = b"QUUX-V01-CS02-with-expander-SHA512-256"  # RFC 9380, appendix K.3, message ""
    assert oprf.expand_message(b"", tag, 32).hex() == (
        "6b9a7312411d92f921c6f68ca0b6380730a1a4d982c507211a90964c394179ba"
    )


@settings(max_examples=20, deadline=None)
@given(MESSAGES, SCALARS, SCALARS)
def test_two_blinds_of_one_input_look_unrelated_and_finish_alike(
    message: bytes, first: ristretto.Scalar, second: ristretto.Scalar
) -> None:
    secret = oprf.derive_key_pair(bytes(32), b"", Mode.VOPRF).secret
    points = [oprf.blind(message, b, Mode.VOPRF) for b in (first, second)]
    assert (points[0] == points[1]) == (first == second)
    done = oprf.unblind_all([first, second], oprf.blind_evaluate(secret, points))
    assert done[0] == done[1]
