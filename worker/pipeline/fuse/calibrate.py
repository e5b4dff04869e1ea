"""From nats to honest probabilities: temperature, product of experts, sets, how unlike the rest.

Training fits what is applied here, so the formulas stand here only.

    ln p = w_l logits / T + the animal's offset
           + w_e (the ethogram's evidence, in nats, without its prior) + const

A network brings the prior that it learned, so the ethogram's own is left out: nothing counts twice.
"""

import functools
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from worker.pipeline.bundles import Bundle
from worker.pipeline.manifest import ANY, CLASSES, Experts, Manifest

Nats = NDArray[np.float64]


def temperature(manifest: Manifest, present: Sequence[str]) -> float:
    """Return the temperature of a presence pattern; 1 where nothing was fitted."""
    if manifest.calibration is None:
        return 1.0
    table = manifest.calibration.temperature
    return table.get("+".join(present), table[ANY])


def is_calibrated(manifest: Manifest, present: Sequence[str]) -> bool:
    """Tell whether rows with this presence pattern bore the calibration out.

    A table of nothing but the common temperature claims it for all.
    """
    fitted = manifest.calibration
    if fitted is None or not fitted.calibrated:
        return False
    return "+".join(present) in fitted.temperature or set(fitted.temperature) == {ANY}


def experts(manifest: Manifest) -> Experts:
    """Return the exponents of the product of experts; the ethogram has none where it is alone."""
    if manifest.decides == "alone":
        return Experts(learned=1.0, ethogram=0.0)
    return manifest.calibration.experts if manifest.calibration else Experts()


def weight(manifest: Manifest, present: Sequence[str]) -> float:
    """Return what a logit counts in nats."""
    return experts(manifest).learned / temperature(manifest, present)


def animal(species: str, breed: str = "") -> str:
    """Return the key of an animal's offset: its species, and its breed where there is one."""
    return f"{species}/{breed.strip().casefold()}" if breed.strip() else species


def offset(offsets: Mapping[str, ArrayLike], species: str, breed: str) -> Nats:
    """Return the nats (5,) that are added for an animal: its species', and its breed's within it.

    A breed that nothing was fitted to has its species' alone.
    """
    keys = {animal(species), animal(species, breed)}
    rows = [np.asarray(offsets[key], np.float64) for key in keys if key in offsets]
    return np.asarray(sum(rows, np.zeros(len(CLASSES))))


def offset_of(manifest: Manifest, species: str, breed: str) -> Nats:
    """Return a bundle's offset (5,) for an animal; zeros where none was fitted."""
    fitted = manifest.calibration.offsets if manifest.calibration else {}
    return offset(fitted, species, breed)


def conformal_set(manifest: Manifest, species: str, chances: Nats) -> tuple[int, ...] | None:
    """Return the classes that cannot be excluded, most probable first; None where none was fitted.

    LAC (Sadinle et al. 2019, arXiv 1609.00451): 1 - p at most the quantile, Mondrian by species;
    never empty.
    """
    fitted = manifest.calibration.conformal if manifest.calibration else None
    if fitted is None:
        return None
    most = fitted.quantile.get(species, fitted.quantile[ANY])
    order = np.argsort(-chances, kind="stable")
    inside = [int(i) for i in order if 1 - chances[i] <= most]
    return tuple(inside or [int(order[0])])


def is_foreign(bundle: Bundle, embedding: NDArray[np.float32] | None) -> bool:
    """Tell whether a clip is unlike everything that the bundle learned from."""
    fitted = bundle.manifest.calibration.ood if bundle.manifest.calibration else None
    if fitted is None or embedding is None:
        return False
    return distance(bundle, embedding) > fitted.max_score


def distance(bundle: Bundle, embedding: NDArray[np.float32]) -> float:
    """Return the squared Mahalanobis distance of an embedding (d,) to the bundle's own."""
    mean, precision = spread(bundle)
    away = embedding.astype(np.float64) - mean
    return float(away @ precision @ away)


@functools.lru_cache(maxsize=4)
def spread(bundle: Bundle) -> tuple[Nats, Nats]:
    """Read mean (d,) and precision (d, d) of a bundle's embeddings."""
    assert bundle.manifest.calibration is not None
    assert bundle.manifest.calibration.ood is not None
    with np.load(bundle.directory / bundle.manifest.calibration.ood.file) as stored:
        return stored["mean"].astype(np.float64), stored["precision"].astype(np.float64)
