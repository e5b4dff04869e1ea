"""Networks that look for themselves: sequences from disk, a backbone that goes on learning."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from worker.pipeline.architectures.backbones import MobileNetV3Small
from worker.pipeline.encode.vision import normalised
from worker.training import backbone, fit, splits
from worker.training.backbone import NoBackbone
from worker.training.fit import OtherRecipe, Task
from worker.training.pictures import Shown, keep_sequence
from worker.training.plan import Recipe

LIGHT = {"backbone": "mobilenet_v3_small", "over_time": "tcn", "hidden": 8}
RECIPE = Recipe(arch="face_sequence", config=LIGHT, patience=0, epochs=1, batch=32)


@pytest.fixture
def shown(tmp_path):
    """Three rows: five dark pictures with a bright corner, none, and twenty others."""
    for name, count in (("first", 5), ("third", 20)):
        pictures = np.full((count, 224, 224, 3), 40, np.uint8)
        pictures[:, :60, :60] = np.arange(count, dtype=np.uint8)[:, None, None, None] * 10
        keep_sequence(tmp_path / f"{name}.npz", pictures)
    return Shown((tmp_path / "first.npz", None, tmp_path / "third.npz"))


@pytest.fixture
def state():
    torch.manual_seed(5)
    return MobileNetV3Small().state_dict()


def test_a_row_is_sixteen_pictures_as_an_encoder_would_be_given_them(shown):
    rows = shown.read(np.array([2, 1, 0]))
    assert rows.shape == (3, 16, 3, 224, 224)
    assert list(shown.there) == [True, False, True]
    assert not rows[1].any()
    corner = np.full((16, 224, 224, 3), 40, np.uint8)
    corner[:, :60, :60] = (np.round(np.linspace(0, 19, 16)) * 10)[:, None, None, None]
    assert np.array_equal(rows[0], normalised(corner))
    assert len({one.tobytes() for one in rows[2]}) == 5  # five pictures, repeated to sixteen


def test_a_variant_is_cut_anew_and_the_same_each_time_and_stills_do_not_move(shown):
    row = np.array([2])
    plain, first, again, other = (
        shown.read(row, v) for v in (None, np.array([7]), np.array([7]), np.array([8]))
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, plain)
    assert not np.array_equal(first, other)
    still = replace(shown, is_still=True).read(row)
    assert all(np.array_equal(one, plain[0, 0]) for one in still[0])


@pytest.fixture
def task(corpus_of, tmp_path, state):
    """Fifteen rows, of which every third is a clip: bright ones and dark ones."""
    corpus = corpus_of(15)
    paths = []
    for i in range(15):
        path = tmp_path / f"{i}.npz" if i % 3 == 0 else None
        if path is not None:
            keep_sequence(path, np.full((2, 224, 224, 3), 30 + 15 * int(corpus.truth[i]), np.uint8))
        paths.append(path)
    table = replace(corpus.table, shown=Shown(tuple(paths)))
    fold = next(splits.folds(corpus.truth, corpus.groups, k=3, seed=0))
    return Task(table, corpus.targets, corpus.groups, fold, 0, state)


def test_a_backbone_starts_where_it_is_told_and_moves_a_little(task, state):
    learned = fit.fit(task, RECIPE).module.backbone.state_dict()
    apart = {k: (learned[k] - state[k]).abs().max() for k in state if "running" not in k}
    assert 0 < max(apart.values()) < 0.01
    means = [k for k in state if "running" in k]
    assert means
    assert all(torch.equal(learned[k], state[k]) for k in means)  # a few clips have none
    noise = fit.fit(replace(task, start=None), RECIPE).module.backbone.state_dict()
    assert max((noise[k] - state[k]).abs().max() for k in apart) > 0.1


def test_only_clips_teach_and_a_stopped_run_goes_on_to_the_same_network(task, tmp_path):
    class Stopped(Exception):
        pass

    def stop(epoch):
        raise Stopped

    twice = RECIPE.model_copy(update={"epochs": 2})
    whole = fit.fit(task, twice)
    assert set(fit.learnable(task, whole.module, np.arange(15))) == {0, 3, 6, 9, 12}
    with pytest.raises(Stopped):
        fit.fit(task, twice, tmp_path / "run", on_epoch=stop)
    resumed = fit.fit(task, twice, tmp_path / "run")
    pairs = zip(
        whole.module.state_dict().values(), resumed.module.state_dict().values(), strict=True
    )
    assert all(torch.equal(a, b) for a, b in pairs)
    with pytest.raises(OtherRecipe):
        fit.fit(replace(task, start=None), twice, tmp_path / "run")


def test_a_run_keeps_what_it_started_from_and_refuses_what_is_no_such_backbone(tmp_path, state):
    given, run = tmp_path / "given.pth", tmp_path / "run"
    torch.save(state | {"classifier.0.weight": torch.zeros(2)}, given)
    begun = backbone.begin(RECIPE, run, given, None, tmp_path)
    assert begun.keys() == state.keys()
    assert backbone.started(run).keys() == load_file(run / backbone.START).keys() == state.keys()
    torch.save({k: v + 1 for k, v in state.items()}, given)
    with pytest.raises(OtherRecipe):
        backbone.begin(RECIPE, run, given, None, tmp_path)
    (tmp_path / "noise" / "fits").mkdir(parents=True)  # of a run without any weights
    with pytest.raises(OtherRecipe):
        backbone.begin(RECIPE, tmp_path / "noise", given, None, tmp_path)
    assert backbone.started(tmp_path / "noise") is None
    with pytest.raises(NoBackbone, match="holds no vgg19"):
        backbone.begin(Recipe(arch="face_sequence"), tmp_path / "other", given, None, tmp_path)
    given.write_bytes(b"no weights")
    with pytest.raises(NoBackbone, match="cannot be read"):
        backbone.begin(RECIPE, tmp_path / "other", given, None, tmp_path)
    assert backbone.begin(Recipe(), tmp_path / "other", None, None, tmp_path) is None
    assert backbone.started(tmp_path / "other") is None
