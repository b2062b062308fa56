"""A house whose keyholder has the list, its hints and some material."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .house import House


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    made.carry()
    made.fill()
    yield made
    made.close()


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[House]:
    """Without any of it."""
    made = House(tmp_path)
    yield made
    made.close()
