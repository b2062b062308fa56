"""Videos of every kind: the frames that are hashed, how near the reference, what is refused."""

import io
import itertools
import resource
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pdqhash
import pytest

from softfall.config import MediaLimits
from softfall.media import video_reading
from softfall.media.video import FrameHash, VideoHashes, hash_video, read
from softfall.media.video_formats import VideoTooLarge, video_format
from softfall.media.video_planes import plane_of, plane_pdq
from softfall.media.video_reading import (
    BrokenVideo,
    NoVideoTrack,
    UnsupportedVideo,
    open_video,
)
from tests.media.video_files import (
    every_frame,
    footage,
    scenes,
    shown,
    sound_only,
    video,
    with_index_first,
)

LIMITS = MediaLimits()
MOST_BITS = 8
SECOND = 25


def hashed(data: bytes, **options: object) -> VideoHashes:
    return hash_video(io.BytesIO(data), LIMITS, **options)  # type: ignore[arg-type]


def reference(frame: av.VideoFrame) -> tuple[bytes, int]:
    """What vpdq does: the whole frame as RGB, and the reference's PDQ of it."""
    bits, quality = pdqhash.compute(frame.to_ndarray(format="rgb24"))
    return np.packbits(bits.astype(np.uint8)).tobytes(), int(quality)


def apart_bits(first: bytes, second: bytes) -> int:
    return (int.from_bytes(first, "big") ^ int.from_bytes(second, "big")).bit_count()


@pytest.mark.parametrize("name", ["bikes", "bigbuckbunny", "carphone_pristine"])
def test_real_footage_has_vpdqs_frames_and_hashes_within_8_bits(name: str) -> None:
    data = footage()[name].read_bytes()
    found, frames = hashed(data), every_frame(data)
    every = int(found.track.frame_rate or 0)
    assert [frame.number for frame in found.frames] == list(range(0, len(frames), every))
    assert found.frames_seen == len(frames)
    assert (found.coverage, found.damage) == (1.0, ())
    for frame in found.frames:
        bits, quality = reference(frames[frame.number])
        assert apart_bits(frame.bits, bits) <= MOST_BITS
        assert abs(frame.quality - quality) <= 2
        assert frame.at_ms == pytest.approx(1000 * frame.number / found.track.frame_rate, abs=1)


@pytest.mark.parametrize(
    ("codec", "kind", "pix_fmt"),
    [
        ("libx264", "mp4", "yuv420p"),
        ("libx264", "matroska", "yuv444p"),
        ("libx264", "mov", "yuv420p10le"),
        ("libx264rgb", "matroska", "rgb24"),
        ("libx265", "mp4", "yuv420p"),
        ("mpeg2video", "mpegts", "yuv420p"),
        ("mpeg4", "avi", "yuv420p"),
        ("libvpx-vp9", "webm", "yuv420p"),
        ("mjpeg", "avi", "yuvj420p"),
        ("png", "mov", "rgb24"),
    ],
)
def test_each_codec_and_layout_of_planes_is_hashed_as_its_rgb_picture(
    codec: str, kind: str, pix_fmt: str
) -> None:
    if codec not in av.codecs_available:
        pytest.skip(f"this FFmpeg has no {codec}")
    data = video(shown(scenes(2), 6), rate=5, codec=codec, kind=kind, pix_fmt=pix_fmt, options={})
    found, frames = hashed(data), every_frame(data)
    assert len(found.frames) == 3
    for frame in found.frames:
        bits, quality = reference(frames[frame.number])
        assert apart_bits(frame.bits, bits) <= MOST_BITS
        assert abs(frame.quality - quality) <= 3


