"""The table of heads counts what the detector found, by clip and by kind."""

from io import StringIO

import cv2
import numpy as np
import pytest
from rich.console import Console

from cli import real_heads
from cli.real_heads import HeadsFound
from tests.worker.pipeline.mmod_files import brightness_layers, written
from worker.pipeline.extract import ExtractModels
from worker.pipeline.extract.mmod import MmodDetector
from worker.pipeline.extract.mmod_file import parse_mmod

BOX = (0.2, 0.2, 0.8, 0.9)


@pytest.fixture
def models():
    """A head detector that finds what is red."""
    return ExtractModels(
        None, None, heads=MmodDetector(parse_mmod(written(brightness_layers())), 1)
    )


def test_sixteen_pictures_are_looked_at_and_what_was_found_is_counted(models):
    pictures = np.zeros((40, 240, 320, 3), np.uint8)
    for picture in pictures[:20]:
        cv2.circle(picture, (160, 110), 16, (255, 0, 0), -1)
    found = real_heads.find(pictures, [BOX] * 40, models)
    assert (found.looked, found.by_face, found.by_points) == (16, 8, 0)
    assert found.overlaps == ()


def test_without_a_head_detector_or_a_pet_nothing_is_said(models):
    pictures = np.zeros((2, 24, 32, 3), np.uint8)
    assert real_heads.find(pictures, [BOX] * 2, ExtractModels(None, None)) is None
    assert real_heads.find(pictures, [None] * 2, models) is None


def test_the_table_weighs_clips_by_their_pictures():
    one, other = HeadsFound(16, 16, 4, (0.5,), 0.32), HeadsFound(4, 0, 0, (), 0.08)
    assert real_heads.cells([one, other]) == ("20", "80%", "20%", "0.50", "20")
    console = Console(width=120, file=StringIO())
    console.print(real_heads.table_of([("a", "dog", one), ("b", "dog", other)]))
    assert "all dogs" in console.file.getvalue()
    assert "all cats" not in console.file.getvalue()
