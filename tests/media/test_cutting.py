"""Cutting a video: every frame is in one part, each part opens by itself, in order."""

import io

import pytest

from softfall.config import MediaLimits
from softfall.media.cutting import cut
from softfall.media.video import hash_video
from softfall.media.video_reading import UnsupportedVideo
from tests.media.video_files import footage, scenes, shown, video

LIMITS = MediaLimits()
RATE = 10


@pytest.mark.parametrize(("kind", "codec"), [("mp4", "libx264"), ("matroska", "libvpx")])
def test_the_parts_hold_every_frame_and_begin_with_key_frames(kind: str, codec: str) -> None:
    clip = video(shown(scenes(4), RATE), rate=RATE, kind=kind, codec=codec, options={"g": "10"})
    parts = list(cut(io.BytesIO(clip), LIMITS, 1000))
    hashed = [hash_video(io.BytesIO(part.data), LIMITS) for part in parts]
    assert [part.start_ms for part in parts] == pytest.approx([0, 1000, 2000, 3000], abs=1)
    assert [each.frames_seen for each in hashed] == [RATE] * 4
    assert [each.damage for each in hashed] == [()] * 4
    whole = hash_video(io.BytesIO(clip), LIMITS)
    assert [each.frames[0].bits for each in hashed] == [frame.bits for frame in whole.frames]


def test_real_footage_is_cut_where_it_has_key_frames() -> None:
    clip = footage()["bikes"].read_bytes()
    parts = list(cut(io.BytesIO(clip), LIMITS, 2000))
    frames = [hash_video(io.BytesIO(part.data), LIMITS).frames_seen for part in parts]
    assert len(parts) > 1
    assert sum(frames) == hash_video(io.BytesIO(clip), LIMITS).frames_seen


def test_a_video_without_key_frames_on_the_way_stays_whole() -> None:
    clip = footage()["carphone_pristine"].read_bytes()
    (only,) = cut(io.BytesIO(clip), LIMITS, 1000)
    assert only.start_ms == 0


def test_what_is_no_video_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedVideo):
        list(cut(io.BytesIO(b"no video at all"), LIMITS, 1000))
