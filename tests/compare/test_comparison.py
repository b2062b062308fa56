"""The whole comparison on a small list: real processes, real sockets, real encryption."""

import itertools
import re
from pathlib import Path

import pytest

from softfall.compare import findings
from softfall.compare.photographs import default_paths
from softfall.compare.plan import Cheat, Kind
from softfall.compare.results import Comparison, OptionRun, Outcome, TrialCell, TrialResult
from softfall.compare.trials.registry import TRIALS
from softfall.compare.witness import DEFAULT_OPTIONS, Asked, compare

# Seven options' parties are some fifty processes: minutes on a busy machine.
pytestmark = pytest.mark.timeout(2400)

LIST_SIZE = 2000
PERMUTED = "homomorphic_permuted"
KEYED = ("homomorphic", PERMUTED)
ENCRYPTED = ("split", "on_device", "enclave", *KEYED)
MATCHING = ("in_transit", *ENCRYPTED)
PHOTOGRAPHS = ("chelsea", "coffee", "coins", "rocket", "clock_motion")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kept")


@pytest.fixture(scope="module")
def made(kept: Path) -> Comparison:
    places = [path for path in default_paths() if path.stem in PHOTOGRAPHS]
    options = (*DEFAULT_OPTIONS, PERMUTED)
    asked = Asked(options=options, places=places, random_count=LIST_SIZE, keep=kept)
    return compare(asked, lambda step, done, total: None)


def run_of(made: Comparison, name: str) -> OptionRun:
    return next(run for run in made.options if run.name == name)


def test_every_message_is_accounted_for_and_every_byte_declared(made: Comparison):
    assert made.sound
    for run in made.options:
        assert len(run.sent) == len(made.turns)
        assert run.undeclared == ()
        assert findings.lost(run).count == 0


def test_in_transit_stops_exactly_what_plain_pdq_matches(made: Comparison):
    run = run_of(made, "in_transit")
    for sent in findings.sent_of(made, run, Kind.AS_IS, Kind.EDITED, Kind.UNLISTED):
        row = made.turns[sent.turn].picture
        assert row is not None
        matches = made.pictures[row].distance_bits is not None
        assert (sent.outcome is Outcome.HELD) is matches, made.pictures[row]


@pytest.mark.parametrize("option", MATCHING)
def test_listed_pictures_as_they_are_are_all_stopped(made: Comparison, option: str):
    sent = findings.sent_of(made, run_of(made, option), Kind.AS_IS)
    share = findings.stopped(sent)
    assert share.count == share.total > 0
    # On the device they are stopped before they are sent, elsewhere on their way.
    how = Outcome.REFUSED if option == "on_device" else Outcome.HELD
    assert {each.outcome for each in sent} == {how}


@pytest.mark.parametrize("option", ENCRYPTED)
def test_little_is_missed_of_what_plain_pdq_matches(made: Comparison, option: str):
    recalls = findings.recall_by_edit(made, run_of(made, option))
    kept = findings.recall_overall(recalls, "all").kept
    assert kept.total > 20
    assert kept.value is not None
    assert kept.value >= 0.9


@pytest.mark.parametrize("option", MATCHING)
def test_innocent_pictures_and_words_arrive(made: Comparison, option: str):
    run = run_of(made, option)
    sent = findings.sent_of(made, run, Kind.UNLISTED, Kind.TEXT)
    assert len(sent) >= 15
    assert {each.outcome for each in sent} == {Outcome.SHOWN}


@pytest.mark.parametrize("option", ENCRYPTED)
@pytest.mark.parametrize("cheat", list(Cheat))
def test_a_patched_sender_is_caught_by_an_honest_recipient_or_the_services(
    made: Comparison, cheat: Cheat, option: str
):
    sent = findings.sent_of(made, run_of(made, option), Kind.CHEAT, cheat=cheat)
    assert sent
    assert {each.outcome for each in sent} <= findings.STOPPED


@pytest.mark.parametrize("option", MATCHING)
def test_a_colluding_pair_is_not_caught(made: Comparison, option: str):
    sent = findings.sent_of(made, run_of(made, option), Kind.COLLUDING)
    assert sent
    assert {each.outcome for each in sent} == {Outcome.SHOWN}


