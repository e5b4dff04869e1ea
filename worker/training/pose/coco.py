"""Reads labelled photos: COCO's keypoint form, with the names of the usual animal data sets."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from shared.errors import InputError
from worker.pipeline.extract.keypoints import NAMES, POINTS

# Names without side, punctuation and case: AP-10K, Animal Pose, StanfordExtra, SuperAnimal, ours.
# Of a hind leg, "knee" is the stifle in AP-10K and the hock in Animal Pose ("B_Knee").
MEANS = {
    "nose": "nose", "chin": "chin", "withers": "withers", "midback": "mid_back",
    "backmiddle": "mid_back", "tailbase": "tail_base", "tailstart": "tail_base",
    "rootoftail": "tail_base", "tailmid": "tail_mid", "tailtip": "tail_tip", "tailend": "tail_tip",
    "eye": "eye", "earbase": "ear_base", "eartip": "ear_tip", "earend": "ear_tip",
    "elbow": "elbow", "felbow": "elbow", "frontelbow": "elbow", "fronttop": "elbow",
    "carpus": "carpus", "fknee": "carpus", "frontknee": "carpus", "frontmiddle": "carpus",
    "frontpaw": "front_paw", "fpaw": "front_paw",
    "stifle": "stifle", "knee": "stifle", "belbow": "stifle", "reartop": "stifle",
    "backtop": "stifle", "hock": "hock", "bknee": "hock", "rearmiddle": "hock",
    "rearknee": "hock", "rearpaw": "rear_paw", "backpaw": "rear_paw", "bpaw": "rear_paw",
    "hindpaw": "rear_paw",
}  # fmt: skip
SIDES = {"left": "a", "l": "a", "right": "b", "r": "b", "a": "a", "b": "b"}


class AnnotationsUnreadable(InputError):
    """The annotations are no COCO keypoints file."""

    code = "annotations_unreadable"


class Part(BaseModel):
    """Base: what is not used is ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class ImageRow(Part):
    """One picture of the file."""

    id: int | str
    file_name: str


class AnnotationRow(Part):
    """One animal: box x, y, width, height; keypoints x, y, v one after the other."""

    image_id: int | str
    bbox: tuple[float, float, float, float]
    keypoints: list[float]
    category_id: int | str | None = None


class Category(Part):
    """The names of the keypoints, in order."""

    id: int | str | None = None
    keypoints: list[str]


class Coco(Part):
    """The file."""

    images: list[ImageRow]
    annotations: list[AnnotationRow]
    categories: list[Category]


@dataclass(frozen=True, slots=True)
class Labelled:
    """One animal in one picture, in pixels: points (25, 2), and for which there is a truth."""

    path: Path
    box: tuple[float, float, float, float]  # x0, y0, x1, y1
    points: NDArray[np.float64]
    asked: NDArray[np.bool_]


def meaning(name: str) -> str | None:
    """Return our name of a foreign keypoint, None where we have none."""
    words = [w for w in name.lower().replace("-", "_").replace(" ", "_").split("_") if w]
    side = next((SIDES[w] for w in (words[:1] + words[-1:]) if w in SIDES), "")
    bare = "".join(w for w in words if w not in SIDES or (w in ("b", "a") and w not in words[-1:]))
    for known in (bare, bare.removeprefix("left").removeprefix("right")):
        if known in MEANS:
            ours = MEANS[known]
            return ours if ours in NAMES else f"{ours}_{side or 'a'}"
    return None


def read_labels(annotations: Path, images: Path) -> list[Labelled]:
    """Read every labelled animal. Raises AnnotationsUnreadable, which says what is wrong."""
    try:
        coco = Coco.model_validate(json.loads(annotations.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise AnnotationsUnreadable(f"{annotations.name} is no JSON file: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise AnnotationsUnreadable(f"{annotations.name}: {where}: {first['msg']}") from error
    if not coco.categories or not any(meaning(n) for n in coco.categories[0].keypoints):
        raise AnnotationsUnreadable(f"{annotations.name} names no keypoint that is known here.")
    paths = {i.id: images / i.file_name for i in coco.images}
    names = {c.id: c.keypoints for c in coco.categories}
    usual = coco.categories[0].keypoints
    return [
        label(row, paths, names.get(row.category_id, usual))
        for row in coco.annotations
        if min(row.bbox[2:]) > 0
    ]


def label(row: AnnotationRow, paths: dict[int | str, Path], names: list[str]) -> Labelled:
    """Return one animal of the file. Raises AnnotationsUnreadable."""
    if row.image_id not in paths:
        raise AnnotationsUnreadable(
            f"An annotation is of image {row.image_id}, which is not listed."
        )
    if len(row.keypoints) != 3 * len(names):
        said = f"{len(row.keypoints)} numbers for {len(names)} keypoints"
        raise AnnotationsUnreadable(f"An annotation of image {row.image_id} has {said}.")
    points, asked = np.zeros((POINTS, 2)), np.zeros(POINTS, bool)
    for name, (x, y, v) in zip(names, np.reshape(row.keypoints, (-1, 3)), strict=True):
        ours = meaning(name)
        if ours is not None and v > 0:
            points[NAMES.index(ours)], asked[NAMES.index(ours)] = (x, y), True
    x, y, w, h = row.bbox
    return Labelled(paths[row.image_id], (x, y, x + w, y + h), points, asked)
