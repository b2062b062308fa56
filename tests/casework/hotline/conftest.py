from collections.abc import Iterator
from pathlib import Path

import pytest

from softfall.audit.keys import load_or_make_key
from softfall.casework.bundle import Signer
from tests.casework.hotline.street import MailServer, Street
from tests.casework.office import Office


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MailServer]:
    made = MailServer(tmp_path / "tls")
    made.start()
    yield made
    made.stop()


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    key = load_or_make_key(tmp_path / "audit")
    return Signer(key.public_key, key.sign)


@pytest.fixture
def street(office: Office, server: MailServer, signer: Signer) -> Street:
    return Street(office, server.settings(attach_unencrypted=True), signer)