def test_the_provider_reads_everything_in_transit_and_nothing_under_encryption(made: Comparison):
    files = len({turn.picture for turn in made.turns if turn.picture is not None})
    texts = sum(turn.kind is Kind.TEXT for turn in made.turns)
    open_one = findings.readable_of(run_of(made, "in_transit"), "provider")
    assert (open_one["pictures"], open_one["texts"]) == (files, texts)
    assert open_one["list_entries"] == made.list_size
    for option, role in itertools.product(ENCRYPTED, ("provider", "custodian")):
        found = findings.readable_of(run_of(made, option), role)
        # The custodian of `homomorphic` is asked for files alone, by routes without bodies.
        assert found["searched_bytes"] > 500 or (option in KEYED and role == "custodian")
        # The provider of `homomorphic` matches by the list, which it therefore has, in both modes.
        listed = made.list_size if (option in KEYED and role == "provider") else 0
        assert (found["pictures"], found["texts"], found["list_entries"]) == (0, 0, listed)


@pytest.mark.parametrize("option", MATCHING)
def test_no_device_receives_an_entry_of_the_list(made: Comparison, option: str):
    for role in ("sender", "recipient", "patched sender", "colluding recipient"):
        found = findings.readable_of(run_of(made, option), role)
        assert found["searched_bytes"] > 0
        assert found["list_entries"] == 0


def test_every_party_is_a_process_of_its_own_with_a_recording(made: Comparison, kept: Path):
    for name, parties in (
        ("in_transit", 5), ("backdoor", 5), ("split", 7), ("on_device", 7), ("enclave", 7),
        ("homomorphic", 8), ("homomorphic_permuted", 8),
    ):  # fmt: skip
        run = run_of(made, name)
        assert len(run.memory_bytes) == parties
        assert all(size_bytes > 10_000_000 for size_bytes in run.memory_bytes.values())
        assert {each.role for each in run.readable} == set(run.memory_bytes)
        (folder,) = kept.glob(f"run-*/{name}/views")
        assert len(list(folder.glob("*.spool"))) == parties


def test_what_it_costs_was_measured(made: Comparison):
    for run in made.options:
        for role, spent_ms in findings.cpu_by_role(made, run).items():
            assert spent_ms > 0, (run.name, role)
        assert (findings.overhead_bytes(made, run, "up", "sender") or 0) > 100
    split = run_of(made, "split")
    setup = {each.role: each for each in split.setup}
    assert setup["provider"].received_bytes > 12 * LIST_SIZE
    assert setup["device"].received_bytes == 0
    assert setup["custodian"].seconds > 0


def test_the_results_survive_being_written_and_hold_no_hash(made: Comparison):
    written = made.model_dump_json()
    assert Comparison.model_validate_json(written) == made
    assert '"hash":' not in written
    assert re.search("[0-9a-fA-F]{64}", written) is None


def test_the_back_door_stops_nothing_before_an_investigation(made: Comparison):
    run = run_of(made, "backdoor")
    assert {each.outcome for each in run.sent} == {Outcome.SHOWN}
    assert findings.readable_of(run, "provider")["pictures"] == 0


def test_one_stolen_key_opens_everything_that_was_escrowed(made: Comparison):
    blast = run_of(made, "backdoor").blast
    assert blast is not None
    lies = len(Cheat)
    assert blast.messages.total == len(made.turns)
    assert blast.messages.count == blast.messages.total - lies
    for found in (blast.pictures, blast.texts, blast.hashes, blast.sent_known):
        assert found.count == found.total > 0


def test_a_custodian_key_and_a_log_give_hashes_away_but_no_picture_and_no_word(made: Comparison):
    blast = run_of(made, "split").blast
    assert blast is not None
    assert blast.messages.count == blast.pictures.count == blast.texts.count == 0
    assert blast.hashes.count == blast.hashes.total > 0
    assert blast.sent_known.count == blast.sent_known.total
    assert blast.never_sent_taken_for_sent.count < blast.never_sent_taken_for_sent.total / 2


def test_the_map_on_the_device_is_downloaded_and_gives_no_entry_away(made: Comparison):
    run = run_of(made, "on_device")
    setup = {each.role: each for each in run.setup}
    assert setup["device"].received_bytes > LIST_SIZE
    blast = run.blast
    assert blast is not None
    assert blast.messages.count == blast.pictures.count == blast.texts.count == 0
    # Of what is no candidate nothing was handed over, so nothing of it can be stolen.
    assert 0 < blast.hashes.count < blast.hashes.total


def test_an_enclave_whose_memory_is_read_gives_hashes_away_but_no_picture_and_no_word(
    made: Comparison,
):
    blast = run_of(made, "enclave").blast
    assert blast is not None
    assert blast.messages.count == blast.pictures.count == blast.texts.count == 0
    assert blast.hashes.count == blast.hashes.total > 0


def trial(made: Comparison, option: str, name: str) -> TrialCell:
    return next(cell for cell in run_of(made, option).trials if cell.trial == name)


def test_every_trial_was_run_for_every_option(made: Comparison):
    for run in made.options:
        assert [cell.trial for cell in run.trials] == [each.name for each in TRIALS]
        assert [cell for cell in run.trials if cell.result is TrialResult.NOT_RUN] == []


