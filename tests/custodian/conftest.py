from pathlib import Path

import pytest

from tests.custodian.keeping import Keeper


@pytest.fixture
def keeper(tmp_path: Path) -> Keeper:
    return Keeper(tmp_path).set_up()
