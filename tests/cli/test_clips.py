"""Which clips a command means, and whose they are."""

from pathlib import Path

import pytest
import typer

from cli.clips import clips_in, species_of


@pytest.mark.parametrize("name", ["cat.mp4", "my_Cat-2.mov", "2 kittens.mp4", "IMG cats 3.mp4"])
def test_a_name_that_says_cat_is_a_cats(name):
    assert species_of(Path(name)) == "cat"


@pytest.mark.parametrize("name", ["vacation.mp4", "catch the ball.mp4", "location.mp4", "rex.mp4"])
def test_any_other_name_is_a_dogs(name):
    assert species_of(Path("cat videos") / name) == "dog"


def test_files_are_taken_as_they_are_and_folders_by_their_videos(tmp_path):
    for name in ("b.MP4", "a.mov", "notes.txt"):
        (tmp_path / name).touch()
    odd = tmp_path / "notes.txt"
    assert clips_in([odd, tmp_path]) == [odd, tmp_path / "a.mov", tmp_path / "b.MP4"]


def test_a_folder_without_videos_is_a_mistake(tmp_path):
    with pytest.raises(typer.BadParameter):
        clips_in([tmp_path])
