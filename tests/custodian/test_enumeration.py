"""Asking for everything: the attacks on the list and on messages, played, counted, extrapolated.

The custodian is the real service with small pieces, so that a test can ask for all of them; the
formulas of `compare.enumeration` must say what is counted here, and then say it for the real ones.
"""

import asyncio
import os
import secrets
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI

from softfall.compare import enumeration
from softfall.compare.enumeration import Limits, Pieces
from softfall.config import CustodianSettings, DeviceSettings, ProviderSettings
from softfall.crypto import oprf, ristretto
from softfall.crypto.oprf import Mode
from softfall.lists.manifest import Manifest
from softfall.media.pdq import PdqHash
from softfall.options.on_device import segment
from softfall.options.on_device.custodian import OnDeviceCustodian
from softfall.options.on_device.custodian import derive_secret as map_secret
from softfall.options.on_device.parameters import DEFAULT_PARAMETERS as MAP_DEFAULT
from softfall.options.on_device.parameters import OnDeviceParameters
from softfall.options.on_device.segment import MapKeys
from softfall.options.on_device.stack import Stack
from softfall.options.on_device.wire import SUBMISSION as ON_DEVICE_SUBMISSION
from softfall.options.split.parameters import DEFAULT_PARAMETERS as SPLIT_DEFAULT
from softfall.options.split.wire import ARTEFACT
from softfall.options.tags import pieces
from softfall.options.tags.parameters import TagParameters, random_positions
from softfall.options.tags.wire import REQUEST, TAG_BYTES
from softfall.options.tokens.device import begin
from softfall.provider.app import make as make_provider
from tests.custodian.enumerating import (
    ASKED_AT_ONCE,
    ENTRIES,
    SMALL,
    Enumerator,
    entries_behind,
    hashes,
    places,
    provider_of,
    true_pieces,
)
from tests.custodian.keeping import (
    DAY_MS,
    HOUR_MS,
    Keeper,
    a_hash,
    ask_epoch,
    post_ask,
    post_issue,
)
from tests.options.on_device.parties import Parties as OnDevice
from tests.options.split.parties import random_hash
from tests.provider.cast import App, Clock, register

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from fastapi.testclient import TestClient

OF_SMALL = Pieces(SMALL.k_bits, SMALL.tables, SMALL.probes)

Say = Callable[[str], None]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    def print_it(line: str) -> None:
        with capsys.disabled():
            print(f"\n  {line}")

    return print_it


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("softfall.options.split.parameters.DEFAULT_PARAMETERS", SMALL)


def keeper_with(folder: Path, **limits: Any) -> Keeper:
    return Keeper(folder, changed=limits).set_up(ENTRIES)


def test_an_enumerating_provider_reads_what_the_days_tokens_buy_and_no_more(
    tmp_path: Path, say: Say
) -> None:
    keeper = keeper_with(tmp_path, tokens_per_day=8)
    keeper.publish()
    app = keeper.app()
    attacker = provider_of(app)
    path = f"/v1/epochs/{attacker.manifest.epoch}/artefacts/split"
    artefact = ask_epoch(app, path).content
    limits = Limits(8, 10**9, 100)
    told = enumeration.cost_of_list(OF_SMALL, limits)
    assert (told.tokens, told.days) == (16, 2.0)

    assert attacker.drain() == 8
    assert attacker.refused == "TokensMinted"
    attacker.spend()
    assert len(attacker.tags) == 8 * OF_SMALL.evaluations_a_token == told.evaluations // 2
    first_day = entries_behind(artefact, attacker.tags)
    assert 0 < len(first_day) < len(true_pieces())
    rows = pieces.pieces(hashes(), SMALL).tolist()
    read_so_far = sum(place in attacker.tags for place in places(rows))
    assert read_so_far == enumeration.pieces_read(OF_SMALL, ENTRIES, len(attacker.tags))
    keeper.clocks.pass_ms(DAY_MS + HOUR_MS)
    assert attacker.drain() == 8
    attacker.spend()
    assert entries_behind(artefact, attacker.tags) == true_pieces()

    real = Limits.default()
    split = Pieces(SPLIT_DEFAULT.k_bits, SPLIT_DEFAULT.tables, SPLIT_DEFAULT.probes)
    whole = enumeration.cost_of_list(split, real)
    say(
        f"split, an enumerating provider at the default limits: {whole.evaluations:,} evaluations,"
        f" {whole.tokens:,} tokens, {whole.days:.1f} days of every token that there is, for"
        f" {split.bits_read} of each entry's 256 bits; at 1,000,000 entries"
        f" {enumeration.evaluations_an_entry(split, 10**6):.0f} evaluations an entry"
    )


