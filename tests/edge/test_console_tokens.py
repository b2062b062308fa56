import stat
from pathlib import Path

import pytest

from softfall.edge.console_tokens import (
    ConsoleTokenUnusable,
    console_token_file,
    make_console_token,
    read_console_token,
)


def test_the_token_is_256_bits_that_its_owner_alone_can_read(tmp_path: Path) -> None:
    make_console_token(tmp_path)
    assert len(read_console_token(tmp_path)) == 43
    assert stat.S_IMODE(console_token_file(tmp_path).stat().st_mode) == 0o600


def test_the_token_is_never_overwritten(tmp_path: Path) -> None:
    make_console_token(tmp_path)
    before = read_console_token(tmp_path)
    with pytest.raises(FileExistsError):
        make_console_token(tmp_path)
    assert read_console_token(tmp_path) == before


@pytest.mark.parametrize("content", [None, b"", b"short\n", b"\xff" * 40])
def test_what_is_no_token_is_refused_by_name(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        console_token_file(tmp_path).write_bytes(content)
    with pytest.raises(ConsoleTokenUnusable, match=r"console-provider\.token"):
        read_console_token(tmp_path)
