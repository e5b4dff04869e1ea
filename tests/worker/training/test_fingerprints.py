import cv2
import numpy as np

from worker.training import fingerprints


def scene(seed):
    """A smooth picture that no other seed gives."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (9, 9, 3), dtype=np.uint8)
    return cv2.resize(coarse, (320, 240), interpolation=cv2.INTER_CUBIC)


def tones(seed, seconds=2.0):
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * 16_000)) / 16_000
    parts = [np.sin(2 * np.pi * f * t * (1 + 0.2 * t)) for f in rng.uniform(200, 5000, 4)]
    gate = np.repeat(rng.random(20) < 0.6, len(t) // 20)
    return (0.2 * np.sum(parts, axis=0) * gate).astype(np.float32)


def test_a_picture_is_known_again_smaller_darker_and_compressed():
    picture = scene(1)
    small = cv2.resize(picture, (120, 90), interpolation=cv2.INTER_AREA)
    dark = (picture * 0.7).astype(np.uint8)
    coded = cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 40])[1], 1)
    bits = [fingerprints.picture_bits(p[None]) for p in (picture, small, dark, coded)]
    assert fingerprints.near_pictures(bits, 4) == [
        (i, j) for i in range(4) for j in range(i + 1, 4)
    ]


def test_other_pictures_are_not_near():
    bits = [fingerprints.picture_bits(scene(seed)[None]) for seed in range(60)]
    assert fingerprints.near_pictures(bits, 60) == []


def test_a_clip_of_which_half_recurs_is_near_and_items_without_pictures_are_not():
    one = fingerprints.picture_bits(np.stack([scene(s) for s in (1, 2, 3, 4)]))
    other = fingerprints.picture_bits(np.stack([scene(s) for s in (3, 4, 5, 6, 7, 8)]))
    third = fingerprints.picture_bits(np.stack([scene(s) for s in (4, 9, 10, 11)]))
    empty = np.zeros((0, 64), bool)
    assert fingerprints.near_pictures([one, empty, other, third], 4) == [(0, 2)]
    assert fingerprints.near_pictures([empty, empty], 2) == []


def test_a_sound_is_known_again_at_another_level_and_a_little_noisy():
    rng = np.random.default_rng(0)
    sound = tones(1)
    changed = 0.4 * sound + rng.normal(0, 1e-4, len(sound)).astype(np.float32)
    bits = {i: fingerprints.sound_bits(s) for i, s in enumerate([sound, changed, tones(2)])}
    assert fingerprints.near_sounds(bits) == [(0, 1)]
    assert fingerprints.near_sounds({}) == []
