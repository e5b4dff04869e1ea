"""The keypoint network: one RGB square in; heat maps, a silhouette, view, posture and ears out.

A U-net of residual blocks, first stages normalised per picture, so that light and colour cast
matter less (IBN-Net, Pan et al. 2018). No pretrained part.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from worker.pipeline.extract.keypoints import EARS, MASK_PX, POINTS, POSTURES

PICTURE_PX = 128
HEAT_PX = 32
WIDTHS = (16, 32, 64, 128, 192)  # at 1/2, 1/4, 1/8, 1/16, 1/32 of the picture
RISING = (96, 64, 48)  # on the way back up to 1/4
OUTPUTS = ("heat", "mask", "seen", "posture", "ears", "view")


def conv(entering: int, leaving: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(entering, leaving, 3, stride, 1, bias=False)


class Block(nn.Module):
    """Two 3x3 convolutions with a way past them."""

    def __init__(self, entering: int, leaving: int, stride: int = 1) -> None:
        super().__init__()
        self.first, self.second = conv(entering, leaving, stride), conv(leaving, leaving)
        self.norm_1, self.norm_2 = nn.BatchNorm2d(leaving), nn.BatchNorm2d(leaving)
        same = stride == 1 and entering == leaving
        self.past = nn.Identity() if same else nn.Conv2d(entering, leaving, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu(self.norm_1(self.first(x)))
        return functional.relu(self.norm_2(self.second(y)) + self.past(x))


class Up(nn.Module):
    """Doubles a map, joins it with the finer one, mixes both."""

    def __init__(self, coarse: int, fine: int, leaving: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(coarse, leaving, 1, bias=False)
        self.mix = conv(leaving + fine, leaving)
        self.norm = nn.BatchNorm2d(leaving)

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        grown = functional.interpolate(self.squeeze(coarse), scale_factor=2.0, mode="nearest")
        return functional.relu(self.norm(self.mix(torch.cat([grown, fine], dim=1))))


class KeypointNet(nn.Module):
    """Takes RGB (n, 3, 128, 128) float32 in 0..255.

    Gives logits: heat (n, 25, 32, 32), mask (n, 64, 64), seen (n, 25), posture (n, 7), ears (n, 4),
    and view (n, 2), cosine and sine of the azimuth with their certainty as length.
    """

    inputs = ("picture",)
    outputs = OUTPUTS

    def __init__(self) -> None:
        super().__init__()
        a, b, c, d, e = WIDTHS
        self.stem = nn.Sequential(
            nn.Conv2d(3, a, 3, 2, 1), nn.InstanceNorm2d(a, affine=True), nn.ReLU()
        )
        self.stage_2 = nn.Sequential(
            conv(a, b, 2), nn.InstanceNorm2d(b, affine=True), nn.ReLU(), Block(b, b)
        )
        self.stage_3 = nn.Sequential(Block(b, c, 2), Block(c, c))
        self.stage_4 = nn.Sequential(Block(c, d, 2), Block(d, d))
        self.stage_5 = nn.Sequential(Block(d, e, 2), Block(e, e))
        first, second, third = RISING
        self.up_4, self.up_3, self.up_2 = (
            Up(e, d, first),
            Up(first, c, second),
            Up(second, b, third),
        )
        self.heat = nn.Conv2d(third, POINTS, 1)
        self.mask = nn.Conv2d(third, (MASK_PX // HEAT_PX) ** 2, 1)
        self.seen, self.posture = nn.Linear(e, POINTS), nn.Linear(e, len(POSTURES))
        self.ears, self.view = nn.Linear(e, len(EARS)), nn.Linear(e, 2)

    def forward(self, picture: Tensor) -> tuple[Tensor, ...]:
        mean = picture.mean(dim=(1, 2, 3), keepdim=True)
        spread = (picture - mean).square().mean(dim=(1, 2, 3), keepdim=True).sqrt()
        quarter = self.stage_2(self.stem((picture - mean) / (spread + 4.0)))
        eighth = self.stage_3(quarter)
        sixteenth = self.stage_4(eighth)
        last = self.stage_5(sixteenth)
        fine = self.up_2(self.up_3(self.up_4(last, sixteenth), eighth), quarter)
        pooled = last.mean(dim=(2, 3))
        return (
            self.heat(fine),
            functional.pixel_shuffle(self.mask(fine), MASK_PX // HEAT_PX)[:, 0],
            self.seen(pooled),
            self.posture(pooled),
            self.ears(pooled),
            self.view(pooled),
        )
