"""Reads dlib's file of a max-margin object detector: seven convolutions over an image pyramid.

Only that network: `loss_mmod<con9<rcon5<rcon5<rcon5<downsampler<input_rgb_image_pyramid<6>>>>>>>`.
No pickle and no code is in such a file, but lengths are, so nothing is believed unchecked. Source
of the format: davisking/dlib, dlib/serialize.h, float_details.h, cuda/tensor.h, dnn/core.h,
dnn/layers.h, dnn/input.h, dnn/loss.h.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

CONVOLUTIONS = 7
LAYERS = 3 * CONVOLUTIONS - 2  # each but the last is followed by an affine one and a ReLU
MOST_WINDOWS = 16
MOST_NUMBERS = 1_000_000  # in one tensor
MOST_PX = 1_000  # of a window
MOST_GAP_PX = 100
MOST_POWER = 900  # of two; from 32 000 on a number is infinite or none


class NetworkUnreadable(ValueError):
    """A file is not a network of this kind, or is broken."""


@dataclass(frozen=True, slots=True)
class Convolution:
    """One convolution; weight (out, in, k, k), bias (out,), stride and padding both ways."""

    weight: Array
    bias: Array
    stride: int
    padding: int


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two boxes are one object's above these shares: of their union's box, or of either's own."""

    union: float
    covered: float


@dataclass(frozen=True, slots=True)
class MmodNetwork:
    """A detector: what it subtracts from RGB, its convolutions (a ReLU after each but the last),
    the windows (width, height) in pixels that its maps stand for, and when two boxes are one.

    `gap` and `rim` are the pixels left free between the pyramid's levels and around them.
    """

    mean: tuple[float, float, float]
    gap: int
    rim: int
    convolutions: tuple[Convolution, ...]
    windows: tuple[tuple[int, int], ...]
    overlap: Overlap


def read_mmod(path: Path) -> MmodNetwork:
    """Read a network. Raises NetworkUnreadable."""
    return parse_mmod(path.read_bytes())


def parse_mmod(content: bytes) -> MmodNetwork:
    """Read a network from a file's content. Raises NetworkUnreadable."""
    reader = Reader(content)
    reader.version(1)
    reader.name("loss_mmod_")
    windows, overlap = read_options(reader)
    outer = [reader.version(1, 2) for _ in range(LAYERS - 1)]
    shells = [*outer, reader.version(2, 3)]  # layers lie in each other: the first one comes last
    mean, gap, rim = read_input(reader)
    found: list[Convolution] = []
    for k in range(CONVOLUTIONS):
        one = read_convolution(reader)
        read_state(reader, shells.pop())
        if k < CONVOLUTIONS - 1:
            one = scaled(one, *read_affine(reader))
            read_state(reader, shells.pop())
            read_relu(reader)
            read_state(reader, shells.pop())
        found.append(one)
    given = [3, *(len(c.bias) for c in found)]
    if [c.weight.shape[1] for c in found] != given[:-1] or given[-1] != len(windows):
        raise NetworkUnreadable("its layers do not fit together")
    return MmodNetwork(mean, gap, rim, tuple(found), windows, overlap)


def scaled(one: Convolution, factors: Array, shifts: Array) -> Convolution:
    """Return a convolution that does what an affine layer behind it did."""
    if not len(factors) == len(shifts) == len(one.bias):
        raise NetworkUnreadable("its layers do not fit together")
    weight = one.weight * factors[:, None, None, None]
    return Convolution(weight, one.bias * factors + shifts, one.stride, one.padding)


class Reader:
    """Takes one thing after another from dlib's byte stream. Raises NetworkUnreadable."""

    def __init__(self, content: bytes) -> None:
        self.content, self.at = content, 0

    def take(self, count: int) -> bytes:
        """Return the next bytes."""
        if self.at + count > len(self.content):
            raise NetworkUnreadable(f"it ends at byte {len(self.content)}, in the middle")
        self.at += count
        return self.content[self.at - count : self.at]

    def integer(self) -> int:
        """Return an integer: a byte of sign and length, then as many bytes, lowest first."""
        control = self.take(1)[0]
        length = control & 0x0F
        if not 1 <= length <= 8 or control & 0x70:
            raise NetworkUnreadable(f"no integer begins at byte {self.at - 1}")
        value = int.from_bytes(self.take(length), "little")
        return -value if control & 0x80 else value

    def count(self, most: int) -> int:
        """Return an integer from 0 to `most`."""
        value = self.integer()
        if not 0 <= value <= most:
            raise NetworkUnreadable(f"{value} before byte {self.at}, where at most {most} may be")
        return value

    def version(self, *known: int) -> int:
        """Return a format's number, one of those known."""
        found = self.integer()
        if found not in known:
            raise NetworkUnreadable(f"version {found} before byte {self.at}")
        return found

    def number(self) -> float:
        """Return a floating-point number: mantissa and power of two."""
        mantissa, exponent = self.integer(), self.integer()
        if abs(exponent) > MOST_POWER:
            raise NetworkUnreadable(f"no finite number before byte {self.at}")
        return float(mantissa) * 2.0**exponent

    def numbers(self, count: int) -> list[float]:
        """Return several floating-point numbers."""
        return [self.number() for _ in range(count)]

    def flag(self) -> bool:
        """Return a truth value."""
        found = self.take(1)
        if found not in (b"0", b"1"):
            raise NetworkUnreadable(f"no truth value before byte {self.at}")
        return found == b"1"

    def name(self, *known: str) -> str:
        """Return a text that must be one of those known."""
        text = self.take(self.count(64)).decode("ascii", "replace")
        if text not in known:
            raise NetworkUnreadable(f"{text!r} before byte {self.at}")
        return text

    def tensor(self) -> Array:
        """Return a tensor's numbers (n,), float32 in the file."""
        self.version(2)
        numbers = math.prod(self.shape())
        if numbers > MOST_NUMBERS:
            raise NetworkUnreadable(f"a tensor of {numbers} numbers before byte {self.at}")
        found = np.frombuffer(self.take(4 * numbers), "<f4").astype(np.float32)
        if not np.isfinite(found).all():
            raise NetworkUnreadable(f"a number that is none before byte {self.at}")
        return found

    def shape(self) -> tuple[int, ...]:
        """Return four dimensions."""
        return tuple(self.count(MOST_NUMBERS) for _ in range(4))

    def part(self) -> tuple[int, ...]:
        """Return the shape of a part of a layer's parameters."""
        self.version(1)
        return self.shape()


