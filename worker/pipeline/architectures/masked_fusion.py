"""The default for training: each modality by itself, a learned token in place of a missing one."""

import torch
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

    `middle` and `spread` hold each input's mean and deviation over the training rows: an encoder's
    few large numbers, the same for all clips, would hide the rest.
    Modality dropout (Chumachenko et al. 2022, arXiv 2201.11095) helps complete rows as well. A
    missing modality's row may hold anything, NaN included.
    """

    inputs = (*MODALITIES, *(m + PRESENT for m in MODALITIES), "quality", "species")
    outputs = (LOGITS, EMBEDDING)

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
        if self.training:
            present = dropped(present, self.modality_dropout)
        parts = enumerate((vision, audio, pose))
        tokens = [self.token(i, part, present[:, i : i + 1]) for i, part in parts]
        trust = torch.where(present, quality, torch.zeros_like(quality))
        embedding = self.embed(torch.cat([*tokens, trust, present.to(trust.dtype), species], dim=1))
        return self.classify(embedding), embedding

    def token(self, index: int, part: Tensor, present: Tensor) -> Tensor:
        """Return a modality's projection (n, width), its learned token where it is missing."""
        name = MODALITIES[index]
        middle, spread = self.get_buffer(f"{name}_middle"), self.get_buffer(f"{name}_spread")
        safe = (torch.where(present, part, middle) - middle) / spread
        return torch.where(present, self.projections[index](safe), self.missing[index])


def dropped(present: Tensor, share: float) -> Tensor:
    """Take modalities away at random (n, 3), never the last one of a row."""
    kept = present & (torch.rand(present.shape, device=present.device) >= share)
    return torch.where(kept.any(dim=1, keepdim=True), kept, present)
