"""The default for training: each modality by itself, a learned token in place of a missing one.

What a modality says alone is a product of experts; layers over all of them add what only their
company shows.
"""

import math
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from worker.pipeline.architectures.inputs import (
    EMBEDDING,
    LOGITS,
    MODALITIES,
    PRESENT,
    QUALITY,
    SPECIES,
    STATES,
    WIDTHS,
)

Numbers = NDArray[np.float64]

LEAST_SPREAD = 1e-3  # an input that never changes is not blown up


class MaskedFusionConfig(BaseModel):
    """Widths and dropouts; the defaults train on some hundred clips."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    width: int = Field(128, gt=0)
    hidden: int = Field(64, gt=0)
    dropout: float = Field(0.3, ge=0, lt=1)
    modality_dropout: float = Field(0.3, ge=0, lt=1)


class MaskedFusion(nn.Module):
    """Norm and projection per modality, missing tokens, quality and presence, then two layers.

    Beside that, each modality that is there adds the logits of a linear expert of its own: on some
    hundred rows of frozen encodings nothing else was better (docs/training.md).

    `middle` and `spread` hold each input's mean and deviation over the training rows: an encoder's
    few large numbers, the same for all clips, would hide the rest.
    Modality dropout (Chumachenko et al. 2022, arXiv 2201.11095) is of those layers only: experts
    learn in company, not each to say it all. A missing modality's row may hold anything, NaN
    included.
    """

    inputs = (*MODALITIES, *(m + PRESENT for m in MODALITIES), "quality", "species")
    outputs = (LOGITS, EMBEDDING)
    looks = False  # at pictures: it is given numbers

    def __init__(self, config: MaskedFusionConfig) -> None:
        super().__init__()
        self.modality_dropout = config.modality_dropout
        self.projections = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, config.width), nn.GELU())
            for width in WIDTHS.values()
        )
        for name, width in WIDTHS.items():
            self.register_buffer(f"{name}_middle", torch.zeros(width))
            self.register_buffer(f"{name}_spread", torch.ones(width))
        self.missing = nn.Parameter(torch.randn(len(WIDTHS), config.width) * 0.02)
        self.embed = nn.Sequential(
            nn.Linear(
                len(WIDTHS) * (config.width + 1) + len(QUALITY) + len(SPECIES), config.hidden
            ),
            nn.LayerNorm(config.hidden),
            nn.GELU(),
            nn.Dropout(config.dropout),
        )
        self.classify = nn.Linear(config.hidden, STATES)
        self.experts = nn.ModuleList(nn.Linear(width, STATES) for width in WIDTHS.values())

    def start(self, bias: Numbers, experts: Mapping[int, tuple[Numbers, Numbers]]) -> None:
        """Begin training with a bias (5,) and experts, by modality, the layers beside them silent.

        An expert is its weights (width, 5) of `scaled` numbers and its bias (5,); one that is not
        given says nothing.
        """
        with torch.no_grad():
            for layer in (self.classify, *self.experts):
                layer.weight.zero_()
                layer.bias.zero_()
            self.classify.bias.copy_(torch.from_numpy(bias))
            for i, (weights, own_bias) in experts.items():
                self.experts.get_parameter(f"{i}.weight").copy_(torch.from_numpy(weights.T))
                self.experts.get_parameter(f"{i}.bias").copy_(torch.from_numpy(own_bias))

    def standardise(self, name: str, rows: Tensor) -> None:
        """Take a modality's mean and deviation from its rows (n, width), before training."""
        if len(rows) > 1:
            self.get_buffer(f"{name}_middle").copy_(rows.mean(dim=0))
            self.get_buffer(f"{name}_spread").copy_(rows.std(dim=0).clamp(min=LEAST_SPREAD))

    def forward(
        self,
        vision: Tensor,
        audio: Tensor,
        pose: Tensor,
        vision_present: Tensor,
        audio_present: Tensor,
        pose_present: Tensor,
        quality: Tensor,
        species: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Return logits (n, 5) and the hidden layer (n, 64); any pattern of presence, none too."""
        present = torch.cat([vision_present, audio_present, pose_present], dim=1) > 0.5  # (n, 3)
        parts = enumerate((vision, audio, pose))
        rows = [self.standard(i, part, present[:, i : i + 1]) for i, part in parts]
        alone = [self.alone(i, row, present[:, i : i + 1]) for i, row in enumerate(rows)]
        if self.training:
            present = dropped(present, self.modality_dropout)
        tokens = [self.token(i, row, present[:, i : i + 1]) for i, row in enumerate(rows)]
        trust = torch.where(present, quality, torch.zeros_like(quality))
        embedding = self.embed(torch.cat([*tokens, trust, present.to(trust.dtype), species], dim=1))
        return self.classify(embedding) + torch.stack(alone).sum(dim=0), embedding

    def standard(self, index: int, part: Tensor, present: Tensor) -> Tensor:
        """Return a modality's numbers with mean 0 and deviation 1, all 0 where it is missing."""
        name = MODALITIES[index]
        middle, spread = self.get_buffer(f"{name}_middle"), self.get_buffer(f"{name}_spread")
        return (torch.where(present, part, middle) - middle) / spread

    @staticmethod
    def scaled(row: Tensor) -> Tensor:
        """Return standard numbers (n, width) over the root of their width, as experts read them."""
        return row / math.sqrt(row.shape[1])

    def token(self, index: int, row: Tensor, present: Tensor) -> Tensor:
        """Return a modality's projection (n, width), its learned token where it is missing."""
        return torch.where(present, self.projections[index](row), self.missing[index])

    def alone(self, index: int, row: Tensor, present: Tensor) -> Tensor:
        """Return what a modality's expert says (n, 5), nothing where it is missing."""
        said = self.experts[index](self.scaled(row))
        return torch.where(present, said, torch.zeros_like(said))


def dropped(present: Tensor, share: float) -> Tensor:
    """Take modalities away at random (n, 3), never the last one of a row."""
    kept = present & (torch.rand(present.shape, device=present.device) >= share)
    return torch.where(kept.any(dim=1, keepdim=True), kept, present)