def test_an_honest_device_with_tokens_in_stock_still_asks_while_a_provider_drains_the_day(
    tmp_path: Path,
) -> None:
    keeper = keeper_with(tmp_path, tokens_per_day=8)
    keeper.publish()
    app = keeper.app()
    honest, attacker = provider_of(app), provider_of(app)
    pending = begin(honest.manifest.token_key, 2, os.urandom)
    honest.tokens = pending.finish(post_issue(app, pending.request).content)
    assert attacker.drain() == 6
    attacker.spend()
    honest.spend()
    assert len(honest.tags) == 2 * ASKED_AT_ONCE


def test_tokens_that_were_hoarded_buy_no_more_than_the_hours_evaluations(tmp_path: Path) -> None:
    keeper = keeper_with(tmp_path, tokens_per_day=16, evaluations_per_hour=3 * ASKED_AT_ONCE)
    keeper.publish()
    app = keeper.app()
    attacker = provider_of(app)
    attacker.drain()
    with pytest.raises(AssertionError, match="QuotaSpent"):
        attacker.spend()
    assert len(attacker.tags) == 3 * ASKED_AT_ONCE


def test_a_new_epoch_does_not_make_the_list_forget_what_was_read(tmp_path: Path) -> None:
    """Printed limit: entries keep their numbers, so half an epoch's work is kept in the next."""
    keeper = keeper_with(tmp_path, tokens_per_day=8)
    keeper.publish()
    app = keeper.app()
    attacker = provider_of(app)
    numbers: defaultdict[tuple[int, int], set[int]] = defaultdict(set)

    def note() -> None:
        path = f"/v1/epochs/{attacker.manifest.epoch}/artefacts/split"
        values: dict[str, Any] = ARTEFACT.decode(ask_epoch(app, path).content)
        for place, tag in attacker.tags.items():
            rows = range(0, len(values["tags"]), TAG_BYTES)
            for row, at in enumerate(rows):
                if values["tags"][at : at + TAG_BYTES] == tag:
                    numbers[place].add(int.from_bytes(values["numbers"][4 * row : 4 * row + 4]))

    attacker.drain()
    attacker.spend()
    note()
    seen = set(attacker.tags)
    keeper.clocks.pass_ms(DAY_MS + HOUR_MS)
    keeper.publish()
    attacker = provider_of(app)
    attacker.tags = dict.fromkeys(seen, b"")  # those pieces are known: ask for the others only
    attacker.drain()
    attacker.spend()
    note()
    rows = pieces.pieces(hashes(), SMALL).tolist()
    true: defaultdict[tuple[int, int], set[int]] = defaultdict(set)
    for table, row in enumerate(rows):
        for entry, piece in enumerate(row):
            true[table, piece].add(entry)
    order = sorted({number for found in numbers.values() for number in found})
    named = {place: {order.index(n) for n in found} for place, found in numbers.items()}
    assert named == dict(true)


class Accounts:
    """A real provider before the real custodian, and patched apps of one person."""

    def __init__(self, folder: Path, custodian: FastAPI, clock: Clock, per_account: int) -> None:
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=custodian),
            base_url="https://custodian",
            headers={"authorization": f"Bearer {custodian.state.token}"},
        )
        settings = ProviderSettings(
            data_dir=folder / "provider", tls_dir=folder / "tls",
            tokens_per_account_per_day=per_account, media_per_minute=10**6,
        )  # fmt: skip
        self.app = make_provider(settings, clock=clock, custodian=client)
        self.clock = clock

    def enumerator(self, app: App, manifest: Manifest) -> Enumerator:
        return Enumerator(
            manifest,
            lambda body: app.call("POST", "/v1/tokens/issue", content=body),
            lambda body: app.call("POST", "/v1/options/split/ask", content=body),
        )


@pytest.fixture
def street(tmp_path: Path) -> Iterator[tuple[Accounts, TestClient, Manifest, Keeper]]:
    keeper = keeper_with(tmp_path, tokens_per_day=8)
    clock = Clock()
    keeper.clocks.wall_ms = clock.now_ms
    manifest = keeper.publish()
    accounts = Accounts(tmp_path, keeper.app(), clock, per_account=3)
    with TestClient(accounts.app, base_url="https://provider") as http:
        while http.get("/v1/service").json()["manifest"] is None:
            asyncio.run(asyncio.sleep(0.02))
        yield accounts, http, manifest, keeper


