"""Decides when nothing may be said about the animal, cheapest reason first."""

from worker.pipeline.extract import Extract
from worker.pipeline.extract.locate import Pet

DARK_MEAN, DARK_P95 = 40 / 255, 80 / 255
BLURRED = 0.12  # sharpness v / (v + 60): Laplacian variance of 8 at 320 px
MIN_PET_SHARE = 0.2  # of the pictures looked at; the highest negative measured is .12


def closed_gate(extracted: Extract) -> str | None:
    """Return the code of the first gate that the clip does not pass, None when it passes all."""
    quality, shots, pet = extracted.facts.quality, extracted.facts.shots, extracted.facts.pet
    if quality.brightness < DARK_MEAN and quality.brightness_p95 < DARK_P95:
        return "too_dark"
    if shots.is_static:
        return "static_image"
    if quality.sharpness < BLURRED:
        return "too_blurry"
    if is_absent(pet):
        return "no_pet_visible"
    if pet.pets_seen is not None and pet.pets_seen > 1:
        return "multiple_pets"
    return None


def is_absent(pet: Pet) -> bool:
    """Tell whether a detector looked and saw a pet in next to no picture: what moves is not it."""
    return pet.pet_frames_share is not None and pet.pet_frames_share < MIN_PET_SHARE
