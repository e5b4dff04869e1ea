"""The seed's network: three encodings side by side, three linear layers (S0, mypettherapist)."""

from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from worker.pipeline.architectures.inputs import EMBEDDING, LOGITS, SEED_WIDTHS, STATES


class LateFusionConfig(BaseModel):
    """992-256-64-5 as published; fewer modalities where a collection lacks one."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    modalities: tuple[Literal["vision", "audio", "pose"], ...] = ("vision", "audio", "pose")
    dropout: float = Field(0.3, ge=0, lt=1)


class LateFusion(nn.Module):
    """Linear 256, LayerNorm, GELU, Dropout, Linear 64, GELU, Linear 5.

    Knows no missing modality: it is only asked where all are there.
    """

    looks = False  # at pictures: it is given numbers

    def __init__(self, config: LateFusionConfig) -> None:
        super().__init__()
        self.inputs: tuple[str, ...] = config.modalities
        self.outputs = (LOGITS, EMBEDDING)
        self.embed = nn.Sequential(
            nn.Linear(sum(SEED_WIDTHS[m] for m in config.modalities), 256),
            nn.LayerNorm(256),
            nn.GELU(),
            nn.Dropout(config.dropout),
            nn.Linear(256, 64),
            nn.GELU(),
        )
        self.classify = nn.Linear(64, STATES)

    def forward(self, *parts: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (n, 5) and the last hidden layer (n, 64) of vision, audio and pose.

        Of the sound it reads the mean, as the seed did.
        """
        read = [p[:, : SEED_WIDTHS[m]] for m, p in zip(self.inputs, parts, strict=True)]
        embedding = self.embed(torch.cat(read, dim=1))  # (n, 992) to (n, 64)
        return self.classify(embedding), embedding
