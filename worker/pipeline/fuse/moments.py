"""Draws one still for each moment that mattered: the picture nearest to its middle."""

from collections.abc import Sequence

import numpy as np

from worker.pipeline.extract import Extract
from worker.pipeline.extract.draw import Sight, drawn
from worker.pipeline.extract.locate import How
from worker.pipeline.extract.stills import as_jpeg, as_picture


def stills(extracted: Extract, spans_s: Sequence[tuple[float, float]]) -> list[bytes]:
    """Return one JPEG a span, with the pet's box, outline and points drawn in."""
    times_s = extracted.picture_times_s
    nearest = [int(np.abs(times_s - (start + end) / 2).argmin()) for start, end in spans_s]
    return [
        as_jpeg(drawn(as_picture(extracted.stills[i]), sight_of(extracted, i))) for i in nearest
    ]


def sight_of(extracted: Extract, i: int) -> Sight:
    """Return what is known of the i-th picture."""
    pet = extracted.facts.pet
    is_guess = pet.how[i] in (How.GUESSED, How.ASSUMED) if pet.how else False
    return Sight(pet.boxes[i], extracted.masks[i], is_guess, extracted.pose, i)
