import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from softfall.custodian.keys import (
    IDENTITY_FILE,
    IdentityExists,
    IdentityUnusable,
    create_identity,
    fingerprint,
    load_identity,
)


def test_the_key_is_kept_and_its_signatures_verify(tmp_path: Path) -> None:
    made = create_identity(tmp_path / "custodian")
    kept = load_identity(tmp_path / "custodian")
    assert kept.public_key == made.public_key
    Ed25519PublicKey.from_public_bytes(made.public_key).verify(kept.sign(b"word"), b"word")
    assert stat.S_IMODE((tmp_path / "custodian" / IDENTITY_FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "custodian").stat().st_mode) == 0o700


def test_an_identity_is_never_overwritten(tmp_path: Path) -> None:
    create_identity(tmp_path)
    before = (tmp_path / IDENTITY_FILE).read_bytes()
    with pytest.raises(IdentityExists):
        create_identity(tmp_path)
    assert (tmp_path / IDENTITY_FILE).read_bytes() == before


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    create_identity(tmp_path)
    (tmp_path / IDENTITY_FILE).chmod(mode)
    with pytest.raises(IdentityUnusable, match="read by others"):
        load_identity(tmp_path)


@pytest.mark.parametrize("content", [b"", b"-----BEGIN PRIVATE KEY-----\n", b"\x00\xff"])
def test_a_damaged_key_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / IDENTITY_FILE).write_bytes(content)
    (tmp_path / IDENTITY_FILE).chmod(0o600)
    with pytest.raises(IdentityUnusable):
        load_identity(tmp_path)


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    from softfall.edge.tls import init_tls

    init_tls(tmp_path / "tls")
    (tmp_path / "tls" / "ca.key").rename(tmp_path / IDENTITY_FILE)
    with pytest.raises(IdentityUnusable, match="Ed25519"):
        load_identity(tmp_path)


def test_the_private_key_shows_in_no_repr(tmp_path: Path) -> None:
    identity = create_identity(tmp_path)
    assert repr(identity) == "Identity()"


def test_a_fingerprint_is_the_digest_in_groups_of_four() -> None:
    told = fingerprint(bytes(32))
    assert told.startswith("6668 7aad f862 bd77")
    assert len(told.split()) == 16
