"""A clip past options, whole and live: what is planned, and what real processes make of it."""

import io
from pathlib import Path

import pytest

from softfall.cli.compare import VideoOptions
from softfall.cli.compare import compare as compare_verb
from softfall.compare.camera import record
from softfall.compare.film_plan import LIVE_PART_MS, ClipNotListed, FilmKind, plan_films
from softfall.compare.film_results import FilmComparison
from softfall.compare.film_table import make_film_table, print_films
from softfall.compare.films import AskedFilms, compare_films
from softfall.compare.results import Outcome
from softfall.config import MediaLimits
from softfall.media.cutting import cut
from softfall.media.video import hash_video
from softfall.options.framed import MAX_FRAMES
from tests.media.video_files import footage, scenes, shown, video

LIMITS = MediaLimits()
RATE = 5


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six unlike pictures, a second each."""
    path = tmp_path_factory.mktemp("clip") / "six.mp4"
    path.write_bytes(video(shown(scenes(6), RATE), rate=RATE))
    return path


@pytest.fixture(scope="module")
def found(clip: Path) -> FilmComparison:
    """One run with real processes: a baseline, and an option whose provider decides."""
    options = ("in_transit", "enclave")
    asked = AskedFilms(clip=clip, options=options, random_count=50, live=True)
    return compare_films(asked, lambda step, done, total: None)


def test_without_a_list_one_frame_of_the_clip_is_listed_and_the_control_is_not(clip: Path) -> None:
    plan = plan_films(clip, None, 20, 1, live=True)
    kinds = [message.kind for message in plan.messages]
    assert kinds == [FilmKind.CLIP, FilmKind.CONTROL]
    assert [message.listed for message in plan.messages] == [1, 0]
    assert plan.messages[0].listed_ms == pytest.approx(3000, abs=1)
    assert [part.listed for part in plan.live] == [0, 1, 0]
    assert [part.start_ms for part in plan.live] == pytest.approx([0, 2000, 4000], abs=1)
    again = plan_films(clip, None, 20, 1, live=True)
    assert again.known == plan.known


def test_a_clip_with_too_many_frames_is_sent_in_parts(tmp_path: Path) -> None:
    path = tmp_path / "long.mp4"
    pictures = scenes(MAX_FRAMES + 4, 128, 96)
    path.write_bytes(video(pictures, rate=1, options={"g": "8"}))
    plan = plan_films(path, None, 0, 1, live=False)
    clips = [message for message in plan.messages if message.kind is FilmKind.CLIP]
    assert len(clips) > 1
    assert sum(message.seen for message in clips) == len(pictures)
    assert sum(message.listed for message in clips) == 1


def test_a_clip_of_which_nothing_is_listed_is_refused(clip: Path, tmp_path: Path) -> None:
    strange = tmp_path / "list.txt"
    strange.write_text("f0" * 32 + "\n", "ascii")
    with pytest.raises(ClipNotListed):
        plan_films(clip, strange, 0, 1, live=False)


def test_the_camera_keeps_every_picture_and_its_pace() -> None:
    source = footage()["carphone_pristine"].read_bytes()
    filmed = record(source, LIMITS, LIVE_PART_MS, mirrored=False)
    told, was = (hash_video(io.BytesIO(data), LIMITS) for data in (filmed, source))
    assert told.frames_seen == was.frames_seen
    assert told.duration_ms == pytest.approx(was.duration_ms, abs=50)
    for ours, theirs in zip(told.frames, was.frames, strict=True):
        apart = int(ours.hex, 16) ^ int(theirs.hex, 16)
        assert apart.bit_count() <= 31, "the listed moment is still recognised"
    assert len(list(cut(io.BytesIO(filmed), LIMITS, LIVE_PART_MS))) == 2


def test_the_clip_is_stopped_and_the_control_is_shown(found: FilmComparison) -> None:
    assert [run.name for run in found.options] == ["in_transit", "enclave"]
    for run in found.options:
        assert [sent.outcome for sent in run.sent] == [Outcome.HELD, Outcome.SHOWN]
    assert found.sound, "every received byte is declared"


def test_a_live_stream_is_stopped_while_it_runs(found: FilmComparison) -> None:
    baseline, enclave = found.options
    ends = [sent.outcome for sent in enclave.live]
    assert ends == [Outcome.SHOWN, Outcome.HELD, Outcome.HELD]
    assert [sent.outcome for sent in baseline.live] == [Outcome.SHOWN, Outcome.HELD, Outcome.SHOWN]
    for run in found.options:
        after_ms = run.live[1].stopped_after_ms
        assert after_ms is not None
        assert after_ms > 1000, "it is the second picture of a part of two seconds"


def test_the_table_says_what_was_found(
    found: FilmComparison, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = {row.question: row for group in make_film_table(found) for row in group.rows}
    stopped = rows["Videos with a listed frame, stopped"]
    assert [cell.text for cell in stopped.cells] == ["1 of 1"] * 2
    held = rows["Parts from the listed moment on, held"]
    assert [cell.text for cell in held.cells] == ["1 of 2", "2 of 2"]
    from rich.console import Console

    print_films(found, Console(width=120))
    assert "The live stream, while it ran" in capsys.readouterr().out
    assert FilmComparison.model_validate_json(found.model_dump_json()) == found


def test_options_that_need_a_clip_are_refused_without_one(tmp_path: Path, clip: Path) -> None:
    with pytest.raises(VideoOptions):
        compare_verb(live=True)
    with pytest.raises(VideoOptions):
        compare_verb(video=clip, html=tmp_path / "out.html")
