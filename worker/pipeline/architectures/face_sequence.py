"""S1's network: a picture network on each of 16 faces, then a network over time.

The light twin has MobileNetV3-small and convolutions over time; without a backbone it reads what
the vision encoder made of the faces.
"""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from worker.pipeline.architectures.backbones import MobileNetV3Small, Vgg19
from worker.pipeline.architectures.inputs import (
    EMBEDDING,
    FRAME_LOGITS,
    LOGITS,
    STATES,
    WIDTHS,
)


class FaceSequenceConfig(BaseModel):
    """S1 as published (its hidden width is not): VGG19 and a bidirectional LSTM of two layers."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    backbone: Literal["vgg19", "mobilenet_v3_small", "features"] = "vgg19"
    over_time: Literal["bilstm", "tcn"] = "bilstm"
    hidden: int = Field(128, gt=0)
    dropout: float = Field(0.3, ge=0, lt=1)


LIGHT = FaceSequenceConfig(backbone="mobilenet_v3_small", over_time="tcn", hidden=64)


class FaceSequence(nn.Module):
    """Frames to logits; each frame's own beside the sequence's are S1's emotional transition."""

    inputs = ("face",)
    outputs = (LOGITS, EMBEDDING, FRAME_LOGITS)

    def __init__(self, config: FaceSequenceConfig) -> None:
        super().__init__()
        self.backbone = BACKBONES[config.backbone]()
        width = getattr(self.backbone, "width", WIDTHS["vision"])
        self.over_time = OVER_TIME[config.over_time](width, config.hidden, config.dropout)
        self.classify = nn.Linear(2 * config.hidden, STATES)

    @property
    def looks(self) -> bool:
        """Whether it is given pictures, not what an encoder made of them."""
        return not isinstance(self.backbone, nn.Identity)

    def train(self, mode: bool = True) -> Self:
        """Set the mode; the backbone's batch norms keep their means: a few clips have none."""
        super().train(mode)
        for part in self.backbone.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.eval()
        return self

    def forward(self, face: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits (n, 5), embedding (n, 2 hidden) and frame logits (n, 16, 5).

        face: (n, 16, 3, 224, 224) ImageNet-normalised RGB, or features (n, 16, 576).
        """
        features = self.backbone(face.flatten(0, 1)).unflatten(0, face.shape[:2])  # (n, 16, d)
        each = self.over_time(features)  # (n, 16, 2 hidden)
        embedding = each.mean(dim=1)
        return self.classify(embedding), embedding, self.classify(each)


class Recurrent(nn.Module):
    """A bidirectional LSTM of two layers: (n, t, d) to (n, t, 2 hidden)."""

    def __init__(self, width: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.lstm = nn.LSTM(
            width, hidden, num_layers=2, batch_first=True, bidirectional=True, dropout=dropout
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the states of all times."""
        return self.lstm(x)[0]  # type: ignore[no-any-return]


class Convolved(nn.Module):
    """Depthwise convolutions over time, dilated 1, 2 and 4: each output sees 15 frames."""

    def __init__(self, width: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.enter = nn.Linear(width, 2 * hidden)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv1d(2 * hidden, 2 * hidden, 3, padding=d, dilation=d, groups=2 * hidden),
                nn.Conv1d(2 * hidden, 2 * hidden, 1),
                nn.GELU(),
                nn.Dropout(dropout),
            )
            for d in (1, 2, 4)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, t, 2 hidden)."""
        x = self.enter(x).transpose(1, 2)  # (n, 2 hidden, t)
        for block in self.blocks:
            x = x + block(x)
        return x.transpose(1, 2)


BACKBONES = {"vgg19": Vgg19, "mobilenet_v3_small": MobileNetV3Small, "features": nn.Identity}
OVER_TIME = {"bilstm": Recurrent, "tcn": Convolved}
