"""Clips by the hundred for measuring errors: everything that the spec can say, drawn at random."""

from collections.abc import Iterator

import numpy as np

from .spec import (
    Animal,
    Call,
    Camera,
    ClipSpec,
    Coat,
    Ears,
    Motion,
    Picture,
    Scenery,
    Sound,
    Species,
    Voice,
)

DOG_VOICES = (Voice.BARK, Voice.WHINE, Voice.GROWL, Voice.YELP, Voice.HOWL)
CAT_VOICES = (Voice.MEOW, Voice.GROWL, Voice.HISS, Voice.PURR)
F0_HZ = {  # lowest and highest, drawn evenly on a log scale
    Voice.BARK: (250, 1600),
    Voice.WHINE: (500, 2000),
    Voice.GROWL: (70, 240),
    Voice.YELP: (800, 1600),
    Voice.HOWL: (350, 800),
    Voice.MEOW: (400, 900),
    Voice.PURR: (22, 30),
}
LONGEST_S = {Voice.BARK: 0.5, Voice.YELP: 0.35, Voice.HISS: 0.9, Voice.PURR: 2.5}


def chosen(rng: np.random.Generator, options):
    """Return one of the options (the member itself, not numpy's copy of its text)."""
    return list(options)[int(rng.integers(len(list(options))))]


def animal(rng: np.random.Generator) -> Animal:
    """Draw an animal and its programme."""
    species = chosen(rng, Species)
    motion = chosen(rng, Motion)
    is_wagging = motion != Motion.CROUCH and rng.random() < 0.6
    has_drop_ears = species == Species.DOG and rng.random() < 0.3
    amplitude_deg = float(rng.uniform(8, 35)) if is_wagging else 0.0
    return Animal(
        species=species,
        coat=chosen(rng, Coat),
        ears=Ears.DROP if has_drop_ears else Ears.PRICK,
        size=float(rng.uniform(0.2, 0.4)),
        stoutness=float(rng.uniform(0.9, 1.15)),
        leg_length=float(rng.uniform(0.75, 1.08)),
        position=(float(rng.uniform(0.4, 0.6)), float(rng.uniform(0.78, 0.92))),
        is_facing_right=bool(rng.random() < 0.5),
        motion=motion,
        speed_bl_s=float(rng.uniform(0.15, 0.9)),
        pace_hz=float(rng.uniform(0.2, 0.6)),
        pace_reach_bl=float(rng.uniform(0.25, 0.6)),
        tail_deg=float(rng.uniform(-110, -60) if motion == Motion.CROUCH else rng.uniform(-70, 75)),
        wag_hz=float(rng.uniform(1.0, 6.0)) if is_wagging else 0.0,
        wag_amplitude_deg=amplitude_deg,
        ear_position=float(rng.uniform(0, 1)),
        spine_curvature=float(rng.uniform(0, 0.22)),
        head_deg=float(rng.uniform(-15, 15)),
        tremble_hz=float(rng.uniform(8, 12)) if motion == Motion.CROUCH else 0.0,
        pant_hz=float(rng.uniform(3, 7)) if rng.random() < 0.15 else 0.0,
    )


def camera(rng: np.random.Generator) -> Camera:
    """Draw a camera: a third stand still, the others are held by a hand."""
    if rng.random() < 0.33:
        return Camera()
    return Camera(
        pan_px_s=tuple(float(v) for v in rng.normal(0, (8, 2))),
        shake_px=float(rng.uniform(0, 4)),
        shake_hz=float(rng.uniform(0.5, 3)),
        jitter_px=float(rng.uniform(0, 2)),
        zoom_per_s=float(rng.normal(0, 0.01)),
        roll_deg=float(rng.uniform(0, 1.2)),
    )


def picture(rng: np.random.Generator) -> Picture:
    return Picture(
        scenery=chosen(rng, Scenery),
        exposure=float(rng.uniform(0.45, 1.3)),
        blur_px=float(rng.uniform(0.3, 1.8)) if rng.random() < 0.3 else 0.0,
        noise=float(rng.uniform(0.5, 7)),
        occlusion=float(rng.uniform(0.05, 0.3)) if rng.random() < 0.25 else 0.0,
    )


def sound(rng: np.random.Generator, species: Species, duration_s: float) -> Sound:
    """Draw up to six calls that do not overlap, and a background."""
    calls, at_s = [], float(rng.uniform(0.2, 1.0))
    n_calls = int(rng.integers(0, 7))
    own = chosen(rng, DOG_VOICES if species == Species.DOG else CAT_VOICES)
    for _ in range(n_calls):
        length_s = float(rng.uniform(0.12, 1) * LONGEST_S.get(own, 1.2)) + 0.06
        if at_s + length_s > duration_s - 0.1:
            break
        low, high = F0_HZ.get(own, (0, 0))
        f0_hz = float(np.exp(rng.uniform(np.log(low), np.log(high)))) if low else None
        harshness = float(rng.uniform(0, 0.5))
        level = float(rng.uniform(0.08, 0.35))
        calls.append(Call(own, at_s, length_s, f0_hz=f0_hz, harshness=harshness, level=level))
        at_s += length_s + float(rng.uniform(0.2, 1.5))
    return Sound(calls=tuple(calls), snr_db=float(rng.uniform(10, 40)))


def specs(count: int, seed: int = 0, *, duration_s: float = 6.0) -> Iterator[ClipSpec]:
    """Yield that many different clips; the n-th does not depend on the count."""
    for index in range(count):
        rng = np.random.default_rng([seed, index])
        pet = animal(rng)
        yield ClipSpec(
            seed=seed * 1_000_003 + index,
            duration_s=duration_s,
            fps=float(chosen(rng, (24, 25, 30, 30, 30, 60))),
            animal=pet,
            camera=camera(rng),
            picture=picture(rng),
            sound=sound(rng, pet.species, duration_s),
        )
