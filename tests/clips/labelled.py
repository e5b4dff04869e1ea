"""`python -m tests.clips.labelled FOLDER` writes generated clips, pictures and sounds, and a table.

Three made-up raters label them; the third errs. It proves the machinery, and nothing of animals.
"""

import csv
import sys
import wave
from pathlib import Path

import cv2
import numpy as np

from . import Animal, Call, ClipSpec, Coat, Motion, Sound, Species, Voice, frames, render
from .soundtrack import compose

CLASSES = ("Relaxed", "Alert", "Anxious", "Playful", "Distressed")
LIKE = (  # what stands for each class: movement, coat, voice
    (Motion.LIE, Coat.TAN, Voice.PURR),
    (Motion.STAND, Coat.BLACK, Voice.BARK),
    (Motion.PACE, Coat.WHITE, Voice.WHINE),
    (Motion.PLAY, Coat.GINGER, Voice.GROWL),
    (Motion.CROUCH, Coat.GREY, Voice.HOWL),
)
PETS = 10  # each with a clip or two; further ones with a picture or a sound
COLUMNS = ("path", "kind", "pet_id", "source", "species", "breed", "recorded_at", "licence")
RATERS = ("rater_anna", "rater_ben", "rater_vet")


def spec(number: int) -> ClipSpec:
    """Return the clip of one row; rows of one class look and sound alike."""
    motion, coat, voice = LIKE[number % 5]
    species = Species.CAT if number % 2 else Species.DOG
    animal = Animal(species=species, motion=motion, coat=coat, size=0.3 + 0.01 * (number % 7))
    calls = (Call(voice, 0.5, 0.8), Call(voice, 1.5, 0.5))
    size = {"duration_s": 2.5, "width": 256, "height": 144, "fps": 15.0}
    return ClipSpec(seed=number, animal=animal, sound=Sound(calls=calls), **size)


def write(folder: Path) -> Path:
    """Write every file and the table; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    rows = []
    for number in range(3 * PETS):
        kind = ("clip", "image", "audio")[number // PETS]
        made, label = spec(number), number % 5
        name = f"{number:02d}.{ {'clip': 'mp4', 'image': 'png', 'audio': 'wav'}[kind] }"
        WRITE[kind](made, folder / name)
        votes = [label, label, label if rng.random() < 0.7 else int(rng.integers(5))]
        pet = f"{kind}-pet-{number}"
        cells = (name, kind, pet, f"generated {pet}", made.animal.species, "", "", "CC0-1.0")
        rows.append([*cells, *(CLASSES[v] for v in votes)])
    path = folder / "labels.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([[*COLUMNS, *RATERS], *rows])
    return path


def picture(made: ClipSpec, path: Path) -> None:
    """Write a clip's first picture."""
    cv2.imwrite(str(path), next(frames(made)).bgr)


def recording(made: ClipSpec, path: Path) -> None:
    """Write a clip's sound."""
    samples = compose(made).samples[0]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(made.sound.sample_rate_hz)
        file.writeframes((samples * 32_767).astype("<i2").tobytes())


WRITE = {"clip": render, "image": picture, "audio": recording}

if __name__ == "__main__":
    print(write(Path(sys.argv[1])))  # noqa: T201