@pytest.mark.parametrize("full_range", [False, True])
def test_video_of_either_range_has_the_quality_of_its_rgb_picture(full_range: bool) -> None:
    dim = [(picture // 6 + 100).astype(np.uint8) for picture in scenes(4)]
    data = video(shown(dim, 5), rate=5, full_range=full_range, pix_fmt="yuv420p")
    frames, limited = every_frame(data), []
    for frame in frames[::5]:
        plane = plane_of(frame)
        limited.append(plane.limited)
        _, quality = reference(frame)
        assert abs(plane_pdq(plane).quality - quality) <= 3
    assert limited == [not full_range] * 4


def test_frames_that_are_passed_over_undecoded_change_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options = {"g": "60", "bf": "3", "b_strategy": "0"}
    data = video(shown(scenes(5), SECOND), options=options)
    quick = hashed(data, period_ms=400)
    decoded = decoded_frames(data)
    monkeypatch.setattr(video_reading.Reading, "_is_spare", lambda *_: False)
    assert hashed(data, period_ms=400) == quick
    assert decoded < 0.8 * decoded_frames(data)


def decoded_frames(data: bytes) -> int:
    """How many frames come out of the decoder while a video is read."""
    taken = 0
    with pytest.MonkeyPatch.context() as patch, open_video(io.BytesIO(data), LIMITS) as reading:
        plain = reading._decoded

        def counting(packet: av.Packet) -> list[av.VideoFrame]:
            nonlocal taken
            frames = plain(packet)
            taken += len(frames)
            return frames

        patch.setattr(reading, "_decoded", counting)
        list(read(reading))
    return taken


def taken_ms(data: bytes, **options: object) -> list[float]:
    """When each frame is shown that was taken, hashed or unhashable."""
    found = hashed(data, **options)
    return sorted(frame.at_ms for frame in (*found.frames, *found.unhashable))


def test_a_variable_frame_rate_goes_by_time_stamps() -> None:
    steps_ms = [20] * 50 + [700] * 8 + [20] * 50  # a second, six of slow change, and one more
    times_ms = [sum(steps_ms[:n]) for n in range(len(steps_ms))]
    data = video(shown(scenes(6), 18), kind="matroska", times_ms=times_ms, options={"bf": "2"})
    taken = taken_ms(data)
    assert {round(at) for at in taken} <= set(times_ms)
    for before, after in itertools.pairwise(taken):
        assert after - before >= 500
        assert all(at - before < 1500 for at in times_ms if before < at < after)
    assert hashed(data).coverage == 1.0


def test_a_wrong_frame_rate_in_the_file_is_corrected_by_time_stamps() -> None:
    times_ms = [*range(0, 300, 10), *range(400, 20_000, 400)]
    data = video(shown(scenes(len(times_ms)), 1), kind="matroska", times_ms=times_ms)
    assert (hashed(data).track.frame_rate or 0) > 3  # of what is truly two or three a second
    gaps_ms = np.diff(taken_ms(data))
    assert gaps_ms.max() < 1500 + 400


def test_key_frames_alone_say_what_they_cover() -> None:
    data = video(shown(scenes(8), SECOND), options={"g": "100", "sc_threshold": "0"})
    every, keys = hashed(data), hashed(data, mode="keyframes")
    assert [frame.number for frame in keys.frames] == [0, 100]
    assert keys.frames[0] == every.frames[0]
    assert every.coverage == 1.0
    assert keys.coverage == pytest.approx(3 / 8, abs=0.02)
    assert keys.longest_gap_ms == pytest.approx(4000)
    assert every.longest_gap_ms == pytest.approx(1000)
    assert keys.frames_seen == every.frames_seen == 200


def test_a_file_that_is_cut_short_is_hashed_as_far_as_it_goes_and_says_so() -> None:
    data = with_index_first(video(shown(scenes(8), SECOND), options={"g": "25"}))
    whole, cut = hashed(data), hashed(data[: len(data) // 2])
    assert 1 <= len(cut.frames) < len(whole.frames)
    assert cut.frames == whole.frames[: len(cut.frames)]
    assert cut.coverage < 0.9
    assert any("it ends at" in sentence for sentence in cut.damage)


@pytest.mark.parametrize("kind", ["mpegts", "matroska", "avi"])
def test_garbage_in_the_middle_is_passed_over_and_said(kind: str) -> None:
    codec = "mpeg4" if kind == "avi" else "libx264"
    data = video(shown(scenes(8), SECOND), kind=kind, codec=codec, options={"g": "25"})
    middle, rng = len(data) // 2, np.random.default_rng(3)
    broken = bytearray(data)
    broken[middle : middle + len(data) // 8] = rng.bytes(len(data) // 8)
    found = hashed(bytes(broken))
    assert found.damage or found.longest_gap_ms > 1500  # containers lose parts without a trace
    sound = {frame.bits for frame in hashed(data).frames}
    assert found.frames[0].bits in sound
    assert len(sound & {frame.bits for frame in found.frames}) >= 3


def test_a_turn_in_the_metadata_is_not_applied_as_vpdq_does_not() -> None:
    data = video(shown(scenes(1), SECOND))
    turned = bytearray(data)
    matrix = data.index(b"tkhd") + 4 + 4 + 20 + 8 + 8
    quarter = [0, 0x10000, 0, 0xFFFF0000, 0, 0, 0, 0, 0x40000000]
    turned[matrix : matrix + 36] = b"".join(n.to_bytes(4, "big") for n in quarter)
    assert turned != data
    assert hashed(bytes(turned)).frames == hashed(data).frames


def test_a_flat_frame_is_named_with_its_reason() -> None:
    flat = [np.full((240, 320, 3), 90, np.uint8)] * 10
    found = hashed(video([*flat, *shown(scenes(1), 10)], rate=5))
    assert [frame.reason for frame in found.unhashable] == ["flat", "flat"]
    assert [frame.number for frame in found.frames] == [10, 15]
    assert found.coverage == 1.0


@pytest.mark.parametrize("kind", ["mp4", "matroska", "mpegts"])
def test_sound_without_pictures_is_no_video(kind: str) -> None:
    with pytest.raises(NoVideoTrack):
        hashed(sound_only(kind))


def test_a_video_whose_content_is_gone_is_refused() -> None:
    data = with_index_first(video(shown(scenes(1), 10)))
    with pytest.raises(BrokenVideo):
        hashed(data[: data.index(b"mdat") + 4])


@pytest.mark.parametrize("kept_bytes", [40, 2000, 6000])
def test_a_video_that_was_cut_short_is_not_told_to_be_of_another_kind(kept_bytes: int) -> None:
    data = video(shown(scenes(2), 10))  # its index stands at the end
    assert len(data) > 6000
    with pytest.raises(BrokenVideo, match="cut short"):
        hashed(data[:kept_bytes])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no video at all",
        b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/hostname\n",
        b"ffconcat version 1.0\nfile /etc/hostname\n",
    ],
)
def test_what_is_no_video_is_refused_by_name(data: bytes) -> None:
    with pytest.raises(UnsupportedVideo):
        hashed(data)


@pytest.mark.parametrize(
    "data",
    [
        b"\x1a\x45\xdf\xa3" + bytes(4000),
        b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2" + bytes(100),
        b"G" + bytes(187) + b"G" + bytes(187),
    ],
)
def test_what_only_begins_as_a_video_is_refused_by_name(data: bytes) -> None:
    with pytest.raises((BrokenVideo, NoVideoTrack)):
        hashed(data)


def test_a_playlist_opens_no_other_file(tmp_path: Path) -> None:
    clip = tmp_path / "clip.ts"
    clip.write_bytes(video(shown(scenes(1), 10), kind="mpegts"))
    for words in (
        f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{clip}\n#EXT-X-ENDLIST\n",
        f"ffconcat version 1.0\nfile {clip}\n",
    ):
        with pytest.raises(UnsupportedVideo):
            hashed(words.encode())


def test_frames_over_the_limit_are_refused_before_one_is_decoded() -> None:
    data = video(shown(scenes(1), 5))
    small = LIMITS.model_copy(update={"max_video_pixels": 320 * 240 - 1})
    with pytest.raises(VideoTooLarge, match="max_video_pixels"):
        hash_video(io.BytesIO(data), small)


def test_a_video_over_the_length_is_refused_and_a_stream_is_not() -> None:
    data = video(shown(scenes(3), 10), rate=5, kind="mpegts")
    short = LIMITS.model_copy(update={"max_video_seconds": 2})
    with pytest.raises(VideoTooLarge, match="max_video_seconds"):
        hash_video(io.BytesIO(data), short)
    with open_video(io.BytesIO(data), short, endless=True) as reading:
        assert len(list(read(reading))) == 6


def test_hostile_bytes_end_in_a_result_or_in_a_named_error() -> None:
    data = with_index_first(video(shown(scenes(2), 10)))
    for seed in range(60):
        rng = np.random.default_rng(seed)
        broken = bytearray(data)
        for at in rng.integers(0, len(data) if seed % 2 else 900, 1 + seed % 12):
            broken[at] = rng.integers(256)
        try:
            assert isinstance(hashed(bytes(broken)), VideoHashes)
        except (BrokenVideo, NoVideoTrack, UnsupportedVideo, VideoTooLarge):
            continue


def test_memory_does_not_grow_with_the_length() -> None:
    pictures = scenes(3, 640, 480)
    clip = video(shown(pictures, 40), kind="mpegts", options={"g": "40", "preset": "ultrafast"})

    def pass_over(times: int) -> int:
        with open_video(io.BytesIO(clip * times), LIMITS, period_ms=40, endless=True) as reading:
            count = sum(isinstance(frame, FrameHash) for frame in read(reading))
        assert count >= 100 * times
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    pass_over(2)
    before_kib = pass_over(2)
    grown_kib = pass_over(12) - before_kib
    assert grown_kib < 4096 + 12 * len(clip) / 1024  # the bytes themselves lie in memory here


def test_formats_are_told_by_content() -> None:
    frames = list(shown(scenes(1), 5))
    for kind, name in [
        ("mp4", "mp4"),
        ("mov", "mp4"),
        ("matroska", "matroska"),
        ("webm", "matroska"),
        ("mpegts", "mpegts"),
        ("avi", "avi"),
        ("flv", "flv"),
    ]:
        codec = {"webm": "libvpx", "avi": "mpeg4", "flv": "flv"}.get(kind, "libx264")
        data = video(frames, kind=kind, codec=codec, options={})
        assert video_format(data[:1024]) == name
        assert hashed(data).track.format == name
    for other in (b"", b"\xff\xd8\xff\xe0", b"\x00\x00\x00\x18ftypheic", b"RIFF\0\0\0\0WEBP"):
        assert video_format(other) is None


def test_the_frame_rate_may_be_any_fraction() -> None:
    data = video(shown(scenes(3), 30), rate=Fraction(30000, 1001), kind="matroska")
    assert [frame.number for frame in hashed(data).frames] == [0, 29, 58, 87]