def test_an_enumerating_client_is_stopped_by_its_accounts_share_and_then_by_everybodys(
    street: tuple[Accounts, TestClient, Manifest, Keeper], say: Say
) -> None:
    accounts, http, manifest, _ = street
    got, refusals = [], []
    for name in ("eve-1", "eve-2", "eve-3", "eve-4"):
        eve = accounts.enumerator(register(http, name, accounts.clock), manifest)
        got.append(eve.drain())
        refusals.append(eve.refused)
        eve.spend()
        assert len(eve.tags) == got[-1] * ASKED_AT_ONCE
    assert got == [3, 3, 2, 0]
    assert refusals == ["TokensUsedUp", "TokensUsedUp", *["CustodianUnavailable"] * 2]

    real = Limits.default()
    for name, parameters in (("split", SPLIT_DEFAULT), ("on_device", MAP_DEFAULT.tags)):
        asked = Pieces(parameters.k_bits, parameters.tables, parameters.probes)
        whole = enumeration.cost_of_list(asked, real)
        say(
            f"{name}, an enumerating client at the default limits: {whole.account_days:,.0f}"
            f" accounts for a day, or one for so many days, of {real.tokens_an_account_a_day}"
            f" tokens a day each ({whole.tokens:,} tokens); all accounts together no faster than"
            f" {whole.days:,.1f} days"
        )


def test_in_split_an_enumerating_client_has_nothing_to_compare_its_tags_with(
    street: tuple[Accounts, TestClient, Manifest, Keeper],
) -> None:
    """The artefact never leaves the provider: no route of it gives a device one tag of the list."""
    accounts, http, manifest, keeper = street
    path = f"/v1/epochs/{manifest.epoch}/artefacts/split"
    values: Any = ARTEFACT.decode(ask_epoch(keeper.app(), path).content)
    some_tag = values["tags"][:TAG_BYTES]
    eve = register(http, "eve", accounts.clock)
    for route in accounts.app.routes:
        if "GET" in getattr(route, "methods", ()) and "{" not in route.path:  # type: ignore[attr-defined]
            assert some_tag not in eve.call("GET", route.path).content  # type: ignore[attr-defined]
    assert eve.call("GET", path).status_code == 404


def test_in_on_device_a_client_reads_the_map_by_asking_for_every_piece_among_decoys(
    say: Say,
) -> None:
    """The device holds the map; only the OPRF stands before it. Whole, with the real halves."""
    small = OnDeviceParameters(
        tags=TagParameters(10, 4, 2, random_positions("map", tables=3, k_bits=10)),
        code_bits=6, check_bits=2, slots=1, lag_versions=1,
    )  # fmt: skip
    secret = map_secret(bytes(32), 1)
    rows = [(number, a_hash(f"map/{number}")) for number in range(40)]
    half = OnDeviceCustodian(1, secret, small)
    base = segment.decode(half.prepare(rows, lambda done, total: None).artefact)
    found: list[set[tuple[int, int]]] = []
    for table in range(3):
        inputs = [pieces.oprf_input("on_device", table, p, small.tags) for p in range(2**10)]
        tags = [oprf.evaluate(ristretto.Scalar(secret), i, Mode.VOPRF)[:TAG_BYTES] for i in inputs]
        codes, hit = (row[0] for row in Stack([base]).find(MapKeys.of(tags, [0] * len(tags))))
        found.append({(int(codes[p]), p) for p in range(2**10) if hit[p]})
    listed = np.frombuffer(b"".join(bits for _, bits in rows), np.uint8).reshape(-1, 32)
    true = pieces.pieces(listed, small.tags).tolist()
    shown = [{(number, piece) for number, piece in enumerate(row)} for row in true]
    assert sum(len(t & f) for t, f in zip(shown, found, strict=True)) >= 0.9 * 3 * 40
    false = sum(len(f - t) for t, f in zip(shown, found, strict=True)) / (3 * 40)
    expected = enumeration.decoys(10, 1, small.value_bits)
    assert 0.5 * expected < false < 1.6 * expected

    tags = MAP_DEFAULT.tags
    decoys = enumeration.decoys(tags.k_bits, MAP_DEFAULT.slots, MAP_DEFAULT.value_bits)
    asked = Pieces(tags.k_bits, tags.tables, tags.probes, decoys)
    whole = enumeration.cost_of_list(asked, Limits.default())
    say(
        f"on_device, whoever has the map, at the default limits: {whole.evaluations:,} evaluations,"
        f" {whole.tokens:,} tokens, {whole.days:,.0f} days of every token that there is, for"
        f" {asked.bits_read} of each entry's 256 bits, each {tags.k_bits} among {decoys:.0f} false"
        f" ones; at 1,000,000 entries {enumeration.evaluations_an_entry(asked, 10**6):.0f}"
        " evaluations an entry"
    )


