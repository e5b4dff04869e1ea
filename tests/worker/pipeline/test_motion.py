"""Movement: generated clips whose wag, pace and camera are known; and what must not matter."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from tests.clips import SAMPLES, Animal, Camera, ClipSpec, Motion, Sound, Track
from worker.pipeline.extract.flow import steady
from worker.pipeline.extract.motion import Motion as Series
from worker.pipeline.extract.rhythm import find_rhythms, measurable_bands, turning_points
from worker.pipeline.extract.shots import find_shots
from worker.pipeline.extract.travel import likeness_of

SILENT = Sound(track=Track.NONE)
WAG = ClipSpec(
    seed=31,
    duration_s=4.0,
    width=320,
    height=180,
    sound=SILENT,
    animal=Animal(tail_deg=30.0, wag_amplitude_deg=30.0, size=0.45),
)


def swinging(
    hz: float, *, fps: float = 30.0, duration_s: float = 6.0, speed: float = 0.5
) -> Series:
    """A pet of 6 x 6 blocks of which two swing at one rate, over slow drift and small noise."""
    rng = np.random.default_rng(3)
    times_s = np.arange(0, duration_s, 1 / fps)
    field = rng.normal(0, 0.01, (len(times_s), 6, 6, 2)).astype(np.float32)
    field += 0.02 * np.sin(2 * np.pi * 0.1 * times_s)[:, None, None, None]
    field[:, 2, 2:4, 0] += (speed * np.sin(2 * np.pi * hz * times_s))[:, None]
    still = np.zeros(len(times_s), np.float32)
    weight = np.ones((6, 6), np.float32)
    return Series(times_s, still, np.zeros((len(times_s), 2)), field, weight, still, 1.0, fps, 0.01)


@pytest.mark.parametrize("hz", [1.3, 2.0, 3.0, 4.5, 6.0])
def test_a_swinging_part_has_its_rate(hz):
    rhythm = find_rhythms(swinging(hz))["beat"]
    assert rhythm.rate_hz == pytest.approx(hz, abs=0.05)
    assert rhythm.swing == pytest.approx(0.5 / (2 * np.pi * hz), rel=0.2)
    assert 0.3 < rhythm.at[0] < 0.7
    assert 0.3 < rhythm.at[1] < 0.6


def test_trembling_is_found_at_its_rate():
    assert find_rhythms(swinging(9.5))["tremble"].rate_hz == pytest.approx(9.5, abs=0.1)


def test_noise_and_drift_have_no_rhythm():
    assert find_rhythms(swinging(3.0, speed=0.0)) == {}


def test_a_band_that_the_frame_rate_does_not_show_is_not_measurable():
    assert "tremble" not in measurable_bands(swinging(3.0, fps=15))
    assert "beat" not in measurable_bands(swinging(3.0, fps=5))
    assert "beat" in measurable_bands(swinging(3.0, fps=15))


@pytest.mark.parametrize("hz", [2.0, 3.0, 4.5])
def test_the_wag_of_a_drawn_dog_has_its_rate(hz, measured):
    spec = replace(WAG, animal=replace(WAG.animal, wag_hz=hz))
    extracted, truth = measured(spec)
    beat = extracted.facts.movement.beat
    assert beat is not None
    assert beat.rate_hz == pytest.approx(truth.wag_hz, abs=0.3)


def test_a_still_dog_in_a_shaken_camera_neither_wags_nor_moves(measured):
    spec = replace(WAG, animal=Animal(size=0.45), camera=Camera(shake_px=3.0, shake_hz=1.7))
    movement = measured(spec)[0].facts.movement
    assert movement.beat is None
    assert movement.still_share > 0.8


def test_a_panning_camera_is_called_moving_and_a_tripod_is_not(measured):
    panned = replace(WAG, animal=Animal(size=0.3), camera=Camera(pan_px_s=(25.0, 0.0)))
    assert measured(panned)[0].facts.movement.camera_moves
    assert not measured(replace(WAG, animal=Animal(size=0.3)))[0].facts.movement.camera_moves


def test_a_walking_dog_travels_more_than_a_standing_one(measured):
    walking = replace(WAG, animal=Animal(size=0.3, motion=Motion.WALK, speed_bl_s=0.6))
    standing = replace(WAG, animal=Animal(size=0.3))
    speeds = [measured(s)[0].facts.movement.travel_median for s in (walking, standing)]
    assert speeds[0] > 3 * speeds[1]


def test_the_cameras_shift_zoom_and_turn_leave_nothing_over():
    rows, columns = 18, 32
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    moved = np.stack([1.5 + 0.02 * x - 0.01 * y, -0.7 + 0.02 * y + 0.01 * x], axis=-1)[None]
    steadied = steady(moved.astype(np.float32), np.ones((1, rows, columns), np.float32))
    assert np.abs(steadied.residual).max() < 0.01
    assert steadied.fit > 0.99


def test_a_mirrored_field_has_the_same_rhythm():
    series = swinging(3.0)
    mirrored = replace(series, field=series.field[:, :, ::-1] * np.float32([-1, 1]))
    assert find_rhythms(mirrored)["beat"].rate_hz == find_rhythms(series)["beat"].rate_hz


def test_pacing_is_walking_to_and_fro():
    series = swinging(3.0, duration_s=12.0, speed=0.0)
    across = 0.8 * 2 * np.pi * 0.4 * np.cos(2 * np.pi * 0.4 * series.times_s)
    travel = np.stack([across, 0 * across], axis=1).astype(np.float32)
    assert find_rhythms(replace(series, travel=travel))["pace"].rate_hz == pytest.approx(
        0.4, abs=0.05
    )


def test_a_path_turns_only_where_it_comes_back_far_enough():
    path = np.array([0, 1, 0.9, 2, 0.5, 0.6, 0.4, 2.2])
    assert turning_points(path, reach=0.5) == [3, 6]  # its start is no turn


def test_the_likeness_of_a_masked_pattern_is_opencvs():
    noise = np.random.default_rng(0)
    image = cv2.GaussianBlur(noise.random((60, 90)).astype(np.float32) * 255, (0, 0), 2)
    mask = (noise.random((20, 30)) > 0.3).astype(np.float32)
    pattern = image[10:30, 40:70].copy()
    theirs = cv2.matchTemplate(image, pattern, cv2.TM_CCOEFF_NORMED, mask=mask)
    ours = likeness_of(image, pattern, mask)
    assert np.abs(ours - theirs).max() < 1e-4
    assert np.unravel_index(ours.argmax(), ours.shape) == (10, 40)


def test_nothing_is_like_a_plain_surface():
    noise = np.random.default_rng(0)
    plain = np.full((60, 90), 200, np.float32)
    pattern = noise.random((20, 30)).astype(np.float32) * 255
    mask = np.ones((20, 30), np.float32)
    assert np.abs(likeness_of(plain, pattern, mask)).max() < 0.1
    assert np.abs(likeness_of(plain, plain[:20, :30], mask)).max() < 0.1


def test_a_cut_is_found_and_the_longest_shot_chosen(measured):
    spec = replace(SAMPLES["scene_cut"], duration_s=4.0)
    shots = measured(spec)[0].facts.shots
    assert len(shots.cuts_s) == 1
    assert shots.cuts_s[0] == pytest.approx(2.5, abs=0.05)
    assert shots.span_s == (0.0, shots.cuts_s[0])


def test_a_steady_scene_has_no_cut(noise):
    grey = noise.integers(90, 110, (60, 90, 160)).astype(np.uint8)
    shots = find_shots(grey, np.arange(60) / 30, 2.0)
    assert shots.cuts_s == ()
    assert shots.span_s == (0.0, 2.0)
