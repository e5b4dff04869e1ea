"""The picture network that training end to end starts from: torchvision's, as it was published."""

from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError

import structlog
import torch
from safetensors.torch import load_file, save
from torch import Tensor

from shared.errors import InputError
from worker.pipeline import weights
from worker.pipeline.architectures.build import build
from worker.pipeline.architectures.face_sequence import FaceSequence
from worker.pipeline.encode import convert
from worker.pipeline.encode.loading import TORCH_READS
from worker.training.crossfit import FITS
from worker.training.fit import OtherRecipe
from worker.training.plan import Recipe

START = "start.safetensors"  # in a run's folder
OWN, ROLE = "mobilenet_v3_small", "vision_encoder"  # the backbone whose file that encoder's is

State = Mapping[str, Tensor]

log = structlog.get_logger(__name__)


class NoBackbone(InputError):
    """The file is none of the backbone's: give torchvision's own."""

    code = "no_backbone"


def begin(
    recipe: Recipe, run: Path, given: Path | None, weights_dir: Path | None, cache_dir: Path
) -> State | None:
    """Keep what a run starts from in its folder, and return it; None of a network without one.

    `given`, or for MobileNetV3 the vision encoder's file; without either it starts from noise, with
    a word in the log. Raises NoBackbone, OtherRecipe in the folder of a run that began elsewhere.
    """
    if not recipe.reads_pictures:
        return None
    if given is None and recipe.config.get("backbone") == OWN:
        found = weights.find(ROLE, weights_dir, cache_dir, suffixes=TORCH_READS[ROLE])
        given = found.path if found else None
    if given is None:
        log.warning("backbone_untrained", why="no weights were given; it starts from noise")
        return None
    try:
        state = convert.convolutions(given)
    except (OSError, ValueError, RuntimeError, AttributeError, EOFError, UnpicklingError) as error:
        raise NoBackbone(f"{given} cannot be read.") from error
    if not fits(state, recipe):
        raise NoBackbone(f"{given} holds no {recipe.config.get('backbone', 'vgg19')}.")
    before = started(run)
    begun_elsewhere = (run / FITS).exists() if before is None else not same(before, state)
    if begun_elsewhere:
        raise OtherRecipe(f"{run} began from other weights; choose a new folder.")
    run.mkdir(parents=True, exist_ok=True)
    (run / START).write_bytes(save({name: one.contiguous() for name, one in state.items()}))
    return state


def fits(state: State, recipe: Recipe) -> bool:
    """Tell whether weights are the backbone's, each of its shape."""
    module = build(recipe.arch, recipe.config)
    assert isinstance(module, FaceSequence)
    wanted = module.backbone.state_dict()
    return {k: v.shape for k, v in state.items()} == {k: v.shape for k, v in wanted.items()}


def same(first: State, second: State) -> bool:
    """Tell whether weights are the same numbers."""
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


def started(run: Path) -> State | None:
    """Return what a run started from; None where it had nothing."""
    return load_file(run / START) if (run / START).is_file() else None
