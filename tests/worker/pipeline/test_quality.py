"""Light and sharpness are the film's, not those of bars around it."""

import numpy as np
import pytest

from worker.pipeline.extract.quality import measure_quality

FILM = np.random.default_rng(0).integers(30, 110, (3, 90, 160, 3), np.uint8)


@pytest.mark.parametrize("bars", [((90, 90), (0, 0)), ((0, 0), (200, 200)), ((40, 60), (30, 10))])
def test_black_bars_change_neither_light_nor_sharpness(bars):
    inside = np.pad(FILM, ((0, 0), *bars, (0, 0)), constant_values=2)
    plain, barred = measure_quality(FILM), measure_quality(inside)
    assert barred.brightness == pytest.approx(plain.brightness, abs=0.01)
    assert barred.brightness_p95 == pytest.approx(plain.brightness_p95, abs=0.06)  # made smaller
    assert plain.brightness > 40 / 255 > inside.mean() / 255  # the bars alone would be too dark


def test_an_edge_that_is_not_always_black_belongs_to_the_film():
    shown_once = FILM.copy()
    shown_once[:, :45] = 0
    shown_once[1, 0] = 60
    assert measure_quality(shown_once).brightness < 0.6 * measure_quality(FILM).brightness


def test_a_film_that_is_black_all_over_is_dark():
    assert measure_quality(np.zeros_like(FILM)).brightness == 0
