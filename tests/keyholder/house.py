"""A keyholder on a throw-away folder, and a dealer, a custodian and a provider around it."""

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from softfall.config import KeyholderSettings
from softfall.edge.custodian_key import write_custodian_key
from softfall.edge.keyholder_tokens import keyholder_token_file, make_keyholder_token
from softfall.edge.logs import make_logger
from softfall.keyholder.keys import create_key, has_key
from softfall.keyholder.room import Room
from softfall.keyholder.stock import Kind
from softfall.lists import manifest as manifests
from softfall.lists.manifest import Manifest
from softfall.options.contract import Submission
from softfall.options.homomorphic import wire
from softfall.options.homomorphic.dealt_wire import capacity_of
from softfall.options.homomorphic.material import DealtProvider
from softfall.options.homomorphic.parameters import HomomorphicParameters, Mode
from softfall.options.homomorphic.provider import Asked, Outcome, Run
from tests.options.homomorphic.parties import (
    CUSTODIAN,
    EPOCH,
    SECRET,
    SIGNER,
    Parties,
    random_hashes,
    secret_of,
)

DAY_MS = 86_400_000
LISTED = dict(enumerate(random_hashes(60, seed=3), start=1))


@dataclass
class Dealer:
    """Deals serials in order; keeps the provider's halves until they are asked for."""

    parties: Parties
    theirs: dict[int, bytes] = field(default_factory=dict)
    away: bool = False
    fetched: list[tuple[Kind, int]] = field(default_factory=list)
    turn: threading.Lock = field(default_factory=threading.Lock)

    def fetch(self, kind: Kind, count: int) -> list[tuple[int, bytes]]:
        if self.away:
            raise OSError("the dealer is away")
        with self.turn:
            self.fetched.append((kind, count))
            return [self.deal(kind) for _ in range(count)]

    def deal(self, kind: Kind) -> tuple[int, bytes]:
        """The next serial: the keyholder's half; the provider's is kept here."""
        theirs, ours = self.parties.deal(kind.mode, kind.capacity_rows)
        self.theirs[self.parties.serial] = theirs
        return self.parties.serial, ours


class House:
    """Everybody. Times are by `now_ms` and `steady_ms`, which tests set."""

    def __init__(
        self, folder: Path, mode: Mode = Mode.ONE_BIT, names_entry: bool = True, **changes: Any
    ) -> None:
        self.folder = folder
        self.parties = Parties(dict(LISTED), mode, names_entry)
        self.dealer = Dealer(self.parties)
        self.now_ms = 10 * DAY_MS
        self.steady_ms = 0
        self.settings = KeyholderSettings(
            data_dir=folder / "keyholder",
            tls_dir=folder,
            custodian_key_file=folder / "custodian.pub",
            stock_wait_seconds=0.2,
        ).model_copy(update=changes)
        write_custodian_key(self.settings.custodian_key_file, SIGNER)
        if not keyholder_token_file(folder).exists():
            make_keyholder_token(folder)
        if not has_key(self.settings.data_dir):
            create_key(self.settings.data_dir, lambda count: SECRET[:count])
        self.room = self.open()

    def open(self) -> Room:
        """As a service that has just started."""
        return Room(
            self.settings,
            lambda: self.now_ms,
            lambda: self.steady_ms,
            os.urandom,
            make_logger("keyholder"),
            self.dealer.fetch,
        )

    @property
    def kind(self) -> Kind:
        """What the newest list needs."""
        return Kind(self.parties.mode, capacity_of(max(1, self.parties.version.rows)))

    def manifest(self, parameters: HomomorphicParameters | None = None, **changes: object) -> bytes:
        values: dict[str, object] = {
            "option": "homomorphic",
            "epoch": EPOCH,
            "public_key": b"",
            "artefact_sha256": bytes(32),
            "entries": len(LISTED),
            "published_at_ms": 1,
            "expires_at_ms": 20 * DAY_MS,
            "parameters": (parameters or self.parties.parameters).encode(),
        }
        return manifests.sign(Manifest(**{**values, **changes}), CUSTODIAN.sign)  # type: ignore[arg-type]

    def carried(self, manifest: bytes | None = None, signed: bytes | None = None) -> bytes:
        """A `homomorphic_list`: of the newest version unless given."""
        return wire.LIST_CARRIED.encode(
            {
                "version": wire.VERSION,
                "manifest": manifest or self.manifest(),
                "list_version": signed or self.parties.versions[-1],
            }
        )

    def carry(self) -> None:
        """The newest list version and all its hints."""
        for digest in self.room.book.take(self.carried()).missing:
            self.room.book.put_hint(digest, self.parties.shelf.files[digest])

    def fill(self, count: int = 4) -> None:
        """Some material of the kind that the list needs."""
        self.room._stock.put(self.kind, self.dealer.fetch(self.kind, count))

    def submit(self, bits: bytes, label: str = "") -> Submission:
        return self.parties.send(bits, secret_of(label))[0]

    def run(self, *submissions: Submission, serials: Sequence[int] = ()) -> Run:
        """A provider's run with the oldest material that nobody used, or with that of `serials`."""
        chosen = list(serials) or sorted(self.dealer.theirs)[: len(submissions)]
        halves = [DealtProvider.decode(self.dealer.theirs.pop(serial)) for serial in chosen]
        asked = [Asked.read(submission.body) for submission in submissions]
        return Run(self.parties.prepared, asked, halves)

    def begin(self, body: bytes) -> bytes:
        """As the service answers, but for waiting."""
        return self.room.runs.begin(*self.room.runs.asked(body))

    def outcomes(self, *submissions: Submission) -> list[Outcome]:
        run = self.run(*submissions)
        finish = run.go_on(self.begin(run.begin()))
        return run.results(None if finish is None else self.room.runs.finish(finish))

    def close(self) -> None:
        self.room._engine.dispose()
