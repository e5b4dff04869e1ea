"""The truth of a drawn clip against its pixels, before any codec."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from . import KEYPOINTS, Animal, Camera, ClipSpec, Coat, Motion, Picture, Species, frames, truth
from .motion import STOP_SHARE
from .skeleton import build_of

CLEAN = ClipSpec(
    seed=5,
    duration_s=2.0,
    fps=24.0,
    width=320,
    height=180,
    animal=Animal(wag_hz=3.0, wag_amplitude_deg=20.0),
    picture=Picture(noise=0.0),
)


def strongest_hz(values, fps):
    """Return the frequency with the most power, zero-padded."""
    spectrum = np.abs(np.fft.rfft((values - values.mean()) * np.hanning(len(values)), 4096))
    return np.fft.rfftfreq(4096, 1 / fps)[spectrum.argmax()]


def with_animal(**changes):
    return replace(CLEAN, animal=replace(CLEAN.animal, **changes))


@pytest.mark.parametrize("wag_hz", [1.0, 3.0, 6.0])
def test_the_tail_swings_at_the_wag_rate_and_amplitude(wag_hz):
    known = truth(with_animal(wag_hz=wag_hz))
    angles = known.tail_angle_deg
    assert strongest_hz(angles, 24.0) == pytest.approx(wag_hz, abs=0.1)
    assert angles.mean() == pytest.approx(CLEAN.animal.tail_deg, abs=2)
    assert np.ptp(angles) / 2 == pytest.approx(20.0, abs=2)


@pytest.mark.parametrize("is_facing_right", [True, False])
def test_a_raised_tail_has_a_positive_angle_whichever_way_the_animal_faces(is_facing_right):
    known = truth(with_animal(is_facing_right=is_facing_right, tail_deg=60.0, wag_hz=0.0))
    tip, base = known.keypoint("tail_tip")[0], known.keypoint("tail_base")[0]
    nose = known.keypoint("nose")[0]
    assert known.tail_angle_deg[0] == pytest.approx(60.0, abs=0.5)
    assert tip[1] < base[1]
    assert (nose[0] > base[0]) == is_facing_right


def test_angles_measured_on_the_keypoints_agree_in_a_side_view():
    known = truth(with_animal(spine_curvature=0.12))
    base, tip = known.keypoint("tail_base"), known.keypoint("tail_tip")
    rear = base - known.keypoint("withers")
    reach = tip - base
    turn = rear[:, 0] * reach[:, 1] - rear[:, 1] * reach[:, 0]  # image y points down: + is raised
    measured = np.degrees(np.arctan2(turn, (rear * reach).sum(axis=1)))
    assert np.abs(measured - known.tail_angle_deg).max() < 0.5
    middle = known.keypoint("mid_back") - known.keypoint("withers")
    off = np.abs(rear[:, 0] * middle[:, 1] - rear[:, 1] * middle[:, 0])
    assert off / (rear**2).sum(axis=1) == pytest.approx(known.spine_curvature, abs=1e-3)
    assert known.spine_curvature == pytest.approx(0.12, abs=1e-6)


def test_the_mask_is_what_differs_from_the_empty_place():
    drawn = next(frames(CLEAN))
    empty = next(frames(replace(CLEAN, animal=None)))
    differs = np.abs(drawn.bgr.astype(int) - empty.bgr).max(axis=2) > 20
    above_shadow = np.arange(180) < 140
    differs &= above_shadow[:, None]
    mask = drawn.mask & above_shadow[:, None]
    assert (differs & mask).sum() / (differs | mask).sum() > 0.9


def test_centre_and_box_are_those_of_the_mask():
    known = truth(CLEAN)
    for index, drawn in enumerate(frames(CLEAN)):
        rows, columns = np.nonzero(drawn.mask)
        assert np.hypot(*(known.centre_px[index] - (columns.mean(), rows.mean()))) < 1.0
        box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        assert known.box_px[index] == pytest.approx(box, abs=0.5)


def test_the_tail_tip_lies_at_the_end_of_the_drawn_tail():
    known = truth(CLEAN)
    for index, drawn in enumerate(frames(CLEAN)):
        x, y = known.keypoint("tail_tip")[index]
        rows, columns = np.nonzero(drawn.mask)
        assert np.hypot(columns - x, rows - y).min() < 2.0
        behind = columns < x - 6  # a dog that faces right: nothing of it is behind its tail's tip
        assert not (behind & (rows < y + 4)).any()


@pytest.mark.parametrize("species", list(Species))
@pytest.mark.parametrize("motion", list(Motion))
def test_visible_keypoints_lie_on_the_animal(species, motion):
    spec = with_animal(species=species, motion=motion, size=0.3, wag_hz=0.0)
    for drawn in list(frames(replace(spec, duration_s=1.0, fps=3.0))):
        rows, columns = np.nonzero(drawn.mask)
        for name, (x, y), is_visible in zip(
            KEYPOINTS, drawn.keypoints_px, drawn.keypoints_visible, strict=True
        ):
            if is_visible:
                assert np.hypot(columns - x, rows - y).min() < 3.5, name


def test_a_walk_has_its_speed_in_the_path_of_its_trunk():
    known = truth(with_animal(motion=Motion.WALK, size=0.2, speed_bl_s=0.7))
    gone = np.hypot(*np.diff(known.trunk_px, axis=0).T) * 24.0
    assert gone == pytest.approx(known.speed_px_s[1:], rel=0.02)
    assert known.speed_bl_s == pytest.approx(0.7, rel=0.01)
    centre_speed = (known.centre_px[-1, 0] - known.centre_px[0, 0]) / (known.times_s[-1])
    assert centre_speed == pytest.approx(known.speed_px_s.mean(), rel=0.05)


def test_the_body_length_is_nose_to_tail_base_of_the_standing_animal():
    known = truth(with_animal(head_deg=12.0))
    measured = known.keypoint("nose")[:, 0] - known.keypoint("tail_base")[:, 0]
    assert measured == pytest.approx(known.body_length_px, rel=0.06)


def test_pacing_goes_to_and_fro_at_its_rate():
    animal = Animal(motion=Motion.PACE, size=0.2, pace_hz=0.4)
    known = truth(replace(CLEAN, animal=animal, duration_s=10.0, fps=8.0))
    assert strongest_hz(known.trunk_px[:, 0], 8.0) == pytest.approx(0.4, abs=0.03)
    assert set(np.sign(known.facing)) == {-1.0, 1.0}


def test_a_freeze_walks_and_then_does_not_move_a_pixel():
    spec = with_animal(motion=Motion.FREEZE, size=0.25)
    known = truth(spec)
    is_still = known.times_s > STOP_SHARE * spec.duration_s + 0.05
    assert known.speed_bl_s[known.times_s < 0.5].min() > 0.5
    assert known.speed_bl_s[is_still].max() < 1e-6
    still = [drawn.bgr for drawn in frames(spec)][-8:]
    assert (still[0] == still[-1]).all()


def test_a_tremble_is_a_small_fast_motion():
    animal = Animal(motion=Motion.CROUCH, tremble_hz=10.0, tail_deg=-100.0)
    spec = replace(CLEAN, animal=animal, fps=60.0)
    known = truth(spec)
    x = known.trunk_px[:, 0]
    assert strongest_hz(x, 60.0) == pytest.approx(10.0, abs=0.1)
    assert np.ptp(x) / known.body_length_px[0] < 0.03


def test_a_moving_camera_moves_the_pixels_and_not_the_speed():
    camera = Camera(pan_px_s=(30.0, 0.0), shake_px=3.0, jitter_px=1.0)
    known = truth(replace(with_animal(motion=Motion.LIE), camera=camera))
    assert np.ptp(known.centre_px[:, 0]) > 40
    assert known.speed_px_s.max() < 1.0


def test_the_camera_maps_the_empty_place():
    camera = Camera(pan_px_s=(25.0, 0.0))
    spec = replace(CLEAN, animal=None, camera=camera, duration_s=1.0)
    drawn = list(frames(spec))
    moved = round(drawn[0].view[0, 2] - drawn[-1].view[0, 2])
    before, after = drawn[0].bgr[:, moved:].astype(int), drawn[-1].bgr[:, : -moved or None]
    assert moved == 24
    assert np.abs(before - after).mean() < 3


def test_an_object_in_front_hides_a_share_of_the_animal():
    hidden = truth(replace(CLEAN, picture=Picture(occlusion=0.3), duration_s=0.5))
    assert 0.3 < hidden.visible_share.mean() < 0.95
    assert truth(replace(CLEAN, duration_s=0.5)).visible_share == pytest.approx(1.0)


def test_light_and_blur_do_what_they_say():
    def first(**changes):
        return next(frames(replace(CLEAN, picture=replace(CLEAN.picture, **changes)))).bgr

    def detail(picture):
        return np.abs(np.diff(picture.astype(float), axis=1)).mean()

    assert first(exposure=0.05).mean() < 12
    assert (first(exposure=3.0) == 255).mean() > 0.4
    assert detail(first(blur_px=4.0)) < 0.4 * detail(first())


def test_a_frozen_picture_repeats_itself_exactly():
    drawn = list(frames(replace(CLEAN, picture=Picture(is_frozen=True), duration_s=0.5)))
    assert all((later.bgr == drawn[0].bgr).all() for later in drawn)


def test_a_scene_cut_shows_another_place():
    drawn = list(frames(replace(CLEAN, picture=Picture(cut_at_s=0.5), duration_s=1.0)))
    steps = [np.abs(after.bgr.astype(int) - before.bgr).mean() for before, after in pairwise(drawn)]
    assert int(np.argmax(steps)) == 11
    assert max(steps) > 8 * np.median(steps)


def test_the_same_spec_gives_the_same_frames_and_another_seed_others():
    first, again = next(frames(CLEAN)), next(frames(CLEAN))
    assert (first.bgr == again.bgr).all()
    assert (first.bgr != next(frames(replace(CLEAN, seed=6))).bgr).any()


def test_coats_differ():
    pictures = [next(frames(with_animal(coat=coat))).bgr for coat in Coat]
    assert len({picture.tobytes() for picture in pictures}) == len(Coat)


def test_a_cat_is_lower_than_a_dog_and_has_the_shorter_face():
    dog, cat = (build_of(Animal(species=species)) for species in (Species.DOG, Species.CAT))
    assert cat.height < dog.height
    assert cat.snout < dog.snout


def test_without_an_animal_nothing_is_claimed_of_it():
    known = truth(replace(CLEAN, animal=None, duration_s=0.5))
    assert np.isnan(known.tail_angle_deg).all()
    assert not known.keypoints_visible.any()
    assert known.wag_hz == 0.0
