"""A trial's cell follows what was run: where the thing under trial changes, the cell changes."""

from dataclasses import replace
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from rich.console import Console

from softfall.compare.casts.cast import RECIPIENT
from softfall.compare.cells import Tone
from softfall.compare.console import draw_table
from softfall.compare.plan import Cheat
from softfall.compare.results import Outcome, TrialCell, TrialResult
from softfall.compare.trials import linking, senders, tolerance
from softfall.compare.trials.registry import TRIALS
from softfall.compare.trials.scene import Finding, Scene, Sending, Trial, play_all
from softfall.compare.trials.table import TITLE, trial_group
from softfall.device.options import OUTAGE
from softfall.errors import InputError
from softfall.media.pdq import PdqHash
from softfall.messaging.envelope import SUBMISSION as ASKED_ABOUT
from softfall.options.contract import Submission
from softfall.options.on_device.opening import submission as said
from softfall.options.split.wire import SUBMISSION
from softfall.provider.judge import _unjudged, decide
from softfall.provider.life import Actor
from softfall.provider.mail import Decision
from tests.compare.results_at_will import comparison, option_run
from tests.compare.staged import Stage, StagedParty, picture, scene
from tests.device.pictures import CHINA, FLOWER, jpeg
from tests.options.split.parties import Parties, flipped, random_hash

CAUGHT, ESCAPES = TrialResult.CAUGHT, TrialResult.ESCAPES
SEES, CANNOT = TrialResult.SEES, TrialResult.CANNOT


@pytest.mark.parametrize(
    ("outcome", "result", "who"),
    [
        (Outcome.QUARANTINED, CAUGHT, "recipient's app"),
        (Outcome.REFUSED, CAUGHT, "provider"),
        (Outcome.SHOWN, ESCAPES, ""),
    ],
)
def test_a_lie_that_is_shown_escapes_and_one_that_is_stopped_is_caught(
    tmp_path: Path, outcome: Outcome, result: TrialResult, who: str
):
    found = senders.lies(Cheat.OTHER, Cheat.WHOLE)(scene(tmp_path, outcome=outcome))
    assert (found.result, found.by_whom) == (result, who)
    assert len(found.evidence) == 2


OUTAGE_REASONS = [
    decide(cast(Any, SimpleNamespace(outage_rule="hold")), Submission(OUTAGE, 1, b""), Actor.JUDGE),
    _unjudged(Actor.JUDGE, "judging failed, 5 times"),
    _unjudged(Actor.RECOVERY, "unjudged after 3 restarts"),
]


@pytest.mark.parametrize("decision", OUTAGE_REASONS)
def test_a_lie_that_waits_for_a_custodian_out_of_reach_was_not_caught(
    tmp_path: Path, decision: Decision
):
    staged = scene(tmp_path, outcome=Outcome.HELD)
    assert senders.lies(Cheat.OUTAGE)(staged).result is CAUGHT
    waiting = tuple(s.model_copy(update={"reason": decision.why}) for s in staged.run.sent)
    staged.run = staged.run.model_copy(update={"sent": waiting})
    assert senders.lies(Cheat.OUTAGE)(staged).result is ESCAPES


def test_where_nothing_is_submitted_nobody_can_lie(tmp_path: Path):
    baseline = scene(tmp_path, "in_transit", submits=False)
    for play in (senders.lies(Cheat.JUNK), senders.lie_reported, tolerance.gain):
        assert play(baseline).result is TrialResult.NOT_APPLICABLE


def test_a_pair_that_is_stopped_did_not_escape(tmp_path: Path):
    assert senders.colluding(scene(tmp_path, outcome=Outcome.SHOWN)).result is ESCAPES
    assert senders.colluding(scene(tmp_path, outcome=Outcome.HELD)).result is CAUGHT


@pytest.mark.parametrize(("lost", "result"), [(0, ESCAPES), (1, CAUGHT)])
def test_an_encrypted_file_escapes_only_if_the_same_picture_comes_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: int, result: TrialResult
):
    monkeypatch.setattr(Scene, "say", lambda staged, role, to, texts: list(texts)[lost:])
    assert senders.pre_encrypted(scene(tmp_path)).result is result


def reporting(tmp_path: Path, proved: int, refused: str = "") -> Finding:
    staged = scene(tmp_path)
    answer = {"refused": refused, "accepted": 1, "lies_proved": proved}
    staged.cast.parties[RECIPIENT] = StagedParty(lambda *_: answer)  # type: ignore[assignment]
    return senders.lie_reported(staged)


def test_a_report_counts_only_what_the_provider_says_is_proved(tmp_path: Path):
    assert reporting(tmp_path, 1).result is CAUGHT
    assert reporting(tmp_path, 0).result is ESCAPES
    told = reporting(tmp_path, 0, "reported before")
    assert told.result is ESCAPES
    assert "reported before" in told.told


