"""The worst that one theft does to options which ask by blind tags and confirm by shares.

What is stolen: the custodian's keys of the epoch in use, by somebody who also keeps what the
provider was handed and should have deleted. What they give: the OPRF key answers "was picture P
sent?" for any P; the confirm key opens the custodian's share, and with the provider's own share it
yields the perceptual hash of every picture, candidate or not. What they never give: a picture or a
word; those are encrypted to devices alone. Once an epoch has ended its keys exist no longer.
Limit: a perceptual hash can be turned back into a rough picture.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sqlalchemy import create_engine

from softfall.compare.blast import Loot
from softfall.compare.casts.cast import CUSTODIAN, PROVIDER
from softfall.compare.results import BlastRadius
from softfall.crypto import hpke, shares
from softfall.crypto.hpke import NotSealedToThis
from softfall.custodian.epochs import EpochBook
from softfall.custodian.store import DATABASE_FILE, EPOCHS_FOLDER
from softfall.messaging.envelope import ENVELOPE, SUBMISSION
from softfall.options.confirm.keys import custodian_share, seal_info
from softfall.options.tags.custodian import TagCustodian
from softfall.options.tags.parameters import TagParameters
from softfall.store.database import sqlite_url
from softfall.wire import Value

_ENVELOPES = ("POST", "/v1/envelopes")


@dataclass(frozen=True, slots=True)
class StolenKeys:
    """One epoch's keys, as they lie in the custodian's database."""

    epoch: int
    tags: bytes = field(repr=False)
    confirm: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Logged:
    """What a provider keeps of one submission although it should not. tags: 8 bytes each."""

    epoch: int
    tags: frozenset[int] = field(repr=False)
    shares: dict[str, Value] = field(repr=False)


def steal_keys(loot: Loot, option: str) -> StolenKeys:
    """The keys of the epoch in use, out of the custodian's own folder."""
    folder = loot.place.folder / CUSTODIAN
    engine = create_engine(sqlite_url(folder / DATABASE_FILE))
    try:
        book = EpochBook(engine, folder / EPOCHS_FOLDER, 0)
        number = book.published(option)[0].number
        return StolenKeys(number, book.secret(number), book.confirm_secret(number))
    finally:
        engine.dispose()


def logged_submissions(loot: Loot, option: str) -> list[dict[str, Any]]:
    """The provider's envelopes that carried a submission of this option, decoded."""
    recording = loot.recordings[PROVIDER]
    found = []
    for exchange in recording.exchanges:
        if (exchange.method, exchange.path) != _ENVELOPES:
            continue
        values: dict[str, Any] = ENVELOPE.decode(recording.body(exchange))
        submission = values["submission"]
        if submission is not None and submission["option"] == option:
            found.append(submission)
    return found


def asked_before_sending(loot: Loot, option: str) -> list[dict[str, Any]]:
    """The submissions that devices asked about before sending, sent afterwards or not, decoded."""
    recording = loot.recordings[PROVIDER]
    asked = ("POST", f"/v1/options/{option}/clearance")
    return [
        SUBMISSION.decode(recording.body(each))
        for each in recording.exchanges
        if (each.method, each.path) == asked
    ]


def hashes_of(logged: Iterable[Logged], keys: StolenKeys, option: str) -> set[bytes]:
    """The perceptual hash of each submission whose seal opens: both shares together."""
    found = set()
    for each in logged:
        sealed, own = each.shares["sealed"], each.shares["x_p"]
        assert isinstance(sealed, bytes)
        assert isinstance(own, bytes)
        try:
            share_key = hpke.unseal(sealed, keys.confirm, seal_info(option, each.epoch))
        except NotSealedToThis:
            continue
        found.add(shares.xor(own, custodian_share(share_key)))
    return found


def asked_of_tags(
    logged: Sequence[Logged], keys: StolenKeys, option: str, parameters: TagParameters
) -> Callable[[frozenset[bytes]], frozenset[bytes]]:
    """ "Which of these pictures were sent?", by their hashes: the tags alone answer it."""
    custodian = TagCustodian(option, keys.epoch, keys.tags, parameters)

    def sent(hashes: frozenset[bytes]) -> frozenset[bytes]:
        rows = sorted(hashes)
        bits = np.frombuffer(b"".join(rows), np.uint8).reshape(-1, 32)
        table = custodian.tag_table(bits, lambda done, total: None)
        wanted = [frozenset(column.tolist()) for column in table.T]
        # An unpatched client asks for the unflipped piece of every table: all of them are there.
        return frozenset(
            row
            for row, tags in zip(rows, wanted, strict=True)
            if any(tags <= each.tags for each in logged)
        )

    return sent


def radius(
    loot: Loot, option: str, logged: Sequence[Logged], parameters: TagParameters
) -> BlastRadius:
    """What came of stealing one epoch's keys."""
    keys = steal_keys(loot, option)
    ask = asked_of_tags(logged, keys, option, parameters)
    sent = ask(loot.hashes | loot.never_sent)
    return loot.radius(
        "the custodian's keys of one epoch, with what the provider should have deleted",
        "tags evaluated under the stolen key; both shares of each hash put together",
        loot.found_by_looking((PROVIDER, CUSTODIAN)),
        len(logged),
        hashes_of(logged, keys, option),
        sent.__contains__,
    )
