import configparser
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from softfall import config
from softfall.compare.baselines.client import SharedSeal
from softfall.compare.baselines.in_transit.provider import make
from softfall.compare.baselines.in_transit.wire import INBOX, SENT
from softfall.compare.edits import EDITS
from softfall.compare.known import random_hashes
from softfall.compare.photographs import Photograph, default_paths, open_photographs
from softfall.config import BadConfig, MediaLimits
from softfall.media.pdq import PdqHash

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def photographs() -> dict[str, Photograph]:
    paths = [path for path in default_paths() if path.stem in ("coffee", "rocket", "clock_motion")]
    opened, _ = open_photographs(paths, MediaLimits(), lambda done, total: None)
    return {each.name: each for each in opened}


class Service:
    """The baseline's provider with one listed photograph, and two accounts."""

    def __init__(self, folder: Path, listed: Photograph) -> None:
        assert isinstance(listed.hash, PdqHash)
        hashes = [listed.hash.bits, *random_hashes(500, 1)]
        app = make(folder, hashes, "staff", MediaLimits())
        self.client = TestClient(app, raise_server_exceptions=False)
        self.tokens = {name: self.register(name) for name in ("ana", "ben")}
        self.sent = 0

    def register(self, name: str) -> str:
        reply = self.client.post("/v1/accounts", json={"account": name})
        assert reply.status_code == 201
        return str(reply.json()["token"])

    def send(self, picture: bytes | None, text: str = "") -> bytes:
        self.sent += 1
        message_id = self.sent.to_bytes(16)
        body = SENT.encode(
            {
                "message_id": message_id,
                "recipient": "ben",
                "conversation": "two",
                "text": text,
                "picture": picture,
                "sent_at_ms": 1,
            }
        )
        reply = self.client.post("/v1/messages", content=body, headers=self.bearer("ana"))
        assert (reply.status_code, reply.json()) == (202, {"accepted": True})
        return message_id

    def state(self, message_id: bytes) -> str:
        reply = self.client.get(
            f"/v1/staff/messages/{message_id.hex()}", headers={"authorization": "Bearer staff"}
        )
        return str(reply.json()["state"])

    def inbox(self) -> list[object]:
        reply = self.client.get("/v1/mailbox", headers=self.bearer("ben"))
        deliveries = INBOX.decode(reply.content)["deliveries"]
        assert isinstance(deliveries, list)
        return deliveries

    def bearer(self, name: str) -> dict[str, str]:
        return {"authorization": f"Bearer {self.tokens[name]}"}


@pytest.fixture
def service(tmp_path: Path, photographs: dict[str, Photograph]) -> Service:
    return Service(tmp_path, photographs["coffee"])


def test_a_listed_photograph_is_held_and_the_sender_can_not_tell(
    service: Service, photographs: dict[str, Photograph]
):
    listed = service.send(photographs["coffee"].data)
    innocent = service.send(photographs["rocket"].data)
    assert (service.state(listed), service.state(innocent)) == ("held", "delivered")
    assert len(service.inbox()) == 1


def test_an_edited_copy_is_held(service: Service, photographs: dict[str, Photograph]):
    edit = next(edit for edit in EDITS if edit.name == "JPEG 60")
    assert service.state(service.send(edit.apply(photographs["coffee"].pixels))) == "held"


@pytest.mark.parametrize("picture", [b"not a picture", b"\xff\xd8\xff\xe0 cut", b"x"])
def test_what_can_not_be_opened_passes(service: Service, picture: bytes):
    assert service.state(service.send(picture)) == "delivered"


def test_a_photograph_without_a_hash_and_a_text_pass(
    service: Service, photographs: dict[str, Photograph]
):
    assert service.state(service.send(photographs["clock_motion"].data)) == "delivered"
    assert service.state(service.send(None, "hello")) == "delivered"


def test_a_retry_is_delivered_once(service: Service):
    body_id = service.send(None, "hello")
    service.sent -= 1
    assert service.send(None, "hello") == body_id
    assert len(service.inbox()) == 1


def test_a_sealed_file_passes_so_a_colluding_pair_is_not_caught(
    service: Service, photographs: dict[str, Photograph]
):
    seal = SharedSeal("agreed")
    sealed = seal.seal(photographs["coffee"].data, bytes(16))
    assert service.state(service.send(sealed)) == "delivered"
    assert seal.unseal(sealed, bytes(16)) == photographs["coffee"].data


@pytest.mark.parametrize(
    ("path", "token"),
    [("/v1/mailbox", "nobody"), ("/v1/mailbox", ""), (f"/v1/staff/messages/{'0' * 32}", "ana")],
)
def test_a_wrong_token_is_refused(service: Service, path: str, token: str):
    headers = {"authorization": f"Bearer {token}"} if token else {}
    assert service.client.get(path, headers=headers).status_code == 403


def test_a_malformed_message_is_refused_by_name(service: Service):
    reply = service.client.post("/v1/messages", content=b"?", headers=service.bearer("ana"))
    assert reply.status_code == 400
    assert reply.json()["error"] == "MalformedMessage"


def test_no_configuration_can_name_the_baseline(tmp_path: Path):
    path = tmp_path / "softfall.toml"
    path.write_text('[provider]\noption = "in_transit"\n')
    with pytest.raises(BadConfig, match="option"):
        config.load(path)


def test_no_service_loads_the_baseline():
    ran = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys\nimport softfall.provider.main, softfall.custodian.main\n"
            "from softfall.provider.options import offered\noffered('split')\n"
            "print(*[name for name in sys.modules if 'compare' in name or 'baselines' in name])",
        ],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ,
    )
    assert not [name for name in ran.stdout.split() if name.startswith("softfall")]


def test_an_import_contract_keeps_services_from_the_baseline():
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter")
    fakes = contracts["importlinter:contract:fakes"]
    assert "softfall.compare" in fakes["forbidden_modules"].split()
    assert {"softfall.provider", "softfall.custodian"} <= set(fakes["source_modules"].split())