def read_options(reader: Reader) -> tuple[tuple[tuple[int, int], ...], Overlap]:
    """Read what a detector's maps stand for, and when two of its boxes are one."""
    version = reader.version(1, 2, 3, 4)
    windows = [read_size(reader)] if version == 1 else read_windows(reader)
    reader.numbers(3)  # of its training
    overlap = Overlap(*reader.numbers(2))
    reader.numbers(2)  # boxes that its training left out
    if version >= 3:
        reader.version(1)  # it wants a pyramid
    if version >= 4:
        if reader.flag():
            raise NetworkUnreadable("its boxes are moved")
        reader.number()
    return tuple(windows), overlap


def read_windows(reader: Reader) -> list[tuple[int, int]]:
    """Read a list of windows; what their objects are called is left out."""
    found = []
    for _ in range(reader.count(MOST_WINDOWS)):
        version = reader.version(1, 2)
        found.append(read_size(reader))
        if version == 2:
            reader.take(reader.count(64))
    return found


def read_size(reader: Reader) -> tuple[int, int]:
    """Read a width and a height."""
    return reader.count(MOST_PX), reader.count(MOST_PX)


def read_input(reader: Reader) -> tuple[tuple[float, float, float], int, int]:
    """Read what is subtracted from red, green and blue, and the pyramid's gap and rim."""
    version = reader.name("input_rgb_image_pyramid", "input_rgb_image_pyramid2")
    red, green, blue = reader.numbers(3)
    gap, rim = 10, 11
    if version.endswith("2"):
        gap, rim = reader.count(MOST_GAP_PX), reader.count(MOST_GAP_PX)
    return (red, green, blue), gap, rim


def read_convolution(reader: Reader) -> Convolution:
    """Read a convolution that is square in kernel, stride and padding, and has a bias."""
    version = reader.name("con_4", "con_5", "con_6")
    numbers = reader.tensor()
    reader.count(MOST_NUMBERS)  # filters, once more
    kernel, stride, padding = ((reader.count(64), reader.count(64)) for _ in range(3))
    shape, biases = reader.part(), reader.part()
    reader.numbers(4)  # of its training
    has_bias = version == "con_4" or reader.flag()
    has_relu = version == "con_6" and reader.flag()
    weights, bias = math.prod(shape), math.prod(biases)
    is_square = all(a == b for a, b in (kernel, stride, padding)) and shape[2:] == kernel
    fits = bias == shape[0] and len(numbers) == weights + bias > 0
    if not (fits and is_square and stride[0] and has_bias) or has_relu:
        raise NetworkUnreadable(f"another convolution before byte {reader.at}")
    return Convolution(numbers[:weights].reshape(shape), numbers[weights:], stride[0], padding[0])


def read_affine(reader: Reader) -> tuple[Array, Array]:
    """Read an affine layer's factors and shifts, one of each a channel."""
    version = reader.name("affine_", "affine_2")
    numbers = reader.tensor()
    half = math.prod(reader.part())
    reader.part()
    reader.integer()  # of convolutions or of all numbers alike: the parts say so too
    if version == "affine_2" and reader.flag():
        raise NetworkUnreadable("an affine layer is switched off")
    return numbers[:half], numbers[half:]


def read_relu(reader: Reader) -> None:
    """Pass over a ReLU."""
    if reader.name("relu_", "relu_2") == "relu_2" and reader.flag():
        raise NetworkUnreadable("a ReLU is switched off")


def read_state(reader: Reader, version: int) -> None:
    """Pass over what a layer held when it was written: three flags, and its gradients."""
    for _ in range(3):
        reader.flag()
    for _ in range(min(1 + version, 3)):
        reader.tensor()
    if version == 3:
        reader.version(1)  # samples that the layer makes of one
