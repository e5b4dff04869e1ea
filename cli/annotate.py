"""`tailtrend analyze --draw`: writes a clip again with what was found drawn into it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from worker.pipeline.architectures.inputs import STATES
from worker.pipeline.extract.decode import Watcher, choose_video, opened, picture_size
from worker.pipeline.extract.detect import as_box
from worker.pipeline.extract.draw import drawn
from worker.pipeline.fuse.moments import sight_of

if TYPE_CHECKING:
    from worker.pipeline.extract import Extract

Picture = NDArray[np.uint8]

CODEC = "mpeg4"  # in every FFmpeg build, whatever its licence
BIT_RATE = 4_000_000
OUTSIDE_S = 0.6  # so far from a picture that was looked at nothing is known
ROW_PX, NAME_PX, MARGIN_PX = 22, 120, 6
MOST_SIGNS = 4
TEXT_RGB, BACK_RGB, BAR_RGB = (240, 240, 240), (24, 24, 28), (46, 110, 160)


def write(
    clip: Path,
    out: Path,
    extracted: "Extract",
    said: dict[str, Any],
    on_progress: Callable[[float], None],
) -> None:
    """Write `clip` as MPEG-4 with the pet, the signs and the states' course drawn in.

    `said` is the assessment's public form. Reports progress as fractions 0..1.
    """
    media = extracted.facts.media
    with av.open(str(out), "w", format="mp4") as container:
        stream = cast("av.VideoStream", container.add_stream(CODEC, rate=max(1, round(media.fps))))
        stream.pix_fmt, stream.bit_rate = "yuv420p", BIT_RATE
        stream.width, stream.height = picture_size((media.width, media.height))
        stream.height += ROW_PX * (STATES + MOST_SIGNS)
        for time_s, picture in frames(clip):
            shown = np.vstack([seen(picture, time_s, extracted), strip(picture, time_s, said)])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shown, format="rgb24")))
            on_progress(min(1.0, time_s / media.duration_s))
        container.mux(stream.encode(None))
    on_progress(1.0)


def frames(clip: Path) -> Iterator[tuple[float, Picture]]:
    """Yield each readable frame's time and picture, as it is seen, at most 640 px."""
    with opened(clip) as container:
        video = choose_video(container)
        watcher = Watcher(pixel_aspect=video.sample_aspect_ratio)
        for packet in container.demux(video):
            try:
                found = packet.decode()
            except av.FFmpegError:
                continue  # a broken packet; the analysis left it out as well
            for frame in found:
                time_s = watcher.clock(frame)
                if time_s is not None:
                    yield time_s, watcher.colour_picture(frame)


def seen(picture: Picture, time_s: float, extracted: "Extract") -> Picture:
    """Return a picture with the pet's box, outline and points of that moment."""
    times_s, boxes = extracted.picture_times_s, extracted.facts.pet.boxes
    nearest = int(np.abs(times_s - time_s).argmin())
    sight = sight_of(extracted, nearest)
    if sight.box is None or abs(times_s[nearest] - time_s) > OUTSIDE_S:
        return picture
    edges = np.array([b for b in boxes if b is not None])
    known_s = times_s[[b is not None for b in boxes]]
    box = as_box(np.array([np.interp(time_s, known_s, edges[:, k]) for k in range(4)]))
    return drawn(picture, replace(sight, box=box))


def strip(picture: Picture, time_s: float, said: dict[str, Any]) -> Picture:
    """Return what lies below a picture: each state's probability, and the moment's signs."""
    width = picture.shape[1]
    canvas = np.full((ROW_PX * (STATES + MOST_SIGNS), width, 3), BACK_RGB, np.uint8)
    for row, (name, share) in enumerate(chances_at(time_s, said).items()):
        right = NAME_PX + round(share * (width - NAME_PX - MARGIN_PX))
        top = row * ROW_PX + 3
        cv2.rectangle(canvas, (NAME_PX, top), (right, top + ROW_PX - 6), BAR_RGB, -1)
        label(canvas, f"{name} {share:.0%}", row)
    for row, line in enumerate(lines_at(time_s, said), start=STATES):
        label(canvas, line, row)
    return canvas


def chances_at(time_s: float, said: dict[str, Any]) -> dict[str, float]:
    """Return the states' probabilities around a moment; empty where nothing was said."""
    if not said["timeline"]:
        return {}
    nearest = min(said["timeline"], key=lambda point: abs(point["t_s"] - time_s))
    chances: dict[str, float] = nearest["probabilities"]
    return chances


def lines_at(time_s: float, said: dict[str, Any]) -> list[str]:
    """Return the strongest signs whose span holds a moment; what was concluded, where none does."""
    signs = [
        sign
        for sign in (*said["signal_details"], *said["against"])
        if sign["span_s"][0] <= time_s <= sign["span_s"][1]
    ]
    if not signs:
        return [said["emotion"] or f"cannot tell: {said['abstention']['code']}"]
    signs.sort(key=lambda sign: -abs(sign["weight_nats"]))
    return [f"{s['name']}: {s['value']:.2f} {s['unit']}" for s in signs[:MOST_SIGNS]]


def label(canvas: Picture, text: str, row: int) -> None:
    """Write one line of text; OpenCV's letters are plain ASCII."""
    plain = text.encode("ascii", "replace").decode()
    at = (MARGIN_PX, (row + 1) * ROW_PX - 7)
    cv2.putText(canvas, plain, at, cv2.FONT_HERSHEY_SIMPLEX, 0.42, TEXT_RGB, 1, cv2.LINE_AA)
