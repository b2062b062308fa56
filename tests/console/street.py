"""Everybody as a process: devices, dealer, custodian, provider, console, and a local authority."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from softfall.config import CustodianSettings, DeviceSettings
from softfall.custodian.catalogue import Catalogue
from softfall.custodian.clock import wall_ms
from softfall.custodian.keys import create_identity
from softfall.custodian.publish import publish_epoch
from softfall.device.device import Device
from softfall.lists.formats.fields import Importer
from softfall.lists.formats.forms import Form, read
from tests.device.pictures import CHINA, hash_of, jpeg
from tests.provider.process import Served

from .office import CERTIFIERS, Office, Process

TOKEN = "a staff token"
KEY = bytes(range(32))
PATIENCE_SECONDS = 120
T = TypeVar("T")


class Street:
    """Started whole by `Street(folder)`, ended by `close`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.open: list[Device] = []
        self.dealer = Served(folder, "dealer")
        self.custodian = Served(folder, "custodian", dealer_url=self.dealer.url)
        self.custodian_key = _publish(folder)
        self.authority = Process(folder / "authority.log", "simulator", "cybertipline", "--port=0")
        provider_url = "https://127.0.0.1:{}"
        self.provider = Served(
            folder,
            custodian_url=self.custodian.url,
            dealer_url=self.dealer.url,
            staff_token=TOKEN,
            requests_per_minute=1_000_000,
            console_url="",
        )
        self.office = Office(
            folder,
            {
                "console": {
                    "provider_url": provider_url.format(self.provider.port),
                    "staff_token": TOKEN,
                },
                "referral": {
                    "cybertipline_url": self.authority.url,
                    "cybertipline_username": "softfall",
                    "cybertipline_password": "local authority",
                    "esp_name": "Lantern Chat",
                    "reporter_first_name": "Robin",
                    "reporter_last_name": "Reed",
                    "reporter_email": "safety@lantern.example",
                },
            },
        )
        config = self.provider.config.read_text()
        self.provider.config.write_text(
            config.replace('console_url = ""', f'console_url = "{self.office.url}"')
        )
        self.office.add_staff()
        self._console = self.office.running()
        self._console.__enter__()
        for service in (self.dealer, self.custodian, self.provider):
            service.start()
        for service in (self.dealer, self.custodian, self.provider):
            service.wait_until_ready()

    def close(self) -> None:
        for device in self.open:
            device.close()
        for service in (self.provider, self.custodian, self.dealer):
            service.stop()
        self._console.__exit__(None, None, None)
        self.authority.stop()

    def join(self, name: str) -> Device:
        device = Device.create(
            self.folder / "homes" / name,
            KEY,
            name,
            self.provider.url,
            self.folder / "tls" / "ca.crt",
            self.custodian_key,
            DeviceSettings(),
        )
        self.open.append(device)
        return device

    def life(self, envelope_id: bytes) -> str:
        """Where an envelope is at the provider."""
        with self.provider.client() as http:
            path = f"/v1/staff/envelopes/{envelope_id.hex()}/life"
            answer = http.get(path, headers={"authorization": f"Bearer {TOKEN}"})
        return str(answer.json()["moves"][-1]["end"])


def wait_for(look: Callable[[], T], what: str) -> T:
    """What `look` gives once it gives something."""
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        found: Any = look()
        if found:
            return found
        time.sleep(0.25)
    raise AssertionError(f"never came: {what}")


def _publish(folder: Path) -> bytes:
    """A list with one photograph on it, certified by two, as an epoch of `split`."""
    settings = CustodianSettings(data_dir=folder / "custodian", tls_dir=folder / "tls")
    identity = create_identity(settings.data_dir)
    listed = folder / "list.txt"
    listed.write_text(hash_of(jpeg(CHINA)).hex + "\n")
    catalogue = Catalogue.open(settings.data_dir)
    importer = Importer(source=CERTIFIERS[0], certifiers=frozenset(CERTIFIERS))
    with listed.open("rb") as stream:
        catalogue.import_items(read(stream, Form.PLAIN, importer), wall_ms())
    catalogue.close()
    publish_epoch(settings, "split", lambda done, of: None)
    return identity.public_key
