"""Writes files as dlib writes a max-margin detector, so that tests need neither dlib nor weights.

Source of the format: davisking/dlib, dlib/serialize.h, cuda/tensor.h, dnn/core.h, dnn/layers.h.
"""

import math
from dataclasses import dataclass

import numpy as np

STRIDES = (2, 2, 2, 1, 1, 1, 1)
KERNELS = (5, 5, 5, 5, 5, 5, 9)
CHANNELS = (4, 3, 4, 5, 3, 4, 1)
MEAN = (122.75, 117.0, 104.25)


@dataclass
class Layer:
    """A convolution and the affine layer behind it, as random as they come."""

    weight: np.ndarray
    bias: np.ndarray
    factors: np.ndarray
    shifts: np.ndarray
    stride: int
    padding: int


def random_layers(noise):
    """Return seven layers that keep numbers about as large as they were."""
    layers, given = [], 3
    for kernel, stride, made in zip(KERNELS, STRIDES, CHANNELS, strict=True):
        spread = 2 / math.sqrt(given * kernel**2)
        weight = noise.normal(0, spread, (made, given, kernel, kernel))
        rest = noise.normal(0, 0.1, made), noise.uniform(0.8, 1.2, made), noise.normal(0, 0.1, made)
        layers.append(layer(weight, *rest, stride))
        given = made
    return layers


def brightness_layers(channel=0, at_least=0.2):
    """Return layers whose score is how far a channel, 0..1 about its mean, lies above a bound."""
    layers = []
    for k, (kernel, stride) in enumerate(zip(KERNELS, STRIDES, strict=True)):
        weight = np.zeros((1, 3 if k == 0 else 1, kernel, kernel))
        weight[0, channel if k == 0 else 0, kernel // 2, kernel // 2] = 1
        bias = -at_least if k == len(KERNELS) - 1 else 0.0
        layers.append(layer(weight, [bias], [1], [0], stride))
    return layers


def layer(weight, bias, factors, shifts, stride):
    """Return a layer in single precision, padded as dlib pads it: not where it halves."""
    arrays = (np.array(a, np.float32) for a in (weight, bias, factors, shifts))
    return Layer(*arrays, stride, 0 if stride > 1 else np.shape(weight)[2] // 2)


def written(layers, *, window=(80, 80), modern=True):
    """Return the bytes of a network; `modern`: in the newest form, else in that of 2016."""
    out = [integer(1), text("loss_mmod_"), options(window, modern)]
    out += [integer(2 if modern else 1)] * (3 * len(layers) - 3) + [integer(3 if modern else 2)]
    out += [text("input_rgb_image_pyramid" + "2" * modern), *map(number, MEAN)]
    out += [integer(10), integer(11)] if modern else []
    for k, one in enumerate(layers):
        out += [convolution(one, modern), state(3 if k == 0 else 2 + modern)]
        out += [integer(1)] if modern and k == 0 else []
        if k < len(layers) - 1:
            out += [affine(one, modern), state(2 + modern)]
            out += [text("relu_" + "2" * modern), b"0" * modern, state(2 + modern)]
    return b"".join(out)


def options(window, modern):
    """Return what the maps stand for, and the overlaps: 0.25 and 0.5."""
    sizes = integer(window[0]) + integer(window[1])
    if modern:
        sizes = integer(1) + integer(2) + sizes + text("dog")
    numbers = b"".join(map(number, (1, 1, 0.5, 0.25, 0.5, 0.5, 1)))
    rest = integer(1) + b"0" + number(100) if modern else b""
    return integer(4 if modern else 1) + sizes + numbers + rest


def convolution(one, modern):
    """Return a convolution."""
    made, given, kernel, _ = one.weight.shape
    sizes = (made, kernel, kernel, one.stride, one.stride, one.padding, one.padding)
    parts = part(made, given, kernel, kernel) + part(1, made, 1, 1)
    numbers = tensor(np.concatenate([one.weight.ravel(), one.bias]))
    rest = b"".join(map(number, (1, 1, 1, 0))) + (b"10" if modern else b"")
    return (
        text("con_6" if modern else "con_4")
        + numbers
        + b"".join(map(integer, sizes))
        + parts
        + rest
    )


def affine(one, modern):
    """Return an affine layer."""
    made = len(one.factors)
    numbers = tensor(np.concatenate([one.factors, one.shifts]))
    rest = part(1, made, 1, 1) * 2 + integer(0) + b"0" * modern
    return text("affine_" + "2" * modern) + numbers + rest


def state(tensors):
    """Return what a layer held when it was written: flags, and empty tensors."""
    return b"110" + tensor(np.zeros(0)) * tensors


def tensor(numbers):
    """Return a tensor of numbers in one column."""
    shape = (len(numbers), 1, 1, 1) if len(numbers) else (0, 0, 0, 0)
    return integer(2) + b"".join(map(integer, shape)) + numbers.astype("<f4").tobytes()


def part(*shape):
    """Return the shape of a part of a layer's numbers."""
    return integer(1) + b"".join(map(integer, shape))


def number(value):
    """Return a floating-point number as dlib writes a double."""
    mantissa, exponent = math.frexp(value)
    whole, exponent = int(mantissa * 2**53), exponent - 53
    while whole and whole % 256 == 0:
        whole, exponent = whole // 256, exponent + 8
    return integer(whole) + integer(exponent)


def integer(value):
    """Return an integer: sign and length, then its bytes."""
    length = max(1, (abs(value).bit_length() + 7) // 8)
    return bytes([length | (0x80 if value < 0 else 0)]) + abs(value).to_bytes(length, "little")


def text(value):
    """Return a text."""
    return integer(len(value)) + value.encode()
