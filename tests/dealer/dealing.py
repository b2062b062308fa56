"""A dealer on a throw-away folder, and what its two parties do with what they fetch."""

from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from softfall.config import DealerSettings
from softfall.dealer.app import make
from softfall.edge.dealer_tokens import make_tokens, read_token
from softfall.options.confirm import wire

MESSAGES = {"provider": wire.STOCK_PROVIDER, "custodian": wire.STOCK_CUSTODIAN}
BORN_MS = 1_750_000_000_000


class Dealing:
    """One dealer's folder; `client` serves it in this process."""

    def __init__(self, folder: Path, **changed: Any) -> None:
        self.settings = DealerSettings(
            data_dir=folder / "dealer", tls_dir=folder / "tls", **changed
        )
        self.settings.tls_dir.mkdir(exist_ok=True)
        if not any(self.settings.tls_dir.iterdir()):
            make_tokens(self.settings.tls_dir)

    def client(self) -> TestClient:
        return TestClient(make(self.settings, now_ms=lambda: BORN_MS))

    def headers(self, party: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {read_token(self.settings.tls_dir, party)}"}

    def fetch(self, client: TestClient, party: str, count: int) -> list[tuple[int, bytes]]:
        reply = client.post("/v1/stock", json={"count": count}, headers=self.headers(party))
        assert reply.status_code == 200, reply.text
        return wire.decode_stock(MESSAGES[party], reply.content)
