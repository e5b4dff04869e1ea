"""Measures on real clips where the pet is found, and how well box and outline fit. Prints nothing.

Nothing of the clips is kept. The masks of `davis-dog` (DAVIS 2016) are the only truth among them.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cli import real_heads

if TYPE_CHECKING:
    from worker.pipeline.extract import ExtractModels
    from worker.pipeline.extract.detect import PetDetector
    from worker.pipeline.extract.locate import Pet
    from worker.pipeline.extract.pose import PoseNetwork

LIST = "CLIPS.csv"
MASKED_FPS = 24.0  # of the DAVIS sequences
SECOND_PICTURE = 12  # frames from one picture to the next, twice a second
PICTURE_SIDE = (640, 360)


@dataclass(frozen=True, slots=True)
class Located:
    """One clip: what its list says that it shows, how its pictures' boxes came, and its share."""

    name: str
    shows: str  # dog, cat, none, uncertain
    how: dict[str, int]
    pictures: int
    pet_frames_share: float
    heads: real_heads.HeadsFound | None


@dataclass(frozen=True, slots=True)
class Fit:
    """One masked sequence: mean intersection over union of the boxes and of the silhouettes."""

    name: str
    pictures: int
    box: float
    mask: float


def located(folder: Path, models: "ExtractModels") -> Iterator[Located]:
    """Locate the pet, and its head, in the sampled pictures of each clip that CLIPS.csv lists."""
    from worker.pipeline.extract.locate import locate

    with (folder / LIST).open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        pictures, times_s = sampled(folder / row["file"])
        pet = locate(pictures, times_s, models.detector)
        heads = real_heads.find(pictures, pet.boxes, models)
        yield summed(row["file"], row["species"], pet, heads)


def sampled(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Return a clip's pictures and their times, of the first minute where it is longer."""
    import av

    from shared.errors import ClipTooLong
    from worker.pipeline.extract.decode import Watcher, stacked

    watcher = Watcher()
    with av.open(str(path)) as container:
        container.streams.video[0].thread_type = "AUTO"
        try:
            for frame in container.decode(video=0):
                watcher.watch(frame)
        except ClipTooLong:
            pass
    return stacked(watcher.pictures), np.array(watcher.picture_times_s)


def summed(name: str, shows: str, pet: "Pet", heads: real_heads.HeadsFound | None) -> Located:
    """Count the reasons for which a clip's boxes are believed."""
    how = {reason: sum(h == reason for h in pet.how) for reason in dict.fromkeys(pet.how)}
    share = pet.pet_frames_share or 0.0
    return Located(name, shows, {str(k): n for k, n in how.items()}, len(pet.how), share, heads)


def fits(folder: Path, detector: "PetDetector", network: "PoseNetwork | None") -> Iterator[Fit]:
    """Compare boxes and silhouettes with the masks of each sequence in a DAVIS folder (480p)."""
    from worker.pipeline.extract.locate import locate
    from worker.pipeline.extract.mask import silhouettes

    for masks_dir in sorted((folder / "Annotations" / "480p").iterdir()):
        stems = [p.stem for p in sorted(masks_dir.glob("*.png"))][::SECOND_PICTURE]
        pictures = read(folder / "JPEGImages" / "480p" / masks_dir.name, stems)
        truths = [read_mask(masks_dir / f"{stem}.png") for stem in stems]
        pet = locate(pictures, np.arange(len(stems)) * SECOND_PICTURE / MASKED_FPS, detector)
        pose = network.look(pictures, pet.boxes) if network else None
        masks = silhouettes(pictures, pet.boxes, (pose.masks, pose.squares) if pose else None)
        boxes = [box_overlap(b, t) for b, t in zip(pet.boxes, truths, strict=True)]
        shapes = [mask_overlap(b, m, t) for b, m, t in zip(pet.boxes, masks, truths, strict=True)]
        yield Fit(masks_dir.name, len(stems), float(np.mean(boxes)), float(np.mean(shapes)))


def read(folder: Path, stems: list[str]) -> NDArray[np.uint8]:
    """Read pictures (n, 360, 640, 3) RGB."""
    import cv2

    found = [cv2.imread(str(folder / f"{stem}.jpg")) for stem in stems]
    small = [cv2.resize(np.asarray(p), PICTURE_SIDE, interpolation=cv2.INTER_AREA) for p in found]
    return np.stack(small)[:, :, :, ::-1].astype(np.uint8)


def read_mask(path: Path) -> NDArray[np.bool_]:
    """Read a mask (360, 640)."""
    import cv2

    found = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if found is None:
        raise FileNotFoundError(path)
    return np.asarray(cv2.resize(found, PICTURE_SIDE, interpolation=cv2.INTER_AREA) > 127)


def box_overlap(box: tuple[float, float, float, float] | None, truth: NDArray[np.bool_]) -> float:
    """Return the intersection over union of a box with a mask's box; 0 without one."""
    from worker.pipeline.extract.detect import overlap

    rows, columns = np.nonzero(truth)
    height, width = truth.shape
    edges = (columns.min() / width, rows.min() / height)
    ends = ((columns.max() + 1) / width, (rows.max() + 1) / height)
    return overlap(box, (*edges, *ends)) if box else 0.0


def mask_overlap(
    box: tuple[float, float, float, float] | None,
    mask: NDArray[np.uint8],
    truth: NDArray[np.bool_],
) -> float:
    """Return the intersection over union of a silhouette with a mask; 0 without one."""
    from worker.pipeline.extract.crop import square_of
    from worker.pipeline.extract.outline import laid

    if box is None:
        return 0.0
    height, width = truth.shape
    found = laid(mask, np.array(square_of(box, (width, height))), (height, width)) > 0.5
    return float((found & truth).sum() / (found | truth).sum())
