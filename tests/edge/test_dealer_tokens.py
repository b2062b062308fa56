import stat
from pathlib import Path

import pytest

from softfall.edge.dealer_tokens import (
    PARTIES,
    DealerTokenUnusable,
    make_missing_tokens,
    make_tokens,
    read_token,
    read_tokens,
    token_file,
)


def test_each_party_gets_a_token_of_its_own_that_its_owner_alone_can_read(tmp_path: Path) -> None:
    make_tokens(tmp_path)
    tokens = {read_token(tmp_path, party) for party in PARTIES}
    assert len(tokens) == 3
    assert all(len(token) == 43 for token in tokens)  # 256 bits in base64
    for party in PARTIES:
        assert stat.S_IMODE(token_file(tmp_path, party).stat().st_mode) == 0o600


def test_a_token_is_never_overwritten(tmp_path: Path) -> None:
    make_tokens(tmp_path)
    before = read_token(tmp_path, "provider")
    with pytest.raises(FileExistsError):
        make_tokens(tmp_path)
    assert read_token(tmp_path, "provider") == before


@pytest.mark.parametrize("content", [None, b"", b"short\n", b"\xff" * 40])
def test_what_is_no_token_is_refused_by_name(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        token_file(tmp_path, "custodian").write_bytes(content)
    with pytest.raises(DealerTokenUnusable, match=r"dealer-custodian\.token"):
        read_token(tmp_path, "custodian")


def test_an_older_installation_gets_the_keyholders_token_and_keeps_the_others(
    tmp_path: Path,
) -> None:
    make_tokens(tmp_path)
    token_file(tmp_path, "keyholder").unlink()
    before = read_tokens(tmp_path)
    assert set(before) == {"provider", "custodian"}
    make_missing_tokens(tmp_path)
    after = read_tokens(tmp_path)
    assert set(after) == set(PARTIES)
    assert after.items() > before.items()
    make_missing_tokens(tmp_path)
    assert read_tokens(tmp_path) == after


def test_a_missing_token_of_a_first_party_is_refused(tmp_path: Path) -> None:
    make_tokens(tmp_path)
    token_file(tmp_path, "custodian").unlink()
    with pytest.raises(DealerTokenUnusable, match="custodian"):
        read_tokens(tmp_path)
