from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.errors import PeerError
from softfall.lists.manifest import (
    EPOCH_MANIFEST,
    BadManifest,
    Manifest,
    ManifestExpired,
    ManifestRolledBack,
    read,
    sign,
    verify,
)

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))
MANIFEST = Manifest("split", 7, bytes(32), bytes(32), 12, 1000, 2000, b"parameters")

manifests = st.builds(
    Manifest,
    option=st.text(min_size=1, max_size=8).filter(lambda text: text.isascii()),
    epoch=st.integers(0, 2**32),
    public_key=st.binary(min_size=32, max_size=32),
    artefact_sha256=st.binary(min_size=32, max_size=32),
    entries=st.integers(0, 2**32 - 1),
    published_at_ms=st.integers(0, 2**40),
    expires_at_ms=st.integers(2**40 + 1, 2**48),
    parameters=st.binary(max_size=40),
)


@settings(max_examples=50, deadline=None)
@given(manifest=manifests)
def test_what_was_signed_is_what_is_read(manifest: Manifest) -> None:
    body = sign(manifest, KEY.sign)
    assert verify(body, PUBLIC) == manifest
    assert read(body) == manifest


@settings(max_examples=200, deadline=None)
@given(manifest=manifests, data=st.data())
def test_no_altered_manifest_verifies(manifest: Manifest, data: st.DataObject) -> None:
    body = bytearray(sign(manifest, KEY.sign))
    at = data.draw(st.integers(0, len(body) - 1))
    body[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(BadManifest):
        verify(bytes(body), PUBLIC)


@settings(max_examples=100, deadline=None)
@given(body=st.binary(max_size=200))
def test_no_junk_verifies(body: bytes) -> None:
    for attempt in (lambda: verify(body, PUBLIC), lambda: read(body)):
        with pytest.raises(BadManifest):
            attempt()


@pytest.mark.parametrize("key", [OTHER.public_key().public_bytes_raw(), bytes(31), b"", bytes(32)])
def test_another_custodians_key_verifies_nothing(key: bytes) -> None:
    with pytest.raises(BadManifest, match="did not sign"):
        verify(sign(MANIFEST, KEY.sign), key)


@pytest.mark.parametrize(
    ("field", "value"),
    [("public_key", b"\x01" * 32), ("artefact_sha256", b"\x01" * 32), ("epoch", 8),
     ("parameters", b"other"), ("expires_at_ms", 9999), ("option", "other"), ("entries", 13)],
)  # fmt: skip
def test_no_field_can_be_swapped_under_the_signature(field: str, value: Any) -> None:
    values = EPOCH_MANIFEST.decode(sign(MANIFEST, KEY.sign))
    with pytest.raises(BadManifest, match="did not sign"):
        verify(EPOCH_MANIFEST.encode({**values, field: value}), PUBLIC)


def test_a_signature_for_something_else_by_the_same_key_does_not_count() -> None:
    values = EPOCH_MANIFEST.decode(sign(MANIFEST, KEY.sign))
    unlabelled = KEY.sign(EPOCH_MANIFEST.encode(values)[:-66])  # without our context string
    with pytest.raises(BadManifest, match="did not sign"):
        verify(EPOCH_MANIFEST.encode({**values, "signature": unlabelled}), PUBLIC)


def test_another_version_is_refused_though_signed() -> None:
    seen: list[bytes] = []

    def signer(message: bytes) -> bytes:
        seen.append(message)
        return KEY.sign(message)

    values = EPOCH_MANIFEST.decode(sign(MANIFEST, signer))
    old = seen[0].replace(b"\x8b\x01", b"\x8b\x00", 1)
    assert old != seen[0]
    body = EPOCH_MANIFEST.encode({**values, "version": 0, "signature": KEY.sign(old)})
    with pytest.raises(BadManifest, match="version"):
        verify(body, PUBLIC)


def test_a_manifest_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(BadManifest, match="ends before"):
        verify(sign(replace(MANIFEST, expires_at_ms=1000), KEY.sign), PUBLIC)


def test_it_expires_to_the_millisecond() -> None:
    body = sign(MANIFEST, KEY.sign)
    assert verify(body, PUBLIC, now_ms=1999) == MANIFEST
    with pytest.raises(ManifestExpired):
        verify(body, PUBLIC, now_ms=2000)


def test_an_older_epoch_or_a_second_version_of_one_is_refused() -> None:
    seen = sign(MANIFEST, KEY.sign)
    assert verify(seen, PUBLIC, seen=seen) == MANIFEST
    newer = replace(MANIFEST, epoch=8)
    assert verify(sign(newer, KEY.sign), PUBLIC, seen=seen) == newer
    for other in (replace(MANIFEST, epoch=6), replace(MANIFEST, entries=13)):
        with pytest.raises(ManifestRolledBack):
            verify(sign(other, KEY.sign), PUBLIC, seen=seen)
    of_another_option = replace(MANIFEST, option="other", epoch=1)
    assert verify(sign(of_another_option, KEY.sign), PUBLIC, seen=seen) == of_another_option


def test_every_refusal_blames_the_peer() -> None:
    assert {error.__bases__ for error in (BadManifest, ManifestExpired, ManifestRolledBack)} == {
        (PeerError,)
    }
