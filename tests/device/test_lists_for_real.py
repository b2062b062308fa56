"""The list's whole way with real processes over TLS: custodian, provider's mirror, device."""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from softfall.config import CustodianSettings, DeviceSettings
from softfall.custodian.catalogue import Catalogue
from softfall.custodian.clock import wall_ms
from softfall.custodian.keys import create_identity
from softfall.custodian.list_keys import ROLES, root_path
from softfall.custodian.list_publishing import rotate_list_keys
from softfall.custodian.publish import publish_changes, publish_epoch
from softfall.device.device import Device
from softfall.device.lists import ListStatus
from softfall.errors import SoftfallError
from softfall.lists.entries import Statement
from tests.custodian.keeping import a_hash
from tests.provider.process import Served

KEY = bytes(range(32))
# The services look for what is new less often than a test has patience for.
QUICK = """
from softfall.provider import mirror
mirror.ROUND_SECONDS = 0.3
from softfall.cli.main import main
main()
"""


@dataclass
class Street:
    folder: Path
    settings: CustodianSettings
    custodian: Served
    provider: Served
    key: bytes

    def list_more(self, label: str) -> None:
        catalogue = Catalogue.open(self.settings.data_dir)
        catalogue.add(Statement(a_hash(label), "source"), wall_ms())
        catalogue.close()
        publish_changes(self.settings, lambda *_: None)

    def join(self, name: str) -> Device:
        return Device.create(
            self.folder / name,
            KEY,
            name,
            self.provider.url,
            self.folder / "tls/ca.crt",
            self.key,
            DeviceSettings(),
            list_root=root_path(self.settings.data_dir, 1).read_bytes(),
        )


@pytest.fixture
def street(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Street]:
    quick = tmp_path / "softfall"
    quick.write_text(f"#!{sys.executable}\n{QUICK}")
    quick.chmod(0o755)
    monkeypatch.setattr("tests.provider.process.SOFTFALL", quick)
    custodian = Served(tmp_path, "custodian")
    settings = CustodianSettings(data_dir=tmp_path / "custodian", tls_dir=tmp_path / "tls")
    key = create_identity(settings.data_dir).public_key
    catalogue = Catalogue.open(settings.data_dir)
    for number in range(50):
        catalogue.add(Statement(a_hash(f"1/{number}"), "source"), wall_ms())
    catalogue.close()
    publish_epoch(settings, "on_device", lambda *_: None)
    custodian.start()
    custodian.wait_until_ready()
    provider = Served(tmp_path, custodian_url=custodian.url, option="on_device")
    provider.start()
    provider.wait_until_ready()
    yield Street(tmp_path, settings, custodian, provider, key)
    for service in (provider, custodian):
        if service.process is not None and service.process.poll() is None:
            service.kill()


def until(device: Device, fits: Callable[[ListStatus], bool]) -> ListStatus:
    """Update until the status fits: the mirror looks for what is new every now and then."""
    for _ in range(300):
        try:
            status = device.update_list()
        except SoftfallError:
            status = device.list_status
        if status is not None and fits(status):
            return status
        time.sleep(0.1)
    raise AssertionError(device.list_status)


def test_a_list_goes_from_its_keeper_to_a_device_and_stays_fresh(street: Street) -> None:
    with street.join("ada") as ada:
        until(ada, lambda status: (status.epoch, status.version) == (1, 0))
        street.list_more("2/0")
        until(ada, lambda status: status.version == 1)
        rotate_list_keys(street.settings, ROLES, street.settings.data_dir / "root.key")
        street.list_more("2/1")
        until(ada, lambda status: status.version == 2 and status.trouble is None)
        publish_epoch(street.settings, "on_device", lambda *_: None)
        until(ada, lambda status: (status.epoch, status.version) == (2, 0))


def test_services_killed_and_started_again_go_on_where_they_were(street: Street) -> None:
    with street.join("ada") as ada:
        until(ada, lambda status: status.epoch == 1)
        street.custodian.kill()
        street.provider.kill()
        street.list_more("2/0")
        street.provider.start()
        street.provider.wait_until_ready()
        status = until(ada, lambda status: status.trouble is None)
        assert status.version == 0, "the mirror still has what it had, the custodian is away"
        street.custodian.start()
        street.custodian.wait_until_ready()
        until(ada, lambda status: status.version == 1)
