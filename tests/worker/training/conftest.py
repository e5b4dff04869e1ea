"""Corpora whose numbers are drawn: a class moves each modality's numbers, nothing else does."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from worker.training import labels, splits
from worker.training.corpus import Corpus
from worker.training.dataset import Dataset, Example, Kind
from worker.training.features import METADATA, Features
from worker.training.table import build

try:
    import torch
except ImportError:  # a build for a GPU that is not here: nothing can be trained
    collect_ignore_glob = ["test_*.py", "pose/*.py"]
else:
    torch.set_num_threads(1)

NAMED = (
    ("vision_encoder", "mobilenet-v3-small", "a" * 64),
    ("audio_encoder", "whisper-tiny.en", "b" * 64),
)


def features_of(rng, label, *, seen: bool, heard: bool, strength: float) -> Features:
    vision = rng.normal(size=(2, 3, 576)) + strength * (np.arange(576) % 5 == label)
    audio = rng.normal(size=(2, 768)) + strength * (np.arange(768) % 5 == label)
    return Features(
        vision=(vision if seen else np.zeros((1, 0, 576))).astype(np.float32),
        audio=(audio if heard else np.zeros((0, 768))).astype(np.float32),
        pose=np.zeros((0, 32), np.float32),
        background=rng.normal(size=(3 if seen else 0, 576)).astype(np.float32),
        signs=np.zeros(5 if seen and heard else 0, np.float32),
        quality=np.array([0.8 * seen, 0.9 * heard, 0], np.float32),
        metadata=rng.normal(size=len(METADATA)).astype(np.float32),
        picture_bits=rng.random((seen * 3, 64)) < 0.5,
        sound_bits=rng.random(512) < 0.5 if heard else np.zeros(0, bool),
    )


@pytest.fixture
def corpus_of(tmp_path) -> Callable[..., Corpus]:
    """Return a function that draws n rows of n / 2 animals; every third lacks sound or sight."""

    def draw(n: int = 60, *, strength: float = 1.0, seed: int = 0, source: str = "") -> Corpus:
        rng = np.random.default_rng(seed)
        truth = np.arange(n) % 5
        kinds = [Kind.CLIP, Kind.IMAGE, Kind.AUDIO]
        examples, found = [], []
        for i in range(n):
            kind = kinds[i % 3]
            seen, heard = kind != Kind.AUDIO, kind != Kind.IMAGE
            found.append(features_of(rng, truth[i], seen=seen, heard=heard, strength=strength))
            votes = (int(truth[i]), int(truth[i]), int(rng.integers(5)))
            breed = "Beagle" if i % 4 < 2 else ""
            pet, species = f"pet{i // 2}", "cat" if i // 2 % 3 == 0 else "dog"
            examples.append(
                Example(Path(f"{i}.x"), kind, f"{i:064x}", pet, source, species, breed, None, votes)
            )
        dataset = Dataset(tmp_path / "labels.csv", ("a", "b", "c"), tuple(examples))
        votes = labels.votes_of(dataset)
        targets, usable = labels.targets(votes, labels.Rule.SOFT)
        joined = splits.links(examples, found)
        return Corpus(
            dataset=dataset,
            features=tuple(found),
            table=build(examples, found),
            joined=joined,
            groups=joined.groups(n),
            targets=targets,
            usable=usable,
            truth=labels.truth(votes),
            named=NAMED,
        )

    return draw
