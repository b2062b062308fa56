"""The keyholder's key pairs: made, kept, replaced, destroyed."""

import stat
from pathlib import Path

import pytest

from softfall.crypto import hpke
from softfall.edge.keyholder_key import read_keyholder_key
from softfall.keyholder.keys import (
    KeyRing,
    SealingKeyExists,
    SealingKeyUnusable,
    create_key,
    load_keys,
    public_path,
    rotate_key,
)


def test_what_is_sealed_to_the_public_file_opens_with_the_secret_one(tmp_path: Path) -> None:
    create_key(tmp_path)
    public = read_keyholder_key(public_path(tmp_path))
    (key,) = load_keys(tmp_path)
    assert hpke.unseal(hpke.seal(b"a seed", public, b"about"), key.secret, b"about") == b"a seed"


def test_a_secret_is_its_owners_alone_and_shown_nowhere(tmp_path: Path) -> None:
    made = create_key(tmp_path / "keys")
    path = tmp_path / "keys" / "sealing-1.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert made.secret.hex() not in repr(made)


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    first = create_key(tmp_path)
    with pytest.raises(SealingKeyExists):
        create_key(tmp_path)
    assert load_keys(tmp_path) == (first,)


def test_a_rotation_keeps_the_key_before_and_tells_the_custodian_of_the_next(
    tmp_path: Path,
) -> None:
    first, second = rotate_key(tmp_path), rotate_key(tmp_path)
    assert load_keys(tmp_path) == (first, second)
    assert read_keyholder_key(public_path(tmp_path)) == second.public
    assert first.public != second.public


def test_the_tenth_key_comes_after_the_ninth(tmp_path: Path) -> None:
    made = [rotate_key(tmp_path) for _ in range(11)]
    assert [key.number for key in load_keys(tmp_path)] == list(range(1, 12))
    assert load_keys(tmp_path)[-1] == made[-1]


@pytest.mark.parametrize("content", [b"", b"short", bytes(97)])
def test_a_damaged_key_is_refused(tmp_path: Path, content: bytes) -> None:
    create_key(tmp_path)
    (tmp_path / "sealing-1.key").write_bytes(content)
    with pytest.raises(SealingKeyUnusable, match="holds no"):
        load_keys(tmp_path)


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    create_key(tmp_path)
    (tmp_path / "sealing-1.key").chmod(0o644)
    with pytest.raises(SealingKeyUnusable, match="by others"):
        load_keys(tmp_path)


def test_where_there_is_none_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SealingKeyUnusable) as refused:
        load_keys(tmp_path / "nowhere")
    assert "rotate-keyholder" in refused.value.remedy


def test_a_key_is_destroyed_but_never_the_newest(tmp_path: Path) -> None:
    keys = [rotate_key(tmp_path) for _ in range(3)]
    ring = KeyRing(tmp_path)
    assert ring.forget({keys[0].public, keys[2].public, b"another's"}) == [1]
    assert ring.all() == tuple(keys[1:])
    assert {path.name for path in tmp_path.iterdir()} == {
        "keyholder.pub",
        "sealing-2.key",
        "sealing-3.key",
    }
