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


class MaskedFusionConfig(BaseModel):
    """Widths and dropouts; the defaults train on some hundred clips."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    width: int = Field(128, gt=0)
    hidden: int = Field(64, gt=0)
    dropout: float = Field(0.3, ge=0, lt=1)
    modality_dropout: float = Field(0.3, ge=0, lt=1)


class MaskedFusion(nn.Module):
    """Norm and projection per modality, missing tokens, quality and presence, then two layers.

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
        safe = torch.where(present, part, torch.zeros_like(part))
        return torch.where(present, self.projections[index](safe), self.missing[index])


def dropped(present: Tensor, share: float) -> Tensor:
    """Take modalities away at random (n, 3), never the last one of a row."""
    kept = present & (torch.rand(present.shape, device=present.device) >= share)
    return torch.where(kept.any(dim=1, keepdim=True), kept, present)
