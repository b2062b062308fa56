"""Sealing to the hybrid HPKE key, as bytes."""

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PrivateKey, Suite
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.crypto import hpke

SECRET = hashlib.shake_256(b"a secret for tests").digest(hpke.SECRET_BYTES)
OTHER = hashlib.shake_256(b"another").digest(hpke.SECRET_BYTES)
PUBLIC = hpke.public_of(SECRET)


def test_what_is_sealed_opens_with_its_key_and_purpose_alone() -> None:
    sealed = hpke.seal(b"a key", PUBLIC, b"purpose")
    assert len(sealed) == len(b"a key") + hpke.OVERHEAD_BYTES
    assert hpke.unseal(sealed, SECRET, b"purpose") == b"a key"
    for secret, info in ((OTHER, b"purpose"), (SECRET, b"another purpose")):
        with pytest.raises(hpke.NotSealedToThis):
            hpke.unseal(sealed, secret, info)


def test_two_seals_of_one_text_differ() -> None:
    assert hpke.seal(b"a key", PUBLIC, b"") != hpke.seal(b"a key", PUBLIC, b"")


def test_the_librarys_own_key_objects_open_it_too() -> None:
    mlkem = MLKEM768PrivateKey.from_seed_bytes(SECRET[:64])
    x25519 = X25519PrivateKey.from_private_bytes(SECRET[64:])
    suite = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
    sealed = hpke.seal(b"a key", PUBLIC, b"i")
    assert suite.decrypt(sealed, MLKEM768X25519PrivateKey(mlkem, x25519), info=b"i") == b"a key"


@settings(max_examples=60, deadline=None)
@given(at=st.integers(0, hpke.OVERHEAD_BYTES + 31), flip=st.integers(1, 255))
def test_a_changed_byte_anywhere_is_refused(at: int, flip: int) -> None:
    sealed = bytearray(hpke.seal(bytes(32), PUBLIC, b""))
    sealed[at] ^= flip
    with pytest.raises(hpke.NotSealedToThis):
        hpke.unseal(bytes(sealed), SECRET, b"")


@settings(max_examples=40, deadline=None)
@given(junk=st.binary(max_size=2000))
def test_junk_is_refused_by_name(junk: bytes) -> None:
    with pytest.raises(hpke.NotSealedToThis):
        hpke.unseal(junk, SECRET, b"")


@pytest.mark.parametrize("public_key", [b"", bytes(31), b"\xff" * 1216, PUBLIC[:1184] + bytes(32)])
def test_what_is_no_public_key_is_refused_by_name(public_key: bytes) -> None:
    with pytest.raises(hpke.BadSealKey):
        hpke.seal(b"", public_key, b"")


def test_a_secret_of_another_size_is_refused_by_name() -> None:
    for secret in (b"", SECRET[:-1], SECRET + b"0"):
        with pytest.raises(hpke.BadSealKey):
            hpke.public_of(secret)
