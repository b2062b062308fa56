"""Curious custodians, hosts and thieves: a leak that is planted is seen, and none is not."""

from pathlib import Path
from typing import Any

import pytest

from softfall.compare.casts import tag_theft
from softfall.compare.casts.cast import CUSTODIAN, SENDER
from softfall.compare.casts.tag_theft import StolenKeys
from softfall.compare.results import BlastRadius, Counted, TrialResult
from softfall.compare.trials import custodian_view, enclave_host, thefts
from softfall.compare.trials.scene import Scene
from softfall.config import CustodianSettings
from softfall.custodian.catalogue import Catalogue
from softfall.custodian.clock import wall_ms
from softfall.custodian.epochs import EpochBook
from softfall.custodian.keys import create_identity
from softfall.custodian.publish import publish_epoch
from softfall.lists.entries import Statement
from softfall.media.pdq import PdqHash
from softfall.options.confirm.wire import CONFIRM_BEGIN
from softfall.options.enclave import wire as enclave_wire
from softfall.options.tags.custodian import derive_secret
from softfall.options.tokens.wire import ASK
from tests.compare.staged import Stage, scene
from tests.options.split.parties import Parties, random_hash

SEES, CANNOT = TrialResult.SEES, TrialResult.CANNOT
SECRET = derive_secret("split", bytes(31) + b"\x07", 1)


def question(parties: Parties, seed: int, key: bytes) -> bytes:
    pending = parties.device.begin(random_hash(seed), parties.secret(key))
    return ASK.encode(
        {
            "version": 1,
            "option": "split",
            "key_id": bytes(8),
            "nonce": key,
            "mac": bytes(32),
            "question": pending.request.body,
        }
    )


def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keys: list[bytes]) -> Scene:
    staged, parties = scene(tmp_path), Parties([])
    stage = Stage(staged)
    stage.sent_four([b"not looked at"] * 4, (1, 1, 1, 1))
    for number, (seed, key) in enumerate(zip((1, 1, 2, 3), keys, strict=True)):
        path = "/v1/options/split/answer"
        stage.note(CUSTODIAN, "POST", path, question(parties, seed, key), 10 * number + 5)
    monkeypatch.setattr(
        tag_theft, "steal_keys", lambda loot, option: StolenKeys(1, SECRET, bytes(96))
    )
    return staged


def test_blinded_questions_tell_a_custodian_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    staged = asked(tmp_path, monkeypatch, [bytes([n]) * 32 for n in range(4)])
    found = custodian_view.about_pictures(staged)
    assert found.result is CANNOT
    assert "share 0 of 128" in found.told


def test_a_blind_used_twice_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    staged = asked(tmp_path, monkeypatch, [bytes(32), bytes(32), b"2" * 32, b"3" * 32])
    found = custodian_view.about_pictures(staged)
    assert found.result is SEES
    assert "share 128 of 128" in found.told


def test_an_account_named_to_the_custodian_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    staged = asked(tmp_path, monkeypatch, [bytes([n]) * 32 for n in range(4)])
    Stage(staged).note(CUSTODIAN, "POST", "/v1/anything", b'{"account": "ana"}')
    assert custodian_view.about_pictures(staged).result is SEES


def test_the_entries_that_were_candidates_are_counted(tmp_path: Path):
    staged = scene(tmp_path)
    stage = Stage(staged)
    stage.note(CUSTODIAN, "POST", "/v1/elsewhere", b"")
    assert custodian_view.about_candidates(staged).result is CANNOT
    for entry in (7, 7, 9):
        stage.note(CUSTODIAN, "POST", "/v1/confirm/begin", begin(entry))
    found = custodian_view.about_candidates(staged)
    assert found.result is SEES
    assert "2 of its entries, 3 times, about one of them 2 times" in found.told


def begin(entry: int) -> bytes:
    values: dict[str, Any] = {"version": 1, "serial": bytes(8), "option": "split", "epoch": 1}
    sizes = {field.name: field.kind for field in CONFIRM_BEGIN.fields}
    for name in ("commitment", "sealed", "masked"):
        values[name] = bytes(sizes[name].max_bytes)  # type: ignore[union-attr]
    return CONFIRM_BEGIN.encode({**values, "entry": entry.to_bytes(4, "big")})


def sealed(filling: bytes) -> bytes:
    sizes = {"key_digest": 32, "capsule": enclave_wire.CAPSULE_BYTES, "commitment": 32, "body": 32}
    values: dict[str, Any] = {name: (filling * size)[:size] for name, size in sizes.items()}
    values["key_digest"] = bytes(32)
    return enclave_wire.SEALED.encode({"version": 1, **values})


def hosted(tmp_path: Path, fillings: list[bytes], answers: list[bytes]) -> Scene:
    staged = scene(tmp_path, "enclave")
    stage = Stage(staged)
    stage.sent_four([sealed(each) for each in fillings], (1, 1, 1, 1))
    for number, (filling, answer) in enumerate(zip(fillings, answers, strict=True)):
        submitted = {"epoch": 1, "sealed": sealed(filling)}
        question = enclave_wire.QUESTION.encode({"version": 1, "submissions": [submitted]})
        stage.note("enclave", "POST", "/v1/judge", question, 10 * number + 5)
        stage.note("provider", "POST", "/v1/judge", answer)
    return staged


def answer(outcome: int) -> bytes:
    return enclave_wire.ANSWER.encode({"version": 1, "outcomes": bytes([outcome])})


