"""The back door: what one key opens, what nobody can check, and that no service can have it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall import config
from softfall.compare.baselines.backdoor.provider import make
from softfall.compare.baselines.backdoor.sealing import (
    Content,
    NotThisKey,
    new_secret,
    open_as_recipient,
    open_by_escrow,
    seal,
)
from softfall.compare.baselines.backdoor.store import EscrowStore
from softfall.compare.baselines.backdoor.wire import INBOX, PUBLIC_KEY, REGISTRATION, SENT
from softfall.config import BadConfig
from softfall.crypto import hpke
from softfall.crypto.hpke import NotSealedToThis

BEN, ESCROW, STRANGER = new_secret(), new_secret(), new_secret()
CONTENTS = st.builds(Content, st.text(max_size=40), st.none() | st.binary(min_size=1, max_size=90))


@settings(max_examples=25, deadline=None)
@given(CONTENTS)
def test_the_recipient_and_the_escrow_open_a_message_and_nobody_else(said: Content):
    sealed = seal(said, hpke.public_of(BEN), hpke.public_of(ESCROW))
    assert open_as_recipient(sealed.body, sealed.wrap, BEN) == said
    assert open_by_escrow(sealed.body, sealed.escrow, ESCROW) == said
    for wrap, opener in ((sealed.wrap, open_as_recipient), (sealed.escrow, open_by_escrow)):
        with pytest.raises(NotSealedToThis):
            opener(sealed.body, wrap, STRANGER)


def test_an_escrowed_lie_is_found_only_by_trying():
    said = Content("see you at the lake", None)
    honest = seal(said, hpke.public_of(BEN), hpke.public_of(ESCROW))
    lie = seal(said, hpke.public_of(BEN), hpke.public_of(ESCROW), lie=True)
    assert len(lie.escrow) == len(honest.escrow)
    assert open_as_recipient(lie.body, lie.wrap, BEN) == said
    with pytest.raises(NotThisKey):
        open_by_escrow(lie.body, lie.escrow, ESCROW)


class Service:
    """The provider with two accounts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.client = TestClient(make(folder, "staff"), raise_server_exceptions=False)
        self.tokens = {name: self.register(name, new_secret()) for name in ("ana", "ben")}

    def register(self, name: str, secret: bytes) -> str:
        body = REGISTRATION.encode({"account": name, "public_key": hpke.public_of(secret)})
        reply = self.client.post("/v1/accounts", content=body)
        assert reply.status_code == 201, reply.text
        return str(reply.json()["token"])

    def bearer(self, name: str) -> dict[str, str]:
        return {"authorization": f"Bearer {self.tokens[name]}"}

    def send(self, said: Content, message_id: bytes) -> None:
        keys = [
            PUBLIC_KEY.decode(self.client.get(path, headers=self.bearer("ana")).content)
            for path in ("/v1/accounts/ben/key", "/v1/escrow")
        ]
        sealed = seal(said, *(key["public_key"] for key in keys))
        body = SENT.encode(
            {
                "message_id": message_id,
                "recipient": "ben",
                "conversation": "two",
                "body": sealed.body,
                "wrap": sealed.wrap,
                "escrow": sealed.escrow,
                "sent_at_ms": 1,
            }
        )
        reply = self.client.post("/v1/messages", content=body, headers=self.bearer("ana"))
        assert (reply.status_code, reply.json()) == (202, {"accepted": True})


def test_everything_is_delivered_and_everything_is_kept(tmp_path: Path):
    service = Service(tmp_path)
    said = [Content(f"line {at}", b"a picture's bytes" if at % 2 else None) for at in range(5)]
    for at, content in enumerate(said):
        service.send(content, at.to_bytes(16))
    inbox = service.client.get("/v1/mailbox", headers=service.bearer("ben"))
    assert len(INBOX.decode(inbox.content)["deliveries"]) == 5
    fate = service.client.get(
        f"/v1/staff/messages/{bytes(16).hex()}", headers={"authorization": "Bearer staff"}
    )
    assert fate.json()["state"] == "delivered"
    store = EscrowStore(tmp_path)  # as a thief finds it, after a restart too
    opened = [open_by_escrow(kept.body, kept.escrow, store.escrow_secret)
              for kept in store.everything()]  # fmt: skip
    assert opened == said


def test_the_store_without_the_key_opens_nothing(tmp_path: Path):
    service = Service(tmp_path)
    service.send(Content("see you at the lake", None), bytes(16))
    (kept,) = EscrowStore(tmp_path).everything()
    assert b"lake" not in b"".join(path.read_bytes() for path in tmp_path.glob("backdoor.db*"))
    with pytest.raises(NotSealedToThis):
        open_by_escrow(kept.body, kept.escrow, STRANGER)


@pytest.mark.parametrize(
    ("path", "token"),
    [("/v1/mailbox", "nobody"), ("/v1/escrow", ""), (f"/v1/staff/messages/{'0' * 32}", "ana")],
)
def test_a_wrong_token_is_refused(tmp_path: Path, path: str, token: str):
    headers = {"authorization": f"Bearer {token}"} if token else {}
    assert Service(tmp_path).client.get(path, headers=headers).status_code == 403


def test_no_configuration_can_name_the_back_door(tmp_path: Path):
    path = tmp_path / "softfall.toml"
    path.write_text('[provider]\noption = "backdoor"\n')
    with pytest.raises(BadConfig, match="option"):
        config.load(path)


def test_the_provider_refuses_to_start_with_the_back_door(tmp_path: Path):
    path = tmp_path / "softfall.toml"
    path.write_text(f'[provider]\noption = "backdoor"\ndata_dir = "{tmp_path}/provider"\n')
    ran = subprocess.run(
        [sys.executable, "-m", "softfall", "serve", "provider", "--config", path],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ,
    )
    assert ran.returncode == 2
    assert "option" in ran.stderr
    assert not (tmp_path / "provider").exists()
