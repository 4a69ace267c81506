"""Makes quantizers: which scale and zero point a range of real values gets (METHODS.md §2).

Codes are signed: METHODS' unsigned affine example (Z = 93, q = 139 …) reads Z = 93 - 128, q = 139 - 128 … here.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from penjing.model.model import Quantizer

SMALLEST_SCALE = 2.0**-100
"""Scales below it are raised to it: their products with other scales would leave float32."""
NARROW = 8
"""Codes of at most so many bits are summed in int32; wider ones, of 16 bits, in int64."""
LARGEST_BIAS = 2.0**30
"""Codes of a bias stay below it, so that int32 holds the sum of bias and products …"""
LARGEST_WIDE_BIAS = 2.0**42
"""… and int64 the product of that sum with its multiplier, where inputs or weights have 16 bits."""

Scheme = Callable[[Tensor, Tensor, int], Quantizer]
"""(smallest values, largest values, bits) → a quantizer without axis; ranges already contain 0."""


def _symmetric(low: Tensor, high: Tensor, bits: int) -> Quantizer:
    """S = max|r| / (2^(b-1) - 1), Z = 0."""
    scale = torch.maximum(-low, high) / ((1 << (bits - 1)) - 1)
    return Quantizer(bits=bits, scale=scale, zero_point=torch.zeros_like(scale, dtype=torch.int32))


def _affine(low: Tensor, high: Tensor, bits: int) -> Quantizer:
    """S = (r_max - r_min) / (2^b - 1), Z = clip(round(q_min - r_min / S))."""
    scale = ((high - low) / ((1 << bits) - 1)).clamp(min=SMALLEST_SCALE)
    q_min = -(1 << (bits - 1))
    zero_point = torch.round(q_min - low / scale).clamp(q_min, -q_min - 1).to(torch.int32)
    return Quantizer(bits=bits, scale=scale, zero_point=zero_point, symmetric=False)


def _float16(low: Tensor, high: Tensor, bits: int) -> Quantizer:
    """IEEE half precision: nothing to choose."""
    one = torch.tensor(1.0)
    return Quantizer(bits=16, scale=one, zero_point=torch.tensor(0, dtype=torch.int32), float16=True)


SCHEMES: Mapping[str, Scheme] = {"symmetric": _symmetric, "affine": _affine, "float16": _float16}
"""By the catalogue's ids."""


def _per_tensor(weight: Tensor) -> tuple[Tensor, Tensor, int | None]:
    return weight.min(), weight.max(), None


def _per_channel(weight: Tensor) -> tuple[Tensor, Tensor, int | None]:
    rows = weight.reshape(len(weight), -1)
    return rows.amin(dim=1), rows.amax(dim=1), 0


GRANULARITIES: Mapping[str, Callable[[Tensor], tuple[Tensor, Tensor, int | None]]] = {
    "per_tensor": _per_tensor,
    "per_channel": _per_channel,
}
"""By the catalogue's ids: (smallest, largest, axis) of a weight [out, …]."""


def weight_quantizer(weight: Tensor, *, bits: int, scheme: str, granularity: str) -> Quantizer:
    """The quantizer of a weight [out, …].

    A channel of zeros has no range: it takes the scale of the widest channel, so that its bias keeps a useful unit
    (the bias is stored in units of S_in · S_w). A tensor of zeros takes the scale of the range [-1, 1].
    """
    low, high, axis = GRANULARITIES[granularity](weight.detach().float())
    low, high = low.clamp(max=0), high.clamp(min=0)
    largest = torch.maximum(-low, high).max()
    largest = largest if largest > 0 else torch.ones_like(largest)
    empty = (low == 0) & (high == 0)
    made = SCHEMES[scheme](torch.where(empty, -largest, low), torch.where(empty, largest, high), bits)
    if made.float16:
        return made
    scale = made.scale.clamp(min=SMALLEST_SCALE)
    return Quantizer(bits=bits, scale=scale, zero_point=made.zero_point, axis=axis, symmetric=made.symmetric)


def largest_bias(*bits: int) -> float:
    """The largest code of a bias beside inputs and weights of these bits."""
    return LARGEST_BIAS if max(bits) <= NARROW else LARGEST_WIDE_BIAS


def activation_quantizer(low: float, high: float, *, bits: int) -> Quantizer:
    """The quantizer of an activation whose values lie in [low, high]: affine, one scale, all 2^b signed codes.

    The range is widened to contain 0, and an empty one becomes [0, 1].
    """
    low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        high = 1.0
    return _affine(torch.tensor(low), torch.tensor(high), bits)
