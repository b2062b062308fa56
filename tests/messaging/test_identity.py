"""Identities and signatures: one spelling, one signer, fingerprints that people can compare."""

import dataclasses

import pytest
import vodozemac
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.messaging.identity import (
    Identity,
    KeySignatureBroken,
    SignedKey,
    one_time_key_statement,
    verify_identity,
    verify_one_time_key,
)


def make(name: str = "ada"):
    account = vodozemac.Account()
    identity = Identity(name, account.curve25519_key.to_base64(), account.ed25519_key.to_base64())
    return account, identity, account.sign(identity.statement).to_base64()


ACCOUNT, ADA, SIGNATURE = make()


def test_a_signed_identity_and_its_one_time_keys_are_taken():
    assert verify_identity(ADA, SIGNATURE) == ADA
    key = vodozemac.Account().curve25519_key.to_base64()
    signature = ACCOUNT.sign(one_time_key_statement("ada", "1", key)).to_base64()
    assert verify_one_time_key(ADA, SignedKey("1", key, signature)).key == key
    for other in (SignedKey("2", key, signature), SignedKey("1", ADA.curve25519, signature)):
        with pytest.raises(KeySignatureBroken):
            verify_one_time_key(ADA, other)


@pytest.mark.parametrize("field", ["account", "curve25519", "ed25519"])
def test_an_identity_altered_in_any_field_is_refused(field):
    _, other, _ = make("eve")
    with pytest.raises(KeySignatureBroken):
        verify_identity(dataclasses.replace(ADA, **{field: getattr(other, field)}), SIGNATURE)


def test_a_key_has_one_spelling():
    padded = dataclasses.replace(ADA, ed25519=ADA.ed25519 + "=")
    with pytest.raises(KeySignatureBroken):
        verify_identity(padded, SIGNATURE)
    with pytest.raises(KeySignatureBroken):
        verify_identity(ADA, SIGNATURE + "==")


@settings(max_examples=80)
@given(st.text(max_size=90), st.text(max_size=90), st.text(max_size=90))
def test_whatever_a_directory_says_is_taken_or_refused_by_name(curve, edwards, signature):
    with pytest.raises(KeySignatureBroken):
        verify_identity(Identity("ada", curve, edwards), signature)


@settings(max_examples=30)
@given(st.text(min_size=1, max_size=20))
def test_fingerprints_differ_by_account_too(name):
    renamed = dataclasses.replace(ADA, account=name)
    assert (renamed.fingerprint == ADA.fingerprint) == (name == "ada")