@pytest.mark.parametrize("option", ENCRYPTED)
def test_every_lie_is_caught_and_reported_and_a_pair_and_an_encrypted_file_escape(
    made: Comparison, option: str
):
    lies = ("other_picture", "junk", "replayed", "omitted", "tolerance", "replaced_list",
            "rolled_back_list")  # fmt: skip
    assert {trial(made, option, name).result for name in lies} == {TrialResult.CAUGHT}
    for name in ("colluding", "pre_encrypted"):
        assert trial(made, option, name).result is TrialResult.ESCAPES
    assert trial(made, option, "lie_reported").result is TrialResult.CAUGHT


def test_what_the_curious_see_is_each_options_own(made: Comparison):
    links = {name: trial(made, name, "provider_links").result for name in ENCRYPTED}
    sees, cannot = TrialResult.SEES, TrialResult.CANNOT
    keyed = dict.fromkeys(KEYED, cannot)
    assert links == {"split": sees, "on_device": cannot, "enclave": cannot, **keyed}
    listed = {name: trial(made, name, "provider_links_candidates").result for name in ENCRYPTED}
    assert listed == {"split": sees, "on_device": sees, "enclave": cannot, **keyed}
    for option in ENCRYPTED:
        assert trial(made, option, "provider_links_later").result is cannot
        assert trial(made, option, "custodian_pictures").result is cannot
        assert trial(made, option, "stolen_device").result is cannot
        assert trial(made, option, "together").result is sees
    for option in ("split", "on_device"):
        assert trial(made, option, "destroyed_key").result is cannot
    assert trial(made, "enclave", "enclave_host").result is cannot
    assert trial(made, "enclave", "enclave_broken").result is sees
    assert trial(made, "on_device", "denied").result is TrialResult.CAUGHT


@pytest.mark.parametrize("option", KEYED)
def test_encrypted_matching_stops_exactly_what_plain_pdq_matches(made: Comparison, option: str):
    run = run_of(made, option)
    for sent in findings.sent_of(made, run, Kind.AS_IS, Kind.EDITED, Kind.UNLISTED):
        row = made.turns[sent.turn].picture
        assert row is not None
        matches = made.pictures[row].distance_bits is not None
        assert (sent.outcome is Outcome.HELD) is matches, made.pictures[row]


def test_a_keyholder_sees_nothing_in_one_mode_and_distances_in_the_other(made: Comparison):
    one, other = (trial(made, option, "keyholder_view") for option in KEYED)
    assert (one.result, other.result) == (TrialResult.CANNOT, TrialResult.SEES)
    assert one.figure.startswith("names 0 of ")
    for option in KEYED:
        run = run_of(made, option)
        keyholders = findings.readable_of(run, "keyholder")
        assert keyholders["searched_bytes"] > 100_000
        assert (keyholders["pictures"], keyholders["texts"], keyholders["list_entries"]) == (
            0,
            0,
            0,
        )
        assert trial(made, option, "keyholder_together").result is TrialResult.SEES
        probed = trial(made, option, "provider_probes")
        assert probed.result is TrialResult.SEES
        assert "Then: this query was run too often" in probed.told
        assert "sent again: MaterialSpent" in probed.told
        assert trial(made, option, "stolen_key").result is TrialResult.CANNOT
        assert run.blast is not None
        assert run.blast.hashes.count == run.blast.hashes.total > 0
        assert run.blast.messages.count == run.blast.pictures.count == run.blast.texts.count == 0


@pytest.mark.parametrize("option", KEYED)
def test_what_is_dealt_for_a_picture_is_told_apart_from_what_is_sent(made: Comparison, option: str):
    costs = run_of(made, option).matching
    assert costs is not None
    assert costs.pictures > 40
    assert costs.dealt_bytes["provider"] < 100 < costs.dealt_bytes["keyholder"]
    # About 6.1 bytes a row in the one mode, 1.1 in the other, of at least as many rows as entries.
    least = LIST_SIZE * (6 if option == "homomorphic" else 1)
    assert least < costs.dealt_bytes["keyholder"] < 2 * least


def test_what_was_blocked_before_it_was_sent_is_in_the_theft_too(made: Comparison):
    run = run_of(made, "on_device")
    blocked = {
        made.turns[sent.turn].picture
        for sent in findings.sent_of(made, run, Kind.AS_IS, Kind.EDITED)
        if sent.outcome is Outcome.REFUSED
    }
    assert run.blast is not None
    assert run.blast.hashes.count >= len(blocked) / 2 > 0  # some edits share one hash
    assert run.blast.pictures.count == 0
