"""Picture networks in plain torch with torchvision's key names, so that its weight files load.

torchvision itself is not needed (its wheel does not import beside CPU torch).
"""

import torch
from torch import Tensor, nn

VGG19 = (64, 64, "M", 128, 128, "M", 256, 256, 256, 256, "M", 512, 512, 512, 512, "M",
         512, 512, 512, 512, "M")  # fmt: skip
# kernel, expanded, out, squeeze-excite, hard-swish, stride: Howard et al. 2019, table 2
SMALL = (
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


class Vgg19(nn.Module):
    """VGG19's convolutions (Simonyan & Zisserman 2014, arXiv 1409.1556) and a mean: 512 numbers."""

    width = 512

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for out in VGG19:
            if isinstance(out, str):
                layers.append(nn.MaxPool2d(2))
                continue
            layers += [nn.Conv2d(channels, out, 3, padding=1), nn.ReLU()]
            channels = out
        self.features = nn.Sequential(*layers)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return (n, 512) for pictures (n, 3, 224, 224)."""
        return self.features(pictures).mean(dim=(2, 3))  # type: ignore[no-any-return]


class MobileNetV3Small(nn.Module):
    """MobileNetV3-small without its classifier (Howard et al. 2019, arXiv 1905.02244): 576."""

    width = 576

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [convolution(3, 16, 3, stride=2, act=nn.Hardswish)]
        channels = 16
        for kernel, expanded, out, squeezed, swish, stride in SMALL:
            layers.append(Inverted(channels, kernel, expanded, out, squeezed, swish, stride))
            channels = out
        layers.append(convolution(channels, 576, 1, act=nn.Hardswish))
        self.features = nn.Sequential(*layers)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return (n, 576) for pictures (n, 3, 224, 224)."""
        return self.features(pictures).mean(dim=(2, 3))  # type: ignore[no-any-return]


class Inverted(nn.Module):
    """An inverted residual block."""

    def __init__(
        self,
        channels: int,
        kernel: int,
        expanded: int,
        out: int,
        squeezed: bool,
        swish: bool,
        stride: int,
    ) -> None:
        super().__init__()
        act = nn.Hardswish if swish else nn.ReLU
        layers: list[nn.Module] = []
        if expanded != channels:
            layers.append(convolution(channels, expanded, 1, act=act))
        layers.append(
            convolution(expanded, expanded, kernel, stride=stride, groups=expanded, act=act)
        )
        if squeezed:
            layers.append(Squeeze(expanded))
        layers.append(convolution(expanded, out, 1, act=None))
        self.block = nn.Sequential(*layers)
        self.adds = stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output, plus its input where shapes agree."""
        out = self.block(x)
        return x + out if self.adds else out  # type: ignore[no-any-return]


class Squeeze(nn.Module):
    """Squeeze and excitation with a hard sigmoid; a fourth of the channels, in steps of eight."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = max(8, int(channels / 4 + 4) // 8 * 8)
        inner += 8 if inner < 0.9 * channels / 4 else 0
        self.fc1 = nn.Conv2d(channels, inner, 1)
        self.fc2 = nn.Conv2d(inner, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Scale the channels."""
        scale = self.fc2(torch.relu(self.fc1(x.mean(dim=(2, 3), keepdim=True))))
        return x * nn.functional.hardsigmoid(scale)


def convolution(
    channels: int,
    out: int,
    kernel: int,
    *,
    stride: int = 1,
    groups: int = 1,
    act: type[nn.Module] | None,
) -> nn.Sequential:
    """Return convolution, batch norm and activation, as torchvision nests them."""
    layers: list[nn.Module] = [
        nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(out, eps=0.001, momentum=0.01),
    ]
    return nn.Sequential(*layers, *([act()] if act else []))
