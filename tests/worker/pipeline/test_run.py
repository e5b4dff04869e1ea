"""The whole pipeline on real clips with the real weights."""

import csv
import json

import pytest

from shared.errors import InputError
from worker.pipeline.run import analyze

TOO_LONG = {
    "cat_black_wall_50s.mp4",
    "cat_black_wall_avi.avi",
    "kittens_treadmill_60s.mp4",
}
NO_PET = {"NEG_aerial_road.mp4", "NEG_tennis_person.mp4"}


@pytest.fixture(scope="module")
def outcomes(shared_folder, real_models):
    """Every real clip's assessment or the code of its refusal."""
    folder = shared_folder / "data" / "clips"
    found = {}
    with (folder / "CLIPS.csv").open() as file:
        for row in csv.DictReader(file):
            species = row["species"] if row["species"] in ("dog", "cat") else "dog"
            found[row["file"]] = outcome(folder / row["file"], species, real_models)
    return found


def outcome(path, species, models):
    try:
        return analyze(path, species=species, models=models)
    except InputError as error:
        return error.code


@pytest.mark.real
def test_every_real_clip_ends_as_an_assessment_or_with_the_right_code(outcomes):
    assert len(outcomes) == 29
    assert {name for name, o in outcomes.items() if o == "clip_too_long"} == TOO_LONG
    assert not {o for name, o in outcomes.items() if isinstance(o, str) and name not in TOO_LONG}


@pytest.mark.real
def test_clips_without_a_pet_abstain(outcomes):
    for name in NO_PET:
        assert outcomes[name].abstention.code == "no_pet_visible"


@pytest.mark.real
def test_a_pet_is_seen_in_every_real_clip_that_shows_one(outcomes):
    shown = [n for n in outcomes if n not in NO_PET | TOO_LONG | {"bark_offscreen_man.mp4"}]
    for name in shown:
        assert outcomes[name].quality.pet_frames_share >= 0.5, name


@pytest.mark.real
def test_every_real_answer_names_its_evidence(outcomes):
    for said in outcomes.values():
        if not isinstance(said, str) and said.emotion is not None:
            assert said.signals
            assert said.evidence in ("weak", "moderate", "strong")
            assert json.dumps(said.as_json(), allow_nan=False)


@pytest.mark.real
@pytest.mark.parametrize(
    "name", ["avsync_shihtzu_bark.mp4", "dog_indoor_vas.mp4", "vas_beagle_bark.mp4"]
)
def test_a_dog_that_barks_is_heard_to_bark(name, outcomes):
    said = outcomes[name]
    assert "barking" in [d.name for d in (*said.signal_details, *said.against)]