def test_was_this_picture_sent_costs_one_token_within_the_epoch_and_nothing_buys_it_afterwards(
    tmp_path: Path, say: Say
) -> None:
    keeper = keeper_with(tmp_path, tokens_per_day=8)
    keeper.publish()
    app = keeper.app()
    kept_tags = submitted(app, "a sent picture")  # a provider that does not delete tags
    before = keeper.clocks.wall_ms
    guess = submitted(app, "a sent picture")
    other = submitted(app, "another picture")
    assert guess == kept_tags
    assert len(guess & other) < len(guess) // 2
    assert "softfall_tokens_minted_today 3.0" in ask_epoch(app, "/metrics").text

    attacker = provider_of(app)
    spare = begin(attacker.manifest.token_key, 1, os.urandom)
    (token,) = spare.finish(post_issue(app, spare.request).content)
    old = attacker.manifest
    keeper.publish()
    keeper.clocks.pass_ms(2 * HOUR_MS)
    question = REQUEST.encode(
        {"version": 1, "epoch": old.epoch, "points": old.public_key * ASKED_AT_ONCE}
    )
    refused = post_ask(app, token.ask("split", question))
    assert (refused.status_code, refused.json()["error"]) == (410, "EpochEnded")
    assert submitted(app, "a sent picture") & kept_tags == set()  # the new key tells nothing
    assert keeper.clocks.wall_ms > before
    pieces_of = Pieces(SPLIT_DEFAULT.k_bits, SPLIT_DEFAULT.tables, SPLIT_DEFAULT.probes)
    told = enumeration.cost_of_a_guess(pieces_of, Limits.default())
    say(
        f"split, was picture P sent? of tags that were kept: {told.tokens} token,"
        f" {told.evaluations} evaluations while the epoch's key exists; afterwards impossible"
    )


def test_in_on_device_was_this_picture_sent_is_told_of_a_candidates_entry_alone(say: Say) -> None:
    """A guess is one ordinary question, looked up in the map; the numbers handed over compare."""
    listed = [random_hash(seed) for seed in range(20)]
    people = OnDevice(listed)

    def handed_over(media: PdqHash, key: bytes) -> tuple[bytes, list[int]]:
        body = people.send(media, people.secret(key))[0].body
        entries: Any = ON_DEVICE_SUBMISSION.decode(body)["entries"]
        return body, entries

    def guess(media: PdqHash) -> list[int]:
        return list(people.view.candidates(people.rows(media)))

    _, candidate = handed_over(listed[3], b"k" * 32)
    assert candidate
    assert guess(listed[3]) == candidate
    assert guess(listed[4]) != candidate
    one, two = random_hash(101), random_hash(102)
    (body, nothing), (other, _) = handed_over(one, b"l" * 32), handed_over(two, b"m" * 32)
    assert (nothing, guess(one), guess(two)) == ([], [], [])
    assert body == other  # the same bytes for everybody: there is nothing to compare
    tags = MAP_DEFAULT.tags
    pieces_of = Pieces(tags.k_bits, tags.tables, tags.probes)
    told = enumeration.cost_of_a_guess(pieces_of, Limits.default())
    say(
        f"on_device, was picture P sent? of a candidate's entry numbers: {told.tokens} token,"
        f" {told.evaluations} evaluations; of all other pictures nothing was handed over"
    )


def submitted(app: FastAPI, label: str) -> set[bytes]:
    """The tags of one picture's own pieces, asked for as a device does."""
    attacker = provider_of(app)
    bits = np.frombuffer(a_hash(label), np.uint8)[None, :]
    own = pieces.pieces(bits, SMALL)[:, 0].tolist()
    wanted = [(table, int(p) ^ flip) for table, p in enumerate(own) for flip in range(SMALL.probes)]
    pending = begin(attacker.manifest.token_key, 1, secrets.token_bytes)
    (token,) = pending.finish(post_issue(app, pending.request).content)
    attacker.ask_for(token, wanted)
    return set(attacker.tags.values())


def test_the_default_limits_suffice_for_the_people_that_the_docs_name() -> None:
    custodian, device = CustodianSettings(), DeviceSettings()
    people = enumeration.people_served(
        Limits.default(), 4, device.tokens_kept, custodian.token_key_days
    )
    assert 1_900 <= people <= 2_000
    # An hour's evaluations carry an eighth of the day's tokens: a busy hour of an ordinary day.
    asked = Pieces(SPLIT_DEFAULT.k_bits, SPLIT_DEFAULT.tables, SPLIT_DEFAULT.probes)
    hour = custodian.evaluations_per_hour / asked.evaluations_a_token
    assert hour == custodian.tokens_per_day / 8
