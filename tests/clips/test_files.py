"""Written clips, read back: sizes, rotation, time stamps, codecs, sound, determinism."""

from dataclasses import replace

import av
import numpy as np
import pytest

from . import Animal, Call, ClipSpec, Encoding, Sound, Track, VideoCodec, Voice, frames, render
from .broken import BROKEN
from .samples import SAMPLES

SMALL = ClipSpec(seed=9, duration_s=1.0, width=160, height=96, fps=20.0, animal=Animal(size=0.4))


def written(tmp_path, spec):
    path = tmp_path / f"clip.{spec.encoding.container}"
    return path, render(spec, path)


def decoded(path):
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def upright(frame):
    return np.rot90(frame.to_ndarray(format="bgr24"), frame.rotation // 90)


def heard(path):
    with av.open(str(path)) as container:
        parts = list(container.decode(audio=0))
    samples = np.concatenate([part.to_ndarray()[0] for part in parts])
    return samples, parts[0].rate, float(parts[0].time)


@pytest.mark.parametrize(
    ("container", "codec"),
    [
        ("mp4", VideoCodec.H264),
        ("mov", VideoCodec.HEVC),
        ("mp4", VideoCodec.HEVC),
        ("mkv", VideoCodec.H264),
        ("avi", VideoCodec.MPEG4),
        ("mp4", VideoCodec.MPEG4),
    ],
)
def test_every_codec_and_container_gives_the_drawn_frames_back(tmp_path, container, codec):
    spec = replace(SMALL, encoding=Encoding(container=container, codec=codec))
    path, known = written(tmp_path, spec)
    read = decoded(path)
    assert [float(frame.time) for frame in read] == pytest.approx(list(known.times_s), abs=1e-3)
    for frame, drawn in zip(read, frames(spec), strict=True):
        assert np.abs(upright(frame).astype(int) - drawn.bgr).mean() < 8


@pytest.mark.parametrize("rotation_deg", [90, 180, 270])
def test_a_turned_clip_is_upright_once_its_display_matrix_is_obeyed(tmp_path, rotation_deg):
    spec = replace(SMALL, encoding=Encoding(rotation_deg=rotation_deg))
    frame = decoded(written(tmp_path, spec)[0])[0]
    stored = (96, 160) if rotation_deg % 180 else (160, 96)
    assert (frame.width, frame.height) == stored
    assert frame.rotation % 360 == rotation_deg
    assert np.abs(upright(frame).astype(int) - next(frames(spec)).bgr).mean() < 8


@pytest.mark.parametrize("size", [(161, 97), (96, 160), (160, 96)])
def test_sizes_are_kept_odd_ones_too(tmp_path, size):
    spec = replace(SMALL, width=size[0], height=size[1])
    frame = decoded(written(tmp_path, spec)[0])[0]
    assert (frame.width, frame.height) == size


def test_a_variable_frame_rate_has_irregular_time_stamps(tmp_path):
    spec = replace(SMALL, encoding=Encoding(is_vfr=True))
    path, known = written(tmp_path, spec)
    times = np.array([float(frame.time) for frame in decoded(path)])
    assert times == pytest.approx(known.times_s, abs=1e-4)
    assert np.diff(times).std() > 0.1 * np.diff(times).mean()


@pytest.mark.parametrize("fps", [5.0, 29.97, 120.0])
def test_frame_rates_from_5_to_120(tmp_path, fps):
    times = [float(frame.time) for frame in decoded(written(tmp_path, replace(SMALL, fps=fps))[0])]
    assert np.diff(times).mean() == pytest.approx(1 / fps, rel=0.01)


@pytest.mark.parametrize("container", ["mp4", "mov", "mkv", "avi"])
def test_a_bark_is_heard_at_its_onset_in_the_file(tmp_path, container):
    codec = VideoCodec.MPEG4 if container == "avi" else VideoCodec.H264
    spec = replace(
        SMALL,
        sound=Sound(calls=(Call(Voice.BARK, 0.4, 0.3),)),
        encoding=Encoding(container=container, codec=codec),
    )
    samples, rate_hz, start_s = heard(written(tmp_path, spec)[0])
    loud = np.abs(samples) > 0.15 * np.abs(samples).max()
    assert start_s + np.argmax(loud) / rate_hz == pytest.approx(0.4, abs=0.010)


def test_sound_tracks_are_there_silent_or_absent(tmp_path):
    for track, has_audio in ((Track.NONE, False), (Track.SILENT, True), (Track.SOUND, True)):
        path, _ = written(tmp_path, replace(SMALL, sound=Sound(track=track)))
        with av.open(str(path)) as container:
            assert bool(container.streams.audio) == has_audio
    silent, _ = written(tmp_path, replace(SMALL, sound=Sound(track=Track.SILENT)))
    assert np.abs(heard(silent)[0]).max() < 1e-4


def test_a_stereo_track_at_44_kHz(tmp_path):
    spec = replace(SMALL, sound=Sound(sample_rate_hz=44_100, channels=2))
    with av.open(str(written(tmp_path, spec)[0])) as container:
        stream = container.streams.audio[0]
        assert (stream.rate, stream.channels) == (44_100, 2)


def test_a_clip_of_sound_alone_has_no_picture(tmp_path):
    spec = replace(SMALL, encoding=Encoding(has_video=False))
    with av.open(str(written(tmp_path, spec)[0])) as container:
        assert not container.streams.video
        assert container.streams.audio


@pytest.mark.parametrize("codec", list(VideoCodec))
def test_the_same_spec_gives_the_same_bytes(tmp_path, codec):
    spec = replace(SMALL, encoding=Encoding(codec=codec))
    first = written(tmp_path, spec)[0].read_bytes()
    assert written(tmp_path, spec)[0].read_bytes() == first


def test_samples_have_different_seeds():
    assert len({spec.seed for spec in SAMPLES.values()}) == len(SAMPLES)


@pytest.mark.parametrize("name", ["too_short", "too_long", "no_video"])
def test_samples_are_as_long_as_they_say(tmp_path, name):
    path, _ = written(tmp_path, SAMPLES[name])
    with av.open(str(path)) as container:
        assert container.duration / 1e6 == pytest.approx(SAMPLES[name].duration_s, abs=0.15)


UNREADABLE = ("zero_bytes", "text_named", "random_bytes", "header_only", "truncated.mp4")


@pytest.mark.parametrize("name", [name for name in BROKEN if name.startswith(UNREADABLE)])
def test_unreadable_files_cannot_be_opened(tmp_path, name):
    BROKEN[name](tmp_path / name)
    with pytest.raises(av.FFmpegError):
        av.open(str(tmp_path / name))


def test_a_partly_corrupt_clip_has_good_frames_before_the_damage(tmp_path):
    BROKEN["corrupt_packets.mp4"](tmp_path / "clip.mp4")
    read = []
    with av.open(str(tmp_path / "clip.mp4")) as container, pytest.raises(av.FFmpegError):
        read.extend(container.decode(video=0))
    assert 15 < len(read) < 85


def test_a_truncated_avi_gives_its_first_part(tmp_path):
    BROKEN["truncated.avi"](tmp_path / "clip.avi")
    assert 40 < len(decoded(tmp_path / "clip.avi")) < 110


def test_headers_claim_what_they_should_not(tmp_path):
    BROKEN["huge_frames.avi"](tmp_path / "huge.avi")
    BROKEN["endless_duration.mp4"](tmp_path / "endless.mp4")
    with av.open(str(tmp_path / "huge.avi")) as container:
        packet = next(container.demux(video=0))
        assert b"\x08\x3e\x80\x3e\x80" in bytes(packet)
    with av.open(str(tmp_path / "endless.mp4")) as container:
        assert container.duration / 1e6 > 3600