def split_bodies(*keys: bytes) -> list[bytes]:
    parties = Parties([])
    one, other = random_hash(1), random_hash(2)
    media = (one, one, flipped(one, [3, 4]), other)
    return [
        parties.send(each, parties.secret(key))[0].body
        for each, key in zip(media, keys, strict=True)
    ]


def test_equal_tags_are_seen_by_a_curious_provider(tmp_path: Path):
    staged = scene(tmp_path)
    Stage(staged).sent_four(split_bodies(*(bytes([n]) * 32 for n in range(4))), (90, 90, 80, 70))
    found = linking.by_submission(staged)
    assert found.result is SEES
    assert linking.by_size(staged).result is SEES


def test_tags_that_share_nothing_link_nothing(tmp_path: Path):
    """As if each picture were sent in an epoch of its own."""
    staged = scene(tmp_path)
    bodies = split_bodies(*(bytes([n]) * 32 for n in range(4)))
    fresh = [
        SUBMISSION.encode({**SUBMISSION.decode(body), "tags": np.random.default_rng(n).bytes(1024)})
        for n, body in enumerate(bodies)
    ]
    Stage(staged).sent_four(fresh, (90, 91, 92, 93))
    assert linking.by_submission(staged).result is CANNOT
    assert linking.by_size(staged).result is CANNOT


def test_one_constant_for_everybody_links_nothing_and_a_planted_leak_does(tmp_path: Path):
    nothing = said(1, 0, (), b"").body
    staged = scene(tmp_path / "constant", "on_device")
    Stage(staged).sent_four([nothing] * 4, (90, 90, 80, 90))
    found = linking.by_submission(staged)
    assert found.result is CANNOT
    assert "of 4 submissions in all, 4 are the very same bytes" in found.told
    leak = [said(1, 0, (), bits * 2).body for bits in (b"1" * 16, b"1" * 16, b"2" * 16, b"3" * 16)]
    staged = scene(tmp_path / "leaking", "on_device")
    Stage(staged).sent_four(leak, (90, 90, 80, 70))
    assert linking.by_submission(staged).result is SEES


def entries_handed_over(tmp_path: Path, *entries: tuple[int, ...]) -> Scene:
    """Three listed pictures that devices asked about first: candidates of these entries."""
    staged = scene(tmp_path, "on_device")
    listed = [picture("china", jpeg(CHINA), 0), picture("flower", jpeg(FLOWER), 0)]
    staged.conversation = replace(staged.conversation, pictures=tuple(listed))
    stage, path = Stage(staged), "/v1/options/on_device/clearance"
    waiting = list(enumerate(entries))

    def send(*_: Any) -> Sending:
        number, told = waiting.pop(0)
        body = said(1, 7, told, np.random.default_rng(number).bytes(400)).body
        asked = ASKED_ABOUT.encode({"option": "on_device", "epoch": 1, "body": body})
        stage.note("provider", "POST", path, asked, 10 * number + 5)
        return Sending(b"", "it is on the list", 10 * number, 10 * number + 9)

    staged.send = send  # type: ignore[method-assign]
    return staged


def test_entry_numbers_of_candidates_are_seen_by_a_curious_provider(tmp_path: Path):
    found = linking.by_candidate(entries_handed_over(tmp_path / "a", (70_001,), (70_001,), (5,)))
    assert found.result is SEES
    assert "3 of 3 were handed over to ask first" in found.told
    for number, told in enumerate((((1,), (2,), (3,)), ((1,), (1,), (1,)))):
        staged = entries_handed_over(tmp_path / f"{number}", *told)
        assert linking.by_candidate(staged).result is CANNOT


def test_one_listed_picture_alone_is_not_tried(tmp_path: Path):
    assert linking.by_candidate(scene(tmp_path)).result is TrialResult.NOT_RUN


def test_a_provider_that_reads_pictures_need_not_link_them(tmp_path: Path):
    run = option_run("in_transit")
    readable = tuple(
        each.model_copy(update={"pictures": 3, "texts": 2}) if each.role == "provider" else each
        for each in run.readable
    )
    blind = scene(tmp_path, "in_transit", submits=False)
    assert linking.by_submission(blind).result is CANNOT
    reading = scene(tmp_path, "in_transit", submits=False, readable=readable)
    found = linking.by_submission(reading)
    assert found.result is SEES
    assert "3 pictures" in found.told


def copy_at(distance_bits: int, margins: np.ndarray) -> tuple[PdqHash, PdqHash]:
    entry = random_hash(5)
    moved = flipped(entry, list(range(distance_bits)))
    return entry, PdqHash(moved.bits, moved.quality, margins.astype(np.float32))


