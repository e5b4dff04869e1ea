"""Draws one animal's proportions: a cat or a dog, grown or young, lean or stout.

Lengths are in spine lengths, withers to tail base. Knows no pose and no colour.
"""

from dataclasses import dataclass

from numpy.random import Generator

CAT_SHARE = 0.4
YOUNG_SHARE = 0.15
BOBTAIL_SHARE = 0.06
BOBTAIL = 0.12  # a shorter tail has no middle and no tip of its own


@dataclass(frozen=True, slots=True)
class Anatomy:
    """Radii and lengths in spine lengths; `fluff` is the share by which fur widens a radius."""

    is_cat: bool
    chest: float
    belly: float
    rump: float
    depth: float  # how far the breast hangs below the chest's own radius
    leg: float  # 1: withers one spine length over the floor
    limb: float  # thickness of legs
    neck: float
    skull: float
    snout: float
    muzzle: float  # radius
    eye: float
    ear: float
    ear_width: float
    tail: float
    tail_root: float
    tail_tip: float
    fluff: float
    plume: float  # factor on the tail's radius where its hair is longest

    @property
    def has_tail(self) -> bool:
        """Tell whether the tail has a middle and a tip."""
        return self.tail > BOBTAIL


def draw_anatomy(rng: Generator) -> Anatomy:
    """Draw the proportions of a cat or a dog."""
    is_cat = bool(rng.random() < CAT_SHARE)
    young = 1.3 if rng.random() < YOUNG_SHARE else 1.0
    stout = float(rng.uniform(0.85, 1.25))
    fluff = float(rng.uniform(0.06, 0.3)) if rng.random() < 0.45 else float(rng.uniform(0, 0.05))
    return draw_cat(rng, young, stout, fluff) if is_cat else draw_dog(rng, young, stout, fluff)


def draw_dog(rng: Generator, young: float, stout: float, fluff: float) -> Anatomy:
    """Draw a dog, from a dachshund to a greyhound and from a pug to a collie."""
    skull = float(rng.uniform(0.115, 0.165)) * young
    bob = rng.random() < BOBTAIL_SHARE
    return Anatomy(
        is_cat=False,
        chest=float(rng.uniform(0.16, 0.2)) * stout,
        belly=float(rng.uniform(0.115, 0.175)) * stout,
        rump=float(rng.uniform(0.13, 0.165)) * stout,
        depth=float(rng.uniform(0.0, 0.14)),
        leg=float(rng.uniform(0.42, 1.1)) / young**0.5,
        limb=float(rng.uniform(0.8, 1.35)) * stout**0.5 * young**0.5,
        neck=float(rng.uniform(0.14, 0.36)) / young,
        skull=skull,
        snout=float(rng.choice([rng.uniform(0.02, 0.09), rng.uniform(0.09, 0.26)], p=[0.2, 0.8])),
        muzzle=skull * float(rng.uniform(0.38, 0.62)),
        eye=skull * float(rng.uniform(0.13, 0.2)),
        ear=float(rng.uniform(0.11, 0.3)),
        ear_width=float(rng.uniform(0.05, 0.1)),
        tail=float(rng.uniform(0.03, 0.11) if bob else rng.uniform(0.3, 0.8)),
        tail_root=float(rng.uniform(0.035, 0.06)),
        tail_tip=float(rng.choice([rng.uniform(0.012, 0.025), rng.uniform(0.025, 0.06)])),
        fluff=fluff,
        plume=draw_plume(rng, fluff),
    )


def draw_plume(rng: Generator, fluff: float) -> float:
    """Draw how much wider a tail's middle is than its bone: a feathered tail may triple."""
    return float(1 + 2.2 * fluff + (rng.uniform(0.4, 1.8) if rng.random() < 0.25 else 0.0))


def draw_cat(rng: Generator, young: float, stout: float, fluff: float) -> Anatomy:
    """Draw a cat, from a kitten to a long-haired one."""
    skull = float(rng.uniform(0.115, 0.15)) * young
    root = float(rng.uniform(0.025, 0.045)) * (1 + fluff)
    return Anatomy(
        is_cat=True,
        chest=float(rng.uniform(0.125, 0.165)) * stout,
        belly=float(rng.uniform(0.125, 0.185)) * stout,
        rump=float(rng.uniform(0.125, 0.16)) * stout,
        depth=float(rng.uniform(0.0, 0.05)),
        leg=float(rng.uniform(0.55, 0.85)) / young**0.5,
        limb=float(rng.uniform(0.7, 1.05)) * young**0.5,
        neck=float(rng.uniform(0.1, 0.22)) / young,
        skull=skull,
        snout=float(rng.uniform(0.015, 0.05)),
        muzzle=skull * float(rng.uniform(0.34, 0.48)),
        eye=skull * float(rng.uniform(0.17, 0.25)),
        ear=skull * float(rng.uniform(0.75, 1.15)),
        ear_width=skull * float(rng.uniform(0.4, 0.6)),
        tail=float(rng.uniform(0.6, 1.0)) / young,
        tail_root=root,
        tail_tip=root * float(rng.uniform(0.5, 1.0)),
        fluff=fluff,
        plume=1 + 2.2 * fluff,
    )
