"""A party's way to what the dealer deals for `homomorphic`: a kind and a number, nothing else.

Guarantees: what comes back is of the kind that was asked for, of the party's own form, and whole;
an answer is read no further than it may be long. The keyholder's halves are megabytes, so an answer
holds a few, whatever the count: `stock_keeping.StockKeeper` asks until there is enough.
Refuses: everything else that the dealer may say, as DealerUnavailable; nothing is kept of it.
"""

from pathlib import Path

import httpx

from softfall.edge.dealer_tokens import HomomorphicParty, read_token
from softfall.edge.stock_keeping import TIMEOUT_SECONDS, Batch, DealerUnavailable
from softfall.edge.tls import client_context
from softfall.options.homomorphic import dealt_wire
from softfall.options.homomorphic.material import DealtKeyholder, DealtProvider
from softfall.options.homomorphic.parameters import Mode
from softfall.wire import MalformedMessage


class HomomorphicDealerClient:
    """One party's way to the dealer, with its own certificate and token. Threads may share it."""

    def __init__(self, url: str, tls_dir: Path, party: HomomorphicParty) -> None:
        """Raises TlsFilesUnusable, DealerTokenUnusable."""
        self._party = party
        self._http = httpx.Client(
            base_url=url,
            verify=client_context(tls_dir, party),
            headers={"authorization": f"Bearer {read_token(tls_dir, party)}"},
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
        )

    def fetch(self, mode: Mode, rows: int, count: int) -> Batch:
        """The next serials of this party for lists of up to `rows` rows, (serial, half) each.

        rows: a capacity, from `dealt_wire.capacity_of`. At least one; fewer than `count` where the
        dealer has fewer, or an answer has no room. Raises DealerUnavailable.
        """
        most = min(count, dealt_wire.MAX_SERIALS)
        body = self._ask({"mode": mode.name.lower(), "rows": rows, "count": most}, mode, rows)
        try:
            batch = self._read(body)
        except MalformedMessage:
            raise DealerUnavailable("the dealer answered in another form") from None
        if not batch or any((half.mode, half.capacity) != (mode, rows) for half, _ in batch):
            raise DealerUnavailable("the dealer answered with another kind than was asked for")
        return [(half.serial, encoded) for half, encoded in batch]

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    def _read(self, body: bytes) -> list[tuple[DealtProvider | DealtKeyholder, bytes]]:
        if self._party == "keyholder":
            halves = dealt_wire.decode_keyholder_stock(body)
            return [(DealtKeyholder.decode(each), each) for _, each in halves]
        return [(DealtProvider.decode(each), each) for _, each in dealt_wire.decode_stock(body)]

    def _ask(self, asked: dict[str, str | int], mode: Mode, rows: int) -> bytes:
        most_bytes = dealt_wire.STOCK_PROVIDER.max_bytes
        if self._party == "keyholder":
            most_bytes = dealt_wire.answer_bytes(mode, rows)
        try:
            with self._http.stream("POST", "/v1/homomorphic/stock", json=asked) as reply:
                if reply.status_code != httpx.codes.OK:
                    raise DealerUnavailable(f"the dealer answers no more: {reply.status_code}")
                return _read_whole(reply, most_bytes)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise DealerUnavailable(f"the dealer gave no answer: {type(error).__name__}") from None


def _read_whole(reply: httpx.Response, most_bytes: int) -> bytes:
    pieces, size_bytes = [], 0
    for piece in reply.iter_bytes():
        size_bytes += len(piece)
        if size_bytes > most_bytes:
            raise DealerUnavailable("the dealer's answer has no end")
        pieces.append(piece)
    return b"".join(pieces)
