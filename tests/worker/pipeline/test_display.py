"""What is measured is what a player shows: pixel shape, turns, mirroring, HDR."""

from fractions import Fraction

import av
import numpy as np
import pytest

from worker.pipeline.extract.decode import decode
from worker.pipeline.extract.display import HLG, PQ, tones_of

FPS, FRAMES = 10, 22
STORED = np.full((96, 160, 3), 60, np.uint8)
STORED[:48, :80] = (230, 40, 40)  # one corner red, the one beside it blue: no turn or mirror image
STORED[:48, 80:] = (40, 40, 230)  # of it is alike


def write(path, *, turn=0, hflip=False, vflip=False, matrix=None, aspect=None, transfer=None):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        if transfer:
            stream.codec_context.color_trc = transfer
        if matrix:
            stream.set_display_matrix(matrix)
        elif turn or hflip or vflip:
            stream.set_display_rotation(turn, hflip, vflip)
        for pts in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(STORED, format="rgb24")
            frame.pts, frame.time_base = pts, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def read(path):
    return decode(path, on_progress=lambda fraction: None)


def unlike(picture, expected):
    return np.abs(picture.astype(int) - expected).mean()


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize(("hflip", "vflip"), [(True, False), (False, True), (False, False)])
def test_a_turned_or_mirrored_clip_is_seen_as_a_player_shows_it(turn, hflip, vflip, tmp_path):
    decoded = read(write(tmp_path / "c.mp4", turn=turn, hflip=hflip, vflip=vflip))
    expected = np.rot90(STORED, turn // 90)
    expected = expected[:, ::-1] if hflip else expected
    expected = expected[::-1] if vflip else expected
    assert decoded.pictures[0].shape == expected.shape
    assert unlike(decoded.pictures[0], expected) < 6
    assert (decoded.media.height, decoded.media.width) == expected.shape[:2]
    assert (decoded.grey.shape[1] > decoded.grey.shape[2]) == (turn % 180 == 90)


def test_a_matrix_of_zeros_turns_nothing(tmp_path):
    decoded = read(write(tmp_path / "c.mp4", matrix=[0] * 9))
    assert unlike(decoded.pictures[0], STORED) < 6


def test_pixels_that_are_not_square_are_stretched(tmp_path):
    decoded = read(write(tmp_path / "c.mp4", aspect=Fraction(16, 11)))
    assert (decoded.media.width, decoded.media.height) == (233, 96)
    assert decoded.pictures.shape[2] / decoded.pictures.shape[1] == pytest.approx(
        233 / 96, abs=0.05
    )


def test_a_portrait_clip_of_pixels_that_are_not_square_is_stretched_upwards(tmp_path):
    decoded = read(write(tmp_path / "c.mp4", turn=90, aspect=Fraction(16, 11)))
    assert (decoded.media.width, decoded.media.height) == (96, 233)


def test_a_pixel_aspect_that_an_encoder_rounded_changes_nothing(tmp_path):
    decoded = read(write(tmp_path / "c.mp4", aspect=Fraction(161, 160)))
    assert (decoded.media.width, decoded.media.height) == (160, 96)


@pytest.mark.parametrize(("transfer", "white"), [(PQ, 0.58), (HLG, 0.75)])
def test_hdr_white_is_white_and_no_level_is_darker_than_a_lower_one(transfer, white):
    tones = tones_of(transfer).astype(int)
    assert tones[round(255 * white)] >= 245  # 203 nits, BT.2408
    assert tones[0] == 0
    assert tones[-1] == 255
    assert np.all(np.diff(tones) >= 0)


def test_an_ordinary_clip_keeps_its_levels():
    assert tones_of(1) is None  # BT.709
    assert tones_of(2) is None  # not told


def test_a_clip_in_hdr_is_not_seen_as_if_it_were_dull(tmp_path):
    told, not_told = (read(write(tmp_path / f"{t}.mp4", transfer=t)) for t in (PQ, None))
    corner = np.s_[0, 5:40, 5:70, 0]
    assert not_told.pictures[corner].mean() < 235 < told.pictures[corner].mean()
    assert told.grey.mean() != pytest.approx(not_told.grey.mean(), abs=3)
