"""Reading a clip: time stamps, rotation, and each broken file with its code."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest

from shared.errors import (
    ClipNoVideo,
    ClipRefused,
    ClipSlowMotion,
    ClipTooDemanding,
    ClipTooLong,
    ClipTooShort,
)
from tests.clips import SAMPLES, ClipSpec, Encoding, Sound, broken
from worker.pipeline.extract.decode import FILMED_FPS, Watcher, decode, fit, frames_of, opened
from worker.pipeline.run import analyze

CODES = {
    "zero_bytes.mp4": {"clip_unreadable"},
    "text_named.mp4": {"clip_unreadable"},
    "picture_named.mp4": {"clip_unreadable"},
    "random_bytes.mp4": {"clip_unreadable"},
    "header_only.mp4": {"clip_unreadable"},
    "truncated.mp4": {"clip_unreadable"},
    "huge_frames.avi": {"clip_too_demanding", "clip_unreadable"},  # FFmpeg may refuse first
    "endless_duration.mp4": {"clip_too_long"},
    "one_frame.mp4": {"clip_too_short"},
    "audio_only.mp4": {"clip_no_video"},
    # FFmpeg itself stops at 1 000 streams
    "many_streams.mp4": {"clip_too_demanding", "clip_unreadable"},
}


SHORT = replace(SAMPLES["no_sound"], duration_s=2.2)
SHORT_WITH_SOUND = replace(SAMPLES["silent_track"], duration_s=2.2, sound=Sound())


def read(path):
    return decode(path, on_progress=lambda fraction: None)


@pytest.mark.parametrize("name", sorted(CODES))
def test_a_broken_file_ends_in_its_code(name, tmp_path):
    broken.BROKEN[name](tmp_path / name)
    with pytest.raises(ClipRefused) as refused:
        read(tmp_path / name)
    assert refused.value.code in CODES[name]


@pytest.mark.parametrize("name", ["truncated.avi", "corrupt_packets.mp4"])
def test_a_partly_corrupt_clip_yields_what_is_readable(name, tmp_path):
    broken.BROKEN[name](tmp_path / name)
    decoded = read(tmp_path / name)
    assert decoded.media.duration_s >= 2
    assert len(decoded.pictures) >= 4


READABLE = {
    "truncated.avi", "corrupt_packets.mp4", "huge_dimensions.mp4", "one_fps.mp4", "very_fast.mp4",
}  # fmt: skip


def test_every_file_of_the_corpus_is_either_refused_or_readable():
    assert READABLE | set(CODES) == set(broken.BROKEN)


@pytest.mark.parametrize("name", sorted(READABLE))
def test_what_is_readable_of_a_bad_file_is_assessed(name, tmp_path, without_weights):
    broken.BROKEN[name](tmp_path / name)
    said = analyze(tmp_path / name, species="dog", models=without_weights).as_json()
    assert json.dumps(said, allow_nan=False)
    assert said["quality"]["frames"] >= 4


def test_a_header_that_lies_about_the_size_is_not_believed(tmp_path):
    broken.BROKEN["huge_dimensions.mp4"](tmp_path / "clip.mp4")
    assert read(tmp_path / "clip.mp4").pictures.shape[1:3] == (120, 160)


def test_a_stream_that_came_up_on_the_way_is_no_error_at_the_end(clip):
    class LateStream:
        """PyAV 18 at the end of an MPEG-TS whose sound begins after what was probed."""

        def demux(self, streams):
            yield from film.demux(streams)
            raise IndexError("list index out of range")

    with opened(clip(SHORT)[0]) as film:
        found = list(frames_of(LateStream(), film.streams.video[0], None))
    assert len(found) == 66
    assert None not in found


def test_a_missing_file_is_unreadable(tmp_path):
    with pytest.raises(ClipRefused) as refused:
        read(tmp_path / "nothing.mp4")
    assert refused.value.code == "clip_unreadable"


def test_a_playlist_that_points_at_another_file_is_not_followed(clip, tmp_path):
    path, _ = clip(SHORT)
    playlist = tmp_path / "list.mp4"
    playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{path}\n#EXT-X-ENDLIST\n")
    with pytest.raises(ClipRefused):
        read(playlist)


@pytest.mark.parametrize(
    ("name", "error"),
    [("no_video", ClipNoVideo), ("too_short", ClipTooShort), ("too_long", ClipTooLong)],
)
def test_a_clip_outside_the_limits_is_refused_with_its_code(name, error, clip):
    with pytest.raises(error):
        read(clip(name)[0])


def test_the_decoded_time_stamps_are_believed_over_the_header():
    watcher = Watcher()
    frame = av.VideoFrame.from_ndarray(np.zeros((18, 32, 3), np.uint8), format="rgb24")
    frame.time_base = 1
    for frame.pts in range(0, 60, 5):
        watcher.watch(frame)
    frame.pts = 65
    with pytest.raises(ClipTooLong):
        watcher.watch(frame)


def test_a_clip_of_240_frames_a_second_may_be_as_long_as_any_other():
    watcher = Watcher()
    frame = av.VideoFrame.from_ndarray(np.zeros((18, 32, 3), np.uint8), format="rgb24")
    frame.time_base = Fraction(1, 240)
    for frame.pts in range(round(60.4 * 240)):
        watcher.watch(frame)
    assert watcher.duration_s == pytest.approx(60.4)


def test_a_clip_that_is_short_by_a_frame_is_not_said_to_be_long_enough(clip):
    with pytest.raises(ClipTooShort, match=r"1\.9 s"):
        read(clip(replace(SHORT, duration_s=1.97, fps=30.0))[0])


@pytest.mark.parametrize(("width", "height"), [(320, 8), (8, 320), (32, 18)])
def test_a_strip_of_a_picture_is_assessed(width, height, clip, without_weights):
    path, _ = clip(replace(SHORT, width=width, height=height, animal=None))
    assert analyze(path, species="dog", models=without_weights).quality.frames >= 4


def test_a_frame_of_more_pixels_than_4096_by_4096_is_too_demanding():
    frame = av.VideoFrame(5000, 4000, "gray")
    frame.pts, frame.time_base = 0, 1
    with pytest.raises(ClipTooDemanding, match="5000 x 4000"):
        Watcher().watch(frame)


@pytest.mark.parametrize("name", ["no_sound", "irregular", "fast_120_fps", "slow_5_fps"])
def test_pictures_come_every_half_second_by_time_stamps(name, clip):
    path, truth = clip(replace(SAMPLES[name], duration_s=3.0))
    decoded = read(path)
    wanted = np.arange(0, truth.times_s[-1] + 1e-6, 0.5)
    late = decoded.picture_times_s[: len(wanted)] - wanted
    longest_gap = np.diff(truth.times_s).max()
    assert len(decoded.pictures) == len(wanted)
    assert np.all((late >= -1e-3) & (late <= longest_gap + 1e-3))


@pytest.mark.parametrize(
    ("name", "low", "high"), [("no_sound", 29, 31), ("fast_120_fps", 25, 31), ("slow_5_fps", 4, 6)]
)
def test_the_motion_stream_keeps_at_most_30_pictures_a_second(name, low, high, clip):
    decoded = read(clip(replace(SAMPLES[name], duration_s=3.0))[0])
    assert low <= len(decoded.grey) / decoded.media.duration_s <= high


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_rotation_is_honoured(rotation, clip):
    upright = ClipSpec(seed=5, duration_s=2.2, width=160, height=120)
    turned = ClipSpec(
        seed=5, duration_s=2.2, width=160, height=120, encoding=Encoding(rotation_deg=rotation)
    )
    expected, found = read(clip(upright)[0]), read(clip(turned)[0])
    assert found.pictures.shape == expected.pictures.shape
    difference = np.abs(found.pictures[0].astype(int) - expected.pictures[0]).mean()
    assert difference < 4  # grey levels; the codec sees the turned picture


@pytest.mark.parametrize("name", ["hevc_mov", "mpeg4_avi", "mkv", "odd_size"])
def test_codecs_containers_and_odd_sizes_are_read(name, clip):
    spec = replace(SAMPLES[name], duration_s=2.2)
    decoded = read(clip(spec)[0])
    assert decoded.media.duration_s == pytest.approx(spec.duration_s, abs=0.05)
    assert abs(decoded.media.width - spec.width) <= 1
    assert decoded.media.decode_errors == 0


def test_sound_starts_with_the_first_picture_and_ends_with_the_last(clip):
    decoded = read(clip(SHORT_WITH_SOUND)[0])
    assert decoded.sound is not None
    assert len(decoded.sound.at_16k) == pytest.approx(16_000 * decoded.media.duration_s, rel=0.02)
    assert decoded.sound.rate_hz == 48_000


def test_a_clip_without_a_sound_track_has_no_sound(clip):
    assert read(clip(SHORT)[0]).sound is None


def test_a_still_in_front_of_the_film_is_not_taken_for_it(tmp_path):
    write_streams(tmp_path / "c.mp4", pictures=(1, 66))
    assert read(tmp_path / "c.mp4").media.frames == 66


def test_an_image_sequence_is_read_behind_its_cover(tmp_path):
    path = tmp_path / "c.avif"
    with ThreadPoolExecutor(1) as alone:  # SVT-AV1 makes root's thread that starts it real-time
        alone.submit(write_sequence, path).result()
    assert read(path).media.frames == 22


def write_sequence(path):
    with av.open(str(path), "w", format="avif") as container:
        stream = container.add_stream("libsvtav1", rate=10, options={"preset": "12"})
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for pts in range(22):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 9 * pts, np.uint8))
            mux(container, stream, frame, pts, 10)
        container.mux(stream.encode(None))


def test_sound_that_goes_on_behind_the_pictures_does_not_make_the_clip_too_long(tmp_path):
    write_streams(tmp_path / "c.mp4", pictures=(66,), sound_s=62)
    decoded = read(tmp_path / "c.mp4")
    assert decoded.media.duration_s == pytest.approx(2.2, abs=0.01)
    assert len(decoded.sound.native) == pytest.approx(2.2 * 8000, abs=10)


def test_a_sound_track_that_nobody_can_decode_is_passed_over(tmp_path):
    path = tmp_path / "c.mp4"
    write_streams(path, pictures=(66,), sound_s=2, tracks=2)
    unknown_sound(path)
    decoded = read(path)
    assert decoded.media.decode_errors == 0
    assert decoded.media.audio_codec == "aac"


def test_a_clip_whose_only_sound_track_nobody_can_decode_is_read_to_its_end(tmp_path):
    path = tmp_path / "c.mp4"
    write_streams(path, pictures=(900,), sound_s=30, rate_hz=44_100)  # over 1 000 packets
    unknown_sound(path)
    decoded = read(path)
    assert decoded.media.duration_s == pytest.approx(30, abs=0.1)
    assert decoded.sound is None


@pytest.mark.parametrize("told", ["240.0", "120"])
def test_slow_motion_that_says_so_is_refused(tmp_path, told):
    path = tmp_path / "slow.mp4"
    write_streams(path, pictures=[90], tags={FILMED_FPS: told})
    with pytest.raises(ClipSlowMotion):
        read(path)


@pytest.mark.parametrize("told", ["30.0", "60", "many"])
def test_a_camera_that_announced_more_than_it_wrote_is_none(tmp_path, told):
    path = tmp_path / "dark.mp4"
    write_streams(path, pictures=[90], tags={FILMED_FPS: told})
    assert read(path).media.duration_s == pytest.approx(3, abs=0.1)


def write_streams(path, *, pictures, sound_s=0.0, tracks=1, rate_hz=8000, tags=None):
    """Write a picture stream of so many frames each, and so many silent sound tracks."""
    with av.open(str(path), "w", options={"movflags": "use_metadata_tags"}) as container:
        container.metadata.update(tags or {})
        films = [container.add_stream("libx264", rate=30) for _ in pictures]
        sounds = [
            container.add_stream("aac", rate=rate_hz) for _ in range(tracks if sound_s else 0)
        ]
        for film in films:
            film.width, film.height, film.pix_fmt = 64, 48, "yuv420p"
        for sound in sounds:
            sound.layout = "mono"
        for film, count in zip(films, pictures, strict=True):
            for pts in range(count):
                frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), pts % 200, np.uint8))
                mux(container, film, frame, pts, 30)
            container.mux(film.encode(None))
        for sound in sounds:
            for pts in range(0, round(sound_s * rate_hz), 1024):
                frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
                frame.sample_rate = rate_hz
                mux(container, sound, frame, pts, rate_hz)
            container.mux(sound.encode(None))


def mux(container, stream, frame, pts, clock_hz):
    frame.pts, frame.time_base = pts, Fraction(1, clock_hz)
    container.mux(stream.encode(frame))


def unknown_sound(path):
    """Make the first sound track one of Apple's spatial codec, which FFmpeg has no decoder for."""
    whole = path.read_bytes()
    entry = whole.index(b"mp4a", whole.index(b"moov"))
    details = whole.index(b"esds", entry)
    path.write_bytes(
        whole[:entry] + b"apac" + whole[entry + 4 : details] + b"free" + whole[details + 4 :]
    )


def test_progress_rises_to_the_end(clip):
    seen: list[float] = []
    decode(clip(SHORT)[0], on_progress=seen.append)
    assert seen == sorted(seen)
    assert 0.97 <= seen[-1] <= 1
    assert len(seen) <= 100


def test_a_size_keeps_its_aspect():
    assert fit((1280, 720), 320) == (320, 180)
    assert fit((720, 1280), 320) == (180, 320)
