"""Resizing in whole numbers: where a result lies between two values is a fraction that the extents make exact.

Result i of m lies at ((2i + 1) n - m) / 2m of n values, or at i (n - 1) / (m - 1) where corners meet; so every result
is a mean of its neighbours with whole weights, and what they add up to is one number for all.
"""

import math
from dataclasses import dataclass

import numpy as np

from penjing.model.operators.integer_reference import Attributes, FloatArray, Inputs, IntArray, Shape


@dataclass(frozen=True, kw_only=True)
class Axis:
    """Result i lies at max(0, i step + start) / whole; where only the nearest counts, at what is before it."""

    step: int
    start: int
    whole: int
    count: int
    """How many values there are …"""
    result: int
    """… and how many there will be."""

    def at(self) -> tuple[IntArray, IntArray, IntArray]:
        """By result: the value before it, the one after it, and how much of `whole` lies between."""
        reached = np.maximum(np.arange(self.result, dtype=np.int64) * self.step + self.start, 0)
        before = np.minimum(reached // self.whole, self.count - 1)
        return before, np.minimum(before + 1, self.count - 1), reached % self.whole


def axes(attributes: Attributes, shape: Shape) -> tuple[Axis, ...]:
    """Where the results of every axis of positions lie."""
    return tuple(
        _axis(count, int(size), str(attributes["mode"]), bool(attributes["corners"]))
        for count, size in zip(shape[2:], attributes["size"], strict=True)
    )


def is_sharp(attributes: Attributes) -> bool:
    """Whether a result is one of the values, and not a mean."""
    return str(attributes["mode"]).startswith("nearest")


def _axis(count: int, size: int, mode: str, corners: bool) -> Axis:
    if corners:
        step, start, whole = (count - 1, 0, size - 1) if size > 1 else (0, 0, 1)
    else:
        start = {"nearest": 0, "nearest-exact": count, "linear": count - size}[mode]
        step, whole = 2 * count, 2 * size
    shared = math.gcd(step, start, whole)
    return Axis(step=step // shared, start=start // shared, whole=whole // shared, count=count, result=size)


def resized(attributes: Attributes, inputs: Inputs, weight: IntArray | None) -> IntArray:
    """Sums of neighbours with whole weights, or the nearest values."""
    values = inputs[0]
    for place, axis in enumerate(axes(attributes, values.shape), start=2):
        before, after, part = axis.at()
        if is_sharp(attributes):
            values = np.take(values, before, axis=place)
            continue
        part = part.reshape(-1, *(1,) * (values.ndim - 1 - place))
        values = np.take(values, before, axis=place) * (axis.whole - part) + np.take(values, after, axis=place) * part
    return np.asarray(values)


def weights_of_all(attributes: Attributes, shape: Shape) -> FloatArray:
    """What the weights of a result add up to."""
    wholes = [1] if is_sharp(attributes) else [axis.whole for axis in axes(attributes, shape)]
    return np.asarray(math.prod(wholes), np.float64)
