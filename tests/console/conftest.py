"""What the console's tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from softfall.edge.tls import init_tls

from .house import House, console


@pytest.fixture(scope="session")
def tls_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates and tokens of one installation, made once."""
    folder = tmp_path_factory.mktemp("console-tls")
    init_tls(folder / "tls")
    return folder / "tls"


@pytest.fixture
def house(tmp_path: Path, tls_dir: Path) -> Iterator[House]:
    """A console on SQLite."""
    with console(tmp_path / "console", tls_dir) as running:
        yield running


@pytest.fixture
def either_house(tmp_path: Path, tls_dir: Path, database_url: str) -> Iterator[House]:
    """A console on each of the two databases."""
    with console(tmp_path / "console", tls_dir, database_url) as running:
        yield running
