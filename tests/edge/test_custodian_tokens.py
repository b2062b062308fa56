import stat
from pathlib import Path

import pytest

from softfall.edge.custodian_tokens import (
    CustodianTokenUnusable,
    custodian_token_file,
    is_token,
    make_custodian_token,
    read_custodian_token,
)


def test_the_token_is_256_bits_that_its_owner_alone_can_read(tmp_path: Path) -> None:
    make_custodian_token(tmp_path)
    assert len(read_custodian_token(tmp_path)) == 43
    assert stat.S_IMODE(custodian_token_file(tmp_path).stat().st_mode) == 0o600


def test_the_token_is_never_overwritten(tmp_path: Path) -> None:
    make_custodian_token(tmp_path)
    before = read_custodian_token(tmp_path)
    with pytest.raises(FileExistsError):
        make_custodian_token(tmp_path)
    assert read_custodian_token(tmp_path) == before


@pytest.mark.parametrize("content", [None, b"", b"short\n", b"\xff" * 40])
def test_what_is_no_token_is_refused_by_name(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        custodian_token_file(tmp_path).write_bytes(content)
    with pytest.raises(CustodianTokenUnusable, match=r"custodian-provider\.token"):
        read_custodian_token(tmp_path)


def test_only_the_token_itself_is_the_token(tmp_path: Path) -> None:
    make_custodian_token(tmp_path)
    known = read_custodian_token(tmp_path)
    assert is_token(known, known)
    for other in ("", known[:-1], known + "x", known.swapcase(), "\udcff" + known, "é"):
        assert not is_token(other, known)
