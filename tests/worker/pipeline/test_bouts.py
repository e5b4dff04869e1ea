"""How movement is spread over time: bouncing, turning, stopping dead."""

import numpy as np

from worker.pipeline.extract.bouts import bounce, bursts, freeze, reversals

TIMES_S = np.arange(0, 6, 1 / 30)
LEAPS = (np.sin(2 * np.pi * 0.4 * TIMES_S) > 0.5).astype(np.float32)


def swinging(hz: float, speed: float) -> np.ndarray:
    return (speed * np.sin(2 * np.pi * hz * TIMES_S)).astype(np.float32)


def test_leaps_with_pauses_are_bouncing():
    velocity = np.stack([swinging(1.0, 0.3), swinging(2.0, 0.3)]) * LEAPS
    assert bounce(velocity, 0.02 + 0.5 * LEAPS) > 0.05


def test_an_even_gait_is_no_bouncing():
    velocity = np.stack([swinging(1.0, 0.3), swinging(2.0, 0.3)])
    assert bounce(velocity, np.full(len(TIMES_S), 0.4, np.float32)) == 0.0


def test_a_head_that_nods_on_the_spot_is_no_bouncing():
    velocity = np.stack([swinging(1.0, 0.005), swinging(2.0, 0.3)]) * LEAPS
    assert bounce(velocity, 0.02 + 0.5 * LEAPS) < 0.01


def test_reversals_count_turns_and_ignore_what_is_slow():
    assert reversals(swinging(0.5, 0.5)) == 5
    assert reversals(swinging(0.5, 0.02)) == 0


def test_a_burst_is_a_rise_far_above_the_usual():
    assert bursts(0.02 + 0.5 * LEAPS) == 3
    assert bursts(np.full(len(TIMES_S), 0.5, np.float32)) == 0


def test_an_animal_that_walks_and_stops_dead_freezes_and_one_that_lies_does_not():
    walks = np.where(TIMES_S < 3, 0.3, 0.0).astype(np.float32)
    assert freeze(walks, TIMES_S, (3.0, 5.9)) == (3.0, 5.9)
    assert freeze(0 * walks, TIMES_S, (0.0, 5.9)) is None
    assert freeze(walks, TIMES_S, (3.0, 4.0)) is None