def test_a_host_sees_seals_that_are_all_different_and_answers_of_one_size(tmp_path: Path):
    answers = [answer(each) for each in (0, 1, 0, 1)]
    staged = hosted(tmp_path, [b"1", b"2", b"3", b"4"], answers)
    assert enclave_host.host(staged).result is CANNOT


def test_a_seal_that_repeats_is_seen_by_the_host(tmp_path: Path):
    staged = hosted(tmp_path, [b"1", b"1", b"3", b"4"], [answer(0)] * 4)
    assert enclave_host.host(staged).result is SEES


def test_a_hash_that_stands_open_is_seen_by_the_host(tmp_path: Path):
    answers = [answer(each) for each in (0, 1, 0, 1)]
    staged = hosted(tmp_path, [b"1", b"2", b"3", b"4"], answers)
    shown = staged.conversation.pictures[1].hashed
    assert isinstance(shown, PdqHash)
    Stage(staged).note("enclave", "POST", "/v1/anything", b"..." + shown.bits + b"...")
    found = enclave_host.host(staged)
    assert found.result is SEES
    assert found.told.startswith("1 of 4 hashes")


@pytest.mark.parametrize(
    ("planted", "result", "figure"),
    [("", CANNOT, "0 shared, 0 known"), ("hash", SEES, "0 shared, 1 known"),
     ("same", SEES, "1 shared, 0 known")],
)  # fmt: skip
def test_under_enclave_all_that_reached_the_custodian_is_looked_through(
    tmp_path: Path, planted: str, result: TrialResult, figure: str
):
    staged = scene(tmp_path, "enclave")
    stage = Stage(staged)
    stage.sent_four([b"not looked at"] * 4, (1, 1, 1, 1))
    stage.note("provider", "POST", "/v1/anything", b'"ana"')
    stage.note(CUSTODIAN, "POST", "/v1/options/enclave/nonce", b"", 500)
    shown = staged.conversation.pictures[1].hashed
    assert isinstance(shown, PdqHash)
    if planted == "hash":
        stage.note(CUSTODIAN, "POST", "/v1/anything", shown.bits, 500)
    if planted == "same":
        for start_ns in (5, 15):
            stage.note(CUSTODIAN, "POST", "/v1/anything", b"a picture's mark", start_ns)
    found = custodian_view.about_pictures(staged)
    assert (found.result, found.figure) == (result, figure)


def kept_by_a_custodian(folder: Path) -> bytes:
    """A custodian's folder with one epoch of `split`; the one entry of its list."""
    settings = CustodianSettings(data_dir=folder / CUSTODIAN, tls_dir=folder / "tls")
    create_identity(settings.data_dir)
    listed = random_hash(1).bits
    catalogue = Catalogue.open(settings.data_dir)
    catalogue.add(Statement(listed, "test"), wall_ms())
    catalogue.close()
    publish_epoch(settings, "split", lambda done, of: None)
    return listed


def test_an_ended_epochs_keys_are_nowhere_unless_ending_it_left_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    listed = kept_by_a_custodian(tmp_path / "one")
    found = thefts.after_the_end(tmp_path / "one", "split", listed)
    assert found.result is CANNOT
    assert "EpochEnded" in found.told
    listed = kept_by_a_custodian(tmp_path / "two")
    monkeypatch.setattr(EpochBook, "end_due", lambda book, option, now_ms: [])
    found = thefts.after_the_end(tmp_path / "two", "split", listed)
    assert found.result is SEES
    assert "2 of its 2 keys left" in found.told


def test_a_search_that_does_not_find_the_list_says_not_run(tmp_path: Path):
    kept_by_a_custodian(tmp_path)
    found = thefts.after_the_end(tmp_path, "split", random_hash(99).bits)
    assert found.result is TrialResult.NOT_RUN


def test_a_stolen_device_is_searched_and_a_planted_entry_found(tmp_path: Path):
    staged = scene(tmp_path)
    assert thefts.stolen_device(staged).result is TrialResult.NOT_APPLICABLE
    home = tmp_path / SENDER
    home.mkdir()
    (home / "device.db").write_bytes(bytes(5000))
    assert thefts.stolen_device(staged).result is CANNOT
    hashes = staged.conversation.known.hashes
    (home / "notes").write_bytes(b"..." + hashes[3] + b"..." + hashes[0].hex().encode())
    found = thefts.stolen_device(staged)
    assert found.result is SEES
    assert f"2 of {len(hashes)} entries" in found.told


@pytest.mark.parametrize(("count", "result"), [(0, CANNOT), (3, SEES)])
def test_what_a_theft_opened_is_what_the_cells_say(tmp_path: Path, count: int, result: TrialResult):
    some, none = Counted(count=count, total=5), Counted(count=0, total=5)
    blast = BlastRadius(
        stolen="keys", how="used", messages=none, pictures=none, texts=none, hashes=some,
        sent_known=some, never_sent_taken_for_sent=none,
    )  # fmt: skip
    staged = scene(tmp_path, blast=blast)
    Stage(staged).note(CUSTODIAN, "POST", "/v1/anything", b"")
    Stage(staged).note("enclave", "POST", "/v1/anything", b"")
    for play in (thefts.together, thefts.stolen_key, enclave_host.broken):
        found = play(staged)
        assert found.result is result
        assert f"{count}" in found.told
    staged = scene(tmp_path, "in_transit")
    for play in (thefts.together, thefts.stolen_key, enclave_host.broken, enclave_host.host):
        assert play(staged).result is TrialResult.NOT_APPLICABLE
