"""The keypoint network: one RGB square in; heat maps, a silhouette, view, posture and ears out.

A U-net of residual blocks, first stages normalised per picture, so that light and colour cast
matter less (IBN-Net, Pan et al. 2018). No pretrained part; a network with taps also reads four maps
of a frozen MobileNetV3-small, which is not part of it.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from worker.pipeline.architectures.inputs import TAPS
from worker.pipeline.extract.keypoints import EARS, MASK_PX, POINTS, POSTURES
from worker.pipeline.extract.pose import HEAT_PX

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


class Tap(nn.Module):
    """Adds a backbone's map to one of ours. Starts as nothing, so that a trained network may grow
    it (as ControlNet does, Zhang et al. 2023)."""

    def __init__(self, entering: int, leaving: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(entering, affine=False)
        self.mix = nn.Conv2d(entering, leaving, 1, bias=False)
        nn.init.zeros_(self.mix.weight)

    def forward(self, ours: Tensor, theirs: Tensor) -> Tensor:
        return ours + self.mix(self.norm(theirs))  # type: ignore[no-any-return]


class KeypointNet(nn.Module):
    """Takes RGB (n, 3, 128, 128) float32 in 0..255 and, where `tapped`, the maps of TAPS.

    Gives logits: heat (n, 25, 32, 32), mask (n, 64, 64), seen (n, 25), posture (n, 7), ears (n, 4),
    and view (n, 2), cosine and sine of the azimuth with their certainty as length.
    """

    outputs = OUTPUTS

    def __init__(self, *, tapped: bool = False) -> None:
        super().__init__()
        a, b, c, d, e = WIDTHS
        self.inputs = ("picture", *(TAPS if tapped else ()))
        self.taps = nn.ModuleList(
            Tap(channels, width)
            for channels, width in zip(TAPS.values(), WIDTHS[1:], strict=True)
            if tapped
        )
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

    def forward(self, picture: Tensor, *maps: Tensor) -> tuple[Tensor, ...]:
        mean = picture.mean(dim=(1, 2, 3), keepdim=True)
        spread = (picture - mean).square().mean(dim=(1, 2, 3), keepdim=True).sqrt()
        quarter = self.joined(0, self.stage_2(self.stem((picture - mean) / (spread + 4.0))), maps)
        eighth = self.joined(1, self.stage_3(quarter), maps)
        sixteenth = self.joined(2, self.stage_4(eighth), maps)
        last = self.joined(3, self.stage_5(sixteenth), maps)
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

    def joined(self, scale: int, ours: Tensor, maps: Sequence[Tensor]) -> Tensor:
        """Return one of our maps with what the backbone saw added, if there is one."""
        return self.taps[scale](ours, maps[scale]) if maps else ours
