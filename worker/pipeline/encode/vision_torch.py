"""MobileNetV3-small for a GPU: given pictures as they are, a quarter of the bytes to hand over."""

import torch
from torch import Tensor, nn

from worker.pipeline.encode.vision import SCALE, SHIFT


class FromPixels(nn.Module):
    """Pictures (n, 224, 224, 3) uint8 RGB -> features (n, 576); `vision.normalised` comes first."""

    scale: Tensor
    shift: Tensor

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.register_buffer("scale", torch.from_numpy(SCALE))
        self.register_buffer("shift", torch.from_numpy(SHIFT))

    def forward(self, pictures: Tensor) -> Tensor:
        """Normalise on the device, then encode."""
        images = pictures.permute(0, 3, 1, 2).contiguous().float() * self.scale + self.shift
        return self.encoder(images)  # type: ignore[no-any-return]
