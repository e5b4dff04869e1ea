"""PCK, confident shares and tails on made-up points."""

import numpy as np
import pytest

from worker.pipeline.extract.keypoints import NAMES, POINTS
from worker.training.pose.score import Look, score


def look(found=None, asked=None, confidence=None, side=100.0):
    true = np.stack([np.arange(POINTS) * 3.0, np.arange(POINTS) * 2.0], axis=1)
    return Look(
        found=true.copy() if found is None else found,
        confidence=np.ones(POINTS) if confidence is None else confidence,
        true=true,
        asked=np.ones(POINTS, bool) if asked is None else asked,
        side=side,
    )


def test_what_is_found_where_it_is_counts_fully():
    scores = score([look()])
    assert scores.every.pck_10 == 1.0
    assert scores.every.n == POINTS
    assert scores.tails.median_deg == pytest.approx(0)


def test_an_error_counts_against_the_longer_side():
    moved = look().true.copy()
    moved[NAMES.index("nose")] += (12.0, 0.0)
    nose = score([look(moved)]).joints["nose"]
    assert (nose.pck_10, nose.pck_15) == (0.0, 1.0)


def test_whole_legs_may_be_swapped_but_not_parts_of_them():
    def swapped(*joints):
        found = look().true.copy() * 10
        for joint in joints:
            a, b = NAMES.index(f"{joint}_a"), NAMES.index(f"{joint}_b")
            found[[a, b]] = found[[b, a]]
        one = look()
        return Look(found, one.confidence, one.true * 10, one.asked, 100.0)

    whole = score([swapped("elbow", "carpus", "front_paw")])
    assert whole.every.pck_10 == 1.0
    assert score([swapped("elbow")]).joints["elbow"].pck_10 == 0.0


def test_the_confident_are_the_surest_60_percent_of_what_is_asked():
    found = look().true.copy()
    confidence = np.linspace(0, 1, POINTS)
    found[: POINTS // 3] += 500
    scores = score([look(found, confidence=confidence)])
    assert scores.every.pck_10 < 0.7
    assert scores.confident_60.pck_10 == 1.0


def test_a_tail_turned_by_40_degrees_is_not_within_30():
    found = look().true.copy()
    base, tip = NAMES.index("tail_base"), NAMES.index("tail_tip")
    way, angle = found[tip] - found[base], np.radians(40)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    found[tip] = found[base] + turn @ way
    tails = score([look(found)]).tails
    assert (tails.confident, tails.within_30) == (1, 0.0)
    assert tails.median_deg == pytest.approx(40)


def test_nobody_scores_nothing():
    assert score([]).every.pck_10 is None
