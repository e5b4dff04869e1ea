"""Keypoints set by eye on 41 frames of the real clips: what the pose network is measured on.

`python -m tests.clips.by_hand CLIPS OUT` writes the frames and COCO annotations for `tailtrend
evaluate pose`. The boxes are the detector's; the points are as exact as a grid of tenths of the box
allows, some 3 % of its side. Nothing is trained on them.
"""

import json
import sys
from pathlib import Path
from typing import Any

import av
import cv2

LABELS = Path(__file__).with_name("keypoints_by_hand.json")
ANNOTATIONS = "coco.json"


def write(clips: Path, out: Path) -> Path:
    """Write every labelled frame as PNG, and the annotations; return the latter's path."""
    rows = json.loads(LABELS.read_text("utf-8"))
    out.mkdir(parents=True, exist_ok=True)
    for clip in dict.fromkeys(row["clip"] for row in rows):
        write_frames(clips / clip, {r["frame"] for r in rows if r["clip"] == clip}, out)
    path = out / ANNOTATIONS
    path.write_text(json.dumps(coco(rows)), "utf-8")
    return path


def write_frames(clip: Path, wanted: set[int], out: Path) -> None:
    """Write frames of a clip by number."""
    with av.open(str(clip)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number in wanted:
                cv2.imwrite(str(out / name_of(clip.name, number)), frame.to_ndarray(format="bgr24"))
            if number >= max(wanted):
                return


def name_of(clip: str, frame: int) -> str:
    """Name a frame's file."""
    return f"{Path(clip).stem}-{frame}.png"


def coco(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the labels in COCO's form."""
    names = sorted({name for row in rows for name in row["points"]})
    return {
        "images": [
            {"id": i, "file_name": name_of(row["clip"], row["frame"])} for i, row in enumerate(rows)
        ],
        "annotations": [
            {
                "image_id": i,
                "bbox": row["box"],
                "keypoints": [n for name in names for n in seen(row["points"].get(name))],
            }
            for i, row in enumerate(rows)
        ],
        "categories": [{"keypoints": names}],
    }


def seen(point: list[int] | None) -> tuple[int, int, int]:
    """Return a point as x, y, visibility."""
    return (0, 0, 0) if point is None else (point[0], point[1], 2)


if __name__ == "__main__":
    print(write(Path(sys.argv[1]), Path(sys.argv[2])))  # noqa: T201
