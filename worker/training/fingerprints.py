"""Tells near-duplicates: the same picture at another size, the same sound at another level.

Not told: a part cut out of a longer recording; `source` in the table groups those.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.pipeline.encode.mel import log_mel

HASH_SIDE = 32  # pixels that the cosine transform sees
KEPT = 8  # lowest frequencies, each way
PICTURE_BITS = KEPT * KEPT
NEAR_PICTURE = 6  # bits of 64
SOUND_BANDS, SOUND_STEPS = 17, 33
NEAR_SOUND = 0.2  # of the bits set in either; unrelated sounds differ in about two thirds
HEARD = 1.0  # below the loudest, in units of log_mel (40 dB): silence and its hiss say nothing

Bits = NDArray[np.bool_]


def picture_bits(pictures: NDArray[np.uint8]) -> Bits:
    """Return the perceptual hash of pictures (n, h, w, 3) RGB: (n, 64).

    The sign of the low frequencies against their median (Zauner 2010, section 3.2.1).
    """
    return np.stack([one_picture(p) for p in pictures])


def one_picture(picture: NDArray[np.uint8]) -> Bits:
    """Return one picture's 64 bits."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (HASH_SIDE, HASH_SIDE), interpolation=cv2.INTER_AREA)
    low = cv2.dct(small.astype(np.float32))[1 : KEPT + 1, 1 : KEPT + 1].ravel()
    return np.asarray(low > np.median(low))


def sound_bits(samples: NDArray[np.float32]) -> Bits:
    """Return the fingerprint of mono 16 kHz samples: (512,).

    Signs of energy differences over bands and time (Haitsma & Kalker 2002), on a fixed grid.
    """
    mel = log_mel(samples)  # (80, frames)
    mel = np.maximum(mel, mel.max() - HEARD)
    grid = cv2.resize(mel, (SOUND_STEPS, SOUND_BANDS), interpolation=cv2.INTER_AREA)
    over_bands = grid[1:] - grid[:-1]  # (16, 33)
    return np.asarray((over_bands[:, 1:] - over_bands[:, :-1]).ravel() > 0)


def near_pictures(a: list[Bits], n: int) -> list[tuple[int, int]]:
    """Return pairs of items of which a half of the shorter's pictures recur in the other.

    `a` has one (k, 64) array per item, empty where an item has no picture.
    """
    owner = np.concatenate([np.full(len(bits), i) for i, bits in enumerate(a)] or [np.empty(0)])
    if not len(owner):
        return []
    packed = np.packbits(np.concatenate([bits for bits in a if len(bits)]), axis=1)
    every = packed.view(np.uint64)[:, 0]
    owner = owner.astype(int)
    sizes = np.bincount(owner, minlength=n)
    hits: dict[tuple[int, int], set[int]] = {}
    for i in range(len(every)):
        differing = np.bitwise_count(every[i + 1 :] ^ every[i])
        for j in i + 1 + np.flatnonzero(differing <= NEAR_PICTURE):
            pair = (int(owner[i]), int(owner[j]))
            if pair[0] != pair[1]:
                shorter = i if sizes[pair[0]] <= sizes[pair[1]] else int(j)
                hits.setdefault(pair, set()).add(shorter)
    return [p for p, found in hits.items() if 2 * len(found) >= min(sizes[p[0]], sizes[p[1]])]


def near_sounds(bits: dict[int, Bits]) -> list[tuple[int, int]]:
    """Return pairs of items whose sound fingerprints hardly differ."""
    items = sorted(bits)
    pairs = []
    for k, i in enumerate(items[:-1]):
        others = np.stack([bits[j] for j in items[k + 1 :]])
        differing, either = (others ^ bits[i]).sum(axis=1), (others | bits[i]).sum(axis=1)
        near = differing <= NEAR_SOUND * either
        pairs += [(i, items[k + 1 + int(j)]) for j in np.flatnonzero(near)]
    return pairs
