"""A real custodian, enclave and provider as processes, and people's real devices on one street."""

import contextlib
import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import softfall
from softfall import __version__
from softfall.config import CustodianSettings, DeviceSettings
from softfall.custodian.catalogue import Catalogue
from softfall.custodian.clock import wall_ms
from softfall.custodian.keys import create_identity
from softfall.custodian.publish import publish_epoch
from softfall.device.device import HONEST, Device, Parts
from softfall.edge.custodian_key import write_custodian_key
from softfall.enclave import attester
from softfall.enclave.measure import Pcrs
from softfall.lists.formats.fields import Importer
from softfall.lists.formats.forms import Form, read
from tests.device.pictures import CHINA, hash_of, jpeg
from tests.provider.process import Served

STAFF = "a staff token"
KEY = bytes(range(32))
SETTINGS = DeviceSettings(media_wait_seconds=0.5)
PATIENCE_SECONDS = 30
_T = TypeVar("_T")


class Street:
    """Everybody, and what the keeper of the list has in its drawers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.open: dict[str, Device] = {}
        self.custodian = Served(folder, "custodian", **self._keeping())
        self.settings = CustodianSettings(
            data_dir=folder / "custodian", tls_dir=folder / "tls", **self._keeping()
        )
        self.custodian_key = create_identity(self.settings.data_dir).public_key
        attester.create(folder / "attester", datetime.now(UTC))
        write_custodian_key(folder / "custodian.pub", self.custodian_key)
        self.enclave = Served(
            folder,
            "enclave",
            data_dir=None,
            attester_dir=folder / "attester",
            custodian_key_file=folder / "custodian.pub",
        )
        # From a copy of its own, so that it is the same program at every start of one test run.
        self.installed = folder / "installed"
        shutil.copytree(Path(softfall.__file__).parent, self.installed / "softfall")
        self.enclave.environment |= {"PYTHONPATH": str(self.installed)}
        self.provider = Served(
            folder,
            option="enclave",
            custodian_url=self.custodian.url,
            enclave_url=self.enclave.url,
            staff_token=STAFF,
            requests_per_minute=1_000_000,
        )

    def _keeping(self) -> dict[str, Any]:
        return {
            "enclave_root_file": self.folder / "attester" / attester.ROOT_CERTIFICATE,
            "enclave_measurements_file": self.folder / "enclaves.jsonl",
        }

    def allow(self, *allowed: Pcrs) -> None:
        """Write the allow-list; an epoch that is published later carries it."""
        lines = []
        for pcrs in allowed:
            registers = {f"pcr{index}": pcr.hex() for index, pcr in pcrs.items()}
            lines.append(json.dumps({"softfall": __version__, "software": True, **registers}))
        (self.folder / "enclaves.jsonl").write_text("\n".join(lines))

    def allow_what_runs(self) -> None:
        """As a keeper does who takes the enclave's own word, from its first line of log."""
        self.allow(measured_by(self.enclave))

    def list_photographs(self, *pictures: bytes) -> None:
        listed = self.folder / "list.txt"
        listed.write_text("".join(hash_of(picture).hex + "\n" for picture in pictures))
        catalogue = Catalogue.open(self.settings.data_dir)
        with listed.open("rb") as stream:
            catalogue.import_items(read(stream, Form.PLAIN, Importer(source="test")), wall_ms())
        catalogue.close()

    def publish(self, **changes: Any) -> int:
        settings = self.settings.model_copy(update=changes)
        return publish_epoch(settings, "enclave", lambda done, of: None).epoch

    def start(self) -> None:
        """Everybody, with one epoch of the list."""
        self.enclave.start()
        self.enclave.wait_until_ready()
        self.allow_what_runs()
        self.publish()
        for served in (self.custodian, self.provider):
            served.start()
        for served in (self.custodian, self.provider):
            served.wait_until_ready()
        assert until(lambda: self.holds_epoch(1))

    def carried(self) -> list[int]:
        """The epochs whose lists the provider's log says it carried to the enclave, in order."""
        told = [json.loads(line) for line in self.provider.log.read_text().splitlines()]
        return [line["epoch"] for line in told if line["event"] == "list carried to the enclave"]

    def holds_epoch(self, epoch: int) -> bool:
        return epoch in self.carried()

    def join(self, name: str, parts: Parts = HONEST) -> Device:
        self.open[name] = Device.create(
            self.folder / "homes" / name,
            KEY,
            name,
            self.provider.url,
            self.folder / "tls" / "ca.crt",
            self.custodian_key,
            SETTINGS,
            parts=parts,
        )
        return self.open[name]

    def staff(self, method: str, path: str, **more: Any) -> Any:
        with self.provider.client() as http:
            headers = {"authorization": f"Bearer {STAFF}"}
            answer = http.request(method, f"/v1/staff/{path}", headers=headers, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def all_holds(self) -> list[dict[str, Any]]:
        return list(self.staff("GET", "holds")["holds"])

    def hold_of(self, envelope_id: bytes) -> dict[str, Any] | None:
        return next((h for h in self.all_holds() if h["envelope_id"] == envelope_id.hex()), None)

    def close(self) -> None:
        for device in self.open.values():
            device.close()
        for served in (self.provider, self.enclave, self.custodian):
            if served.process is not None and served.process.poll() is None:
                served.stop()


@contextlib.contextmanager
def open_street(
    folder: Path, provider_environment: Mapping[str, str] | None = None
) -> Iterator[Street]:
    street = Street(folder)
    street.provider.environment |= provider_environment or {}
    try:
        street.list_photographs(jpeg(CHINA))
        street.start()
        yield street
    finally:
        street.close()


def measured_by(enclave: Served) -> Pcrs:
    """What the enclave that was started last says of itself."""
    lines = [json.loads(line) for line in enclave.log.read_text().splitlines()]
    first = [line for line in lines if "pcr0" in line][-1]
    return {index: bytes.fromhex(first[f"pcr{index}"]) for index in range(3)}


def until(look: Callable[[], _T]) -> _T:
    """What `look` finds, once it finds something; the last of it, where it never does."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def shown_next(device: Device) -> list[Any]:
    return until(lambda: device.sync(1.0))
