"""MobileNetV3-small in eager torch (Howard et al. 2019, arXiv 1905.02244, table 2).

Layer names are torchvision's, so that its published weights load; torchvision is not installed.
"""

import torch
from torch import nn

# kernel, expanded, out, squeeze and excite, hard swish, stride
BLOCKS = (
    (3, 16, 16, True, False, 2),
    (3, 72, 24, False, False, 2),
    (3, 88, 24, False, False, 1),
    (5, 96, 40, True, True, 2),
    (5, 240, 40, True, True, 1),
    (5, 240, 40, True, True, 1),
    (5, 120, 48, True, True, 1),
    (5, 144, 48, True, True, 1),
    (5, 288, 96, True, True, 2),
    (5, 576, 96, True, True, 1),
    (5, 576, 96, True, True, 1),
)
STEM, LAST = 16, 576


class MobileNetV3Small(nn.Sequential):
    """Pictures (n, 3, 224, 224) to (n, 576)."""

    def __init__(self) -> None:
        inputs = [STEM, *(out for _, _, out, *_ in BLOCKS)]
        blocks = [Block(before, *block) for before, block in zip(inputs, BLOCKS, strict=False)]
        first = convolution(3, STEM, 3, stride=2, activation=nn.Hardswish)
        last = convolution(inputs[-1], LAST, 1, activation=nn.Hardswish)
        super().__init__(nn.Sequential(first, *blocks, last), nn.AdaptiveAvgPool2d(1), nn.Flatten())


class Block(nn.Module):
    """Expand, look at each channel's surroundings, squeeze and excite, project."""

    def __init__(
        self, before: int, kernel: int, wide: int, out: int, excites: bool, hard: bool, stride: int
    ) -> None:
        super().__init__()
        activation = nn.Hardswish if hard else nn.ReLU
        layers = [convolution(before, wide, 1, activation=activation)] if wide != before else []
        layers.append(
            convolution(wide, wide, kernel, stride=stride, groups=wide, activation=activation)
        )
        if excites:
            layers.append(SqueezeExcitation(wide, rounded(wide // 4)))
        self.block = nn.Sequential(*layers, convolution(wide, out, 1, activation=None))
        self.is_residual = stride == 1 and before == out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Add the input where shapes allow it."""
        return x + self.block(x) if self.is_residual else self.block(x)


class SqueezeExcitation(nn.Module):
    """Weigh channels by what the whole picture holds."""

    def __init__(self, wide: int, narrow: int) -> None:
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1, self.fc2 = nn.Conv2d(wide, narrow, 1), nn.Conv2d(narrow, wide, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scale each channel by 0..1."""
        return x * nn.functional.hardsigmoid(self.fc2(self.fc1(self.avgpool(x)).relu()))


def convolution(
    before: int,
    out: int,
    kernel: int,
    *,
    activation: type[nn.Module] | None,
    stride: int = 1,
    groups: int = 1,
) -> nn.Sequential:
    """Convolve, normalise, activate."""
    bare = nn.Conv2d(before, out, kernel, stride, kernel // 2, groups=groups, bias=False)
    norm = nn.BatchNorm2d(out, eps=0.001, momentum=0.01)
    return nn.Sequential(bare, norm, *([activation()] if activation else []))


def rounded(channels: int) -> int:
    """Round to a multiple of eight that loses no more than a tenth."""
    near = max(8, (channels + 4) // 8 * 8)
    return near + 8 if near < 0.9 * channels else near
