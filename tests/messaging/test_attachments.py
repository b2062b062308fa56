"""Attachments: bound to their key and content, above what AES-GCM itself gives."""

import hashlib

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.messaging.franking import key_commitment
from softfall.messaging.session.attachments import AttachmentTampered, seal, unseal
from softfall.wire import MalformedMessage

KEY, NONCE = bytes(range(32)), bytes(range(12))
PICTURE = b"the bytes of a harmless photograph" * 10


@settings(max_examples=40)
@given(st.binary(max_size=500))
def test_a_file_opens_to_what_was_sealed(plaintext):
    sealed = seal(plaintext, "image/png", KEY, NONCE)
    assert unseal(sealed.values, sealed.body) == plaintext
    assert sealed.ciphertext_sha256 == hashlib.sha256(sealed.body).digest()


SEALED = seal(PICTURE, "image/jpeg", KEY, NONCE)


@settings(max_examples=60)
@given(st.integers(0, len(SEALED.body) - 1), st.integers(1, 255))
def test_an_altered_file_is_refused(place, change):
    body = bytearray(SEALED.body)
    body[place] ^= change
    with pytest.raises(AttachmentTampered):
        unseal(SEALED.values, bytes(body))


@settings(max_examples=40)
@given(st.integers(0, len(SEALED.body) - 1), st.integers(1, 255))
def test_an_altered_file_is_refused_even_under_its_own_digest(place, change):
    body = bytearray(SEALED.body)
    body[place] ^= change
    values = {**SEALED.values, "ciphertext_sha256": hashlib.sha256(bytes(body)).digest()}
    with pytest.raises(AttachmentTampered):
        unseal(values, bytes(body))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("key", bytes(32)),
        ("nonce", bytes(12)),
        ("plaintext_sha256", bytes(32)),
        ("ciphertext_sha256", bytes(32)),
        ("key_commitment", bytes(32)),
        ("size_bytes", len(PICTURE) + 1),
    ],
)
def test_an_altered_description_is_refused(field, value):
    with pytest.raises(AttachmentTampered):
        unseal({**SEALED.values, field: value}, SEALED.body)


@pytest.mark.parametrize("body", [b"", b"x", bytes(32), bytes(48)])
def test_a_truncated_file_is_refused_even_under_its_own_digest(body):
    values = {**SEALED.values, "ciphertext_sha256": hashlib.sha256(body).digest()}
    with pytest.raises(AttachmentTampered):
        unseal(values, body)


def ghash_key(key: bytes) -> int:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return int.from_bytes(encryptor.update(bytes(16)), "big")


def times(x: int, y: int) -> int:
    """Multiplication in GCM's field (SP 800-38D, algorithm 1)."""
    product = 0
    for i in range(127, -1, -1):
        if y >> i & 1:
            product ^= x
        x = x >> 1 ^ (0xE1 << 120 if x & 1 else 0)
    return product


def inverse(x: int) -> int:
    result, square = 1 << 127, x  # 1 << 127 is the field's one
    for _ in range(127):
        square = times(square, square)
        result = times(result, square)
    return result


def one_file_two_keys(first: bytes, second: bytes, nonce: bytes, label: bytes) -> bytes:
    """A ciphertext of one block with a tag, valid under both keys: what AES-GCM allows.

    One block C and tag T with T = E1 + A*H1^3 + C*H1^2 + L*H1 = the same under key 2; solved for C.
    """
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    def pad_of_tag(key: bytes) -> int:
        block = nonce + (1).to_bytes(4, "big")
        encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
        return int.from_bytes(encryptor.update(block), "big")

    blocks = [label[i : i + 16].ljust(16, b"\0") for i in range(0, len(label), 16)]
    lengths = (8 * len(label) << 64) | 128

    def fixed(key: bytes) -> tuple[int, int]:
        """(the tag without the block's part, what the block is multiplied by)."""
        h = ghash_key(key)
        total = 0
        for block in blocks:
            total = times(total ^ int.from_bytes(block, "big"), h)
        square = times(h, h)
        return pad_of_tag(key) ^ times(total, square) ^ times(lengths, h), square

    (f1, s1), (f2, s2) = fixed(first), fixed(second)
    block = times(f1 ^ f2, inverse(s1 ^ s2))
    tag = f1 ^ times(block, s1)
    return block.to_bytes(16, "big") + tag.to_bytes(16, "big")


def test_one_file_that_opens_under_two_keys_is_refused_under_either_other_one():
    """The published attack on AES-GCM, run: the trap is real, and it is closed."""
    other = bytes(range(1, 33))
    label = b"softfall attachment v1" + key_commitment(KEY)
    body = one_file_two_keys(KEY, other, NONCE, label)
    pictures = {key: AESGCM(key).decrypt(NONCE, body, label) for key in (KEY, other)}
    assert pictures[KEY] != pictures[other]  # AES-GCM alone opens it as two files
    file = key_commitment(KEY) + body
    values = {
        **SEALED.values,
        "ciphertext_sha256": hashlib.sha256(file).digest(),
        "size_bytes": 16,
    }
    mine = {**values, "plaintext_sha256": hashlib.sha256(pictures[KEY]).digest()}
    assert unseal(mine, file) == pictures[KEY]
    theirs = {
        **values,
        "key": other,
        "key_commitment": key_commitment(other),
        "plaintext_sha256": hashlib.sha256(pictures[other]).digest(),
    }
    with pytest.raises(AttachmentTampered):
        unseal(theirs, file)


@pytest.mark.parametrize("sizes", [(31, 12), (33, 12), (32, 11), (0, 0)])
def test_keys_and_nonces_of_other_lengths_are_refused(sizes):
    with pytest.raises((MalformedMessage, ValueError)):
        seal(b"x", "image/png", bytes(sizes[0]), bytes(sizes[1]))
