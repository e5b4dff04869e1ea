"""What the keypoint network is asked for, as one number to make small."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from worker.pipeline.extract.keypoints import NAMES
from worker.pipeline.extract.pose import MIRRORED
from worker.training.pose.sample import HIDDEN, OUTSIDE, VISIBLE
from worker.training.pose.stream import Batch

SPREAD_CELLS = 1.1  # of a heat map's target
HIDDEN_WEIGHT = 0.35
MASK_WEIGHT, SEEN_WEIGHT, CLASS_WEIGHT, VIEW_WEIGHT = 2.0, 0.6, 0.8, 2.5
EAR_POINTS = [i for i, n in enumerate(NAMES) if n.startswith("ear_")]


@dataclass(frozen=True, slots=True)
class Targets:
    """A batch as tensors: picture (n, 3, px, px) float32, the rest as in `Batch`."""

    picture: Tensor
    points: Tensor
    seen: Tensor
    mask: Tensor
    posture: Tensor
    ears: Tensor
    view: Tensor


def to_tensors(batch: Batch, px: int) -> Targets:
    """Return a batch with its pictures scaled to `px`."""
    picture = torch.from_numpy(batch.picture).permute(0, 3, 1, 2).float()
    if picture.shape[-1] != px:
        picture = functional.interpolate(picture, size=(px, px), mode="area")
    return Targets(
        picture.contiguous(memory_format=torch.channels_last),
        torch.from_numpy(batch.points),
        torch.from_numpy(batch.seen),
        torch.from_numpy(batch.mask).float() / 255,
        torch.from_numpy(batch.posture),
        torch.from_numpy(batch.ears),
        torch.from_numpy(batch.view),
    )


def mirror(batch: Batch) -> Batch:
    """Return the batch seen in a mirror; pairs stay in image order."""
    points = batch.points[:, MIRRORED].copy()
    points[:, :, 0] = 1 - points[:, :, 0]
    return Batch(
        np.ascontiguousarray(batch.picture[:, :, ::-1]),
        points,
        batch.seen[:, MIRRORED],
        np.ascontiguousarray(batch.mask[:, :, ::-1]),
        batch.posture,
        batch.ears,
        batch.view * np.array([-1, 1], np.float32),
    )


def total_loss(found: tuple[Tensor, ...], wanted: Targets) -> Tensor:
    """Add the losses of all outputs."""
    heat, mask, seen, posture, ears, view = (f.float() for f in found)
    shows_ear = (wanted.seen[:, EAR_POINTS] == VISIBLE).any(dim=1)
    ear_loss = functional.cross_entropy(ears, wanted.ears, reduction="none")
    return (
        heat_loss(heat, wanted)
        + MASK_WEIGHT * mask_loss(mask, wanted.mask)
        + SEEN_WEIGHT
        * functional.binary_cross_entropy_with_logits(seen, (wanted.seen == VISIBLE).float())
        + CLASS_WEIGHT * functional.cross_entropy(posture, wanted.posture)
        + CLASS_WEIGHT * (ear_loss * shows_ear).mean()
        + VIEW_WEIGHT * functional.mse_loss(view, wanted.view)
    )


def heat_loss(heat: Tensor, wanted: Targets) -> Tensor:
    """Return the cross-entropy of each point's map against a bump; hidden points weigh less."""
    size = heat.shape[-1]
    cells = torch.arange(size) + 0.5
    bump = (cells - wanted.points[..., None] * size).square() / (-2 * SPREAD_CELLS**2)
    target = (bump[:, :, 1, :, None] + bump[:, :, 0, None, :]).flatten(2).softmax(dim=2)
    each = -(target * heat.flatten(2).log_softmax(dim=2)).sum(dim=2)
    weight = (wanted.seen == VISIBLE).float() + HIDDEN_WEIGHT * (wanted.seen == HIDDEN).float()
    assert OUTSIDE not in (VISIBLE, HIDDEN)
    return (each * weight).sum() / weight.sum()


def mask_loss(mask: Tensor, wanted: Tensor) -> Tensor:
    """Return binary cross-entropy plus one minus Dice's overlap."""
    if mask.shape[-1] != wanted.shape[-1]:
        wanted = functional.interpolate(wanted[:, None], size=mask.shape[-2:], mode="area")[:, 0]
    share = mask.sigmoid()
    overlap = 2 * (share * wanted).sum((1, 2)) + 1
    both = share.sum((1, 2)) + wanted.sum((1, 2)) + 1
    return functional.binary_cross_entropy_with_logits(mask, wanted) + (1 - overlap / both).mean()