def gained(distance_bits: int, margins: np.ndarray, option: str = "enclave") -> Finding:
    entry, copy = copy_at(distance_bits, margins)
    rows = np.frombuffer(entry.bits, np.uint8)[None, :]
    pictured = picture("china", jpeg(CHINA), distance_bits, "JPEG 60")
    finds = tolerance.finder(option, rows)
    return tolerance.measured([(pictured, copy)], finds, tolerance.recipient_of(option))


def test_a_moved_hash_gains_only_at_the_brink_and_only_where_bits_lie_at_the_median():
    far_off, one_at_the_median = np.full(256, 40.0), np.full(256, 40.0)
    one_at_the_median[200] = 0.1
    assert gained(31, one_at_the_median).result is ESCAPES
    assert gained(30, one_at_the_median).result is CAUGHT
    assert gained(31, far_off).result is CAUGHT
    assert "gains 1 of 1" in gained(31, one_at_the_median).told


def test_a_copy_that_an_option_misses_anyhow_is_no_gain():
    _, copy = copy_at(31, np.zeros(256))
    pictured = picture("china", jpeg(CHINA), 31, "JPEG 60")
    accepts = tolerance.recipient_of("enclave")
    found = tolerance.measured([(pictured, copy)], lambda hashed: False, accepts)
    assert found.result is CAUGHT
    assert "0 are found from an honest sender" in found.told


def test_moves_are_what_the_recipients_rule_accepts():
    margins = np.full(256, 40.0)
    margins[:6] = 0.2
    _, copy = copy_at(5, margins)
    accepts = tolerance.recipient_of("enclave")
    moved = list(tolerance.moves(copy))
    assert len(moved) == 6 + 15 + 20 + 15
    assert all(accepts(copy, each.bits) for each in moved)
    assert not accepts(copy, flipped(copy, [200]).bits)


def test_the_fast_finder_finds_what_comparing_every_piece_finds():
    entries = [random_hash(seed) for seed in range(40)]
    rows = np.frombuffer(b"".join(e.bits for e in entries), np.uint8).reshape(-1, 32)
    for option, parameters in tolerance.TAGS.items():
        finds = tolerance.finder(option, rows)
        for count in (0, 6, 20, 31):
            asked = flipped(entries[7], np.argsort(entries[7].margins)[:count].tolist())
            slow = naive_hits(asked, entries[7], parameters) >= parameters.hits
            assert finds(asked) is slow, (option, count)


def naive_hits(asked: PdqHash, entry: PdqHash, parameters: Any) -> int:
    from softfall.options.tags.pieces import oprf_inputs, probe_masks

    masks = probe_masks(asked.margins, parameters)
    asked_for = oprf_inputs("split", asked.bits, masks, parameters)
    plain = oprf_inputs("split", entry.bits, [[0]] * parameters.tables, parameters)
    probes = parameters.probes
    return sum(plain[t] in asked_for[t * probes : (t + 1) * probes] for t in range(len(plain)))


class TheLightWentOut(InputError):
    remedy = "Light it."


def test_a_trial_that_fails_says_not_run_and_why(tmp_path: Path):
    def fails(staged: Scene) -> Finding:
        raise TheLightWentOut("no light")

    (cell,) = play_all(scene(tmp_path), [Trial("dark", "?", "", fails)], lambda done, of: None)
    assert cell.result is TrialResult.NOT_RUN
    assert cell.told == "TheLightWentOut: no light"


def test_a_trial_that_breaks_costs_its_own_cell_alone(tmp_path: Path):
    def breaks(staged: Scene) -> Finding:
        raise KeyError("lamp")

    def works(staged: Scene) -> Finding:
        return Finding(CANNOT, "dark")

    trials = [Trial("broken", "?", "", breaks), Trial("whole", "?", "", works)]
    first, second = play_all(scene(tmp_path), trials, lambda done, of: None)
    assert (first.result, second.result) == (TrialResult.NOT_RUN, CANNOT)
    assert "KeyError('lamp')" in first.told


def test_the_table_says_what_the_trials_told_and_not_run_where_none_was():
    first = TRIALS[0]
    tried = TrialCell(
        trial=first.name, result=SEES, told="5 of 6 seen", by_whom="provider", figure="5 of 6"
    )
    group = trial_group(comparison(option_run("one", trials=(tried,)), option_run("two")))
    assert group.title == TITLE
    assert len(group.rows) == len({trial.name for trial in TRIALS}) == len(TRIALS)
    one, two = group.rows[0].cells
    assert (one.text, one.note, one.tone) == ("sees", "by provider: 5 of 6 seen", Tone.BAD)
    console = Console(width=200, record=True, file=StringIO())
    made = comparison(option_run("one", trials=(tried,)))
    console.print(draw_table(made, [trial_group(made)]))
    printed = console.export_text()
    assert "5 of 6" in printed
    assert "by provider" not in printed
    assert two.text == "not run"
