import base64
from pathlib import Path

import pytest

from softfall.crypto.hpke import PUBLIC_BYTES, SECRET_BYTES, public_of
from softfall.edge.keyholder_key import (
    KeyholderKeyUnusable,
    read_keyholder_key,
    write_keyholder_key,
)

KEY = public_of(bytes(range(SECRET_BYTES)))


def test_a_key_that_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "keyholder" / "keyholder.pub"
    write_keyholder_key(path, bytes(PUBLIC_BYTES))
    write_keyholder_key(path, KEY)
    assert read_keyholder_key(path) == KEY


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"no base64!\n",
        b"\xff\n",
        base64.b64encode(KEY[1:]),
        base64.b64encode(KEY + b"k"),
    ],
)
def test_what_is_no_key_is_refused_by_name(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "keyholder.pub"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(KeyholderKeyUnusable, match=r"keyholder\.pub"):
        read_keyholder_key(path)
