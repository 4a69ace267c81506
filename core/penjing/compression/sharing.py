"""Makes the weights of a layer share the values of a codebook, which may lie on a grid of few bits itself."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from penjing.compression.codebook import nearest, shared_values
from penjing.compression.quantizers import weight_quantizer
from penjing.model.model import Quantizer
from penjing.model.operators.table import operator_of
from penjing.plan import Settings

DAMPING = 0.01
"""Share of the mean importance that is added to every one: few samples do not tell every input."""
SAMPLES_AT_ONCE = 16
BIAS_BITS = 8
HALF_ERROR = 2.0**-10
"""Largest relative error of an IEEE half with a little room: below its normal numbers it is larger."""


@dataclass(frozen=True, kw_only=True)
class Shared:
    """A weight whose values are those of a codebook, or masked and 0."""

    weight: Tensor
    codebook: Tensor
    quantizer: Quantizer | None


def share(weight: Tensor, settings: Settings, *, mask: Tensor | None, importance: Tensor | None) -> Shared:
    """The weight [out, …] on its k-means codebook of `settings.codebook` values.

    With `weight_bits`, too, the values are rounded to a grid that all of them share, whatever the granularity: the
    layer then runs in integers, and its codebook is stored in as many bits. Otherwise they are halves (`halved`).
    """
    assert settings.codebook is not None
    kept = torch.ones_like(weight, dtype=torch.bool) if mask is None else mask
    own, heavy = weight[kept].numpy(), None if importance is None else importance[kept].numpy()
    values = torch.from_numpy(shared_values(own, settings.codebook, heavy)).float()
    quantizer = None
    if settings.weight_bits == 32:
        values = halved(values)
    else:
        quantizer = weight_quantizer(
            values[:, None], bits=settings.weight_bits, scheme=settings.scheme, granularity="per_tensor"
        )
        values = quantizer.on_grid(values)
    codebook = torch.unique(values + 0.0)  # sorted; -0 is 0 with other bits
    result = torch.zeros_like(weight)
    result[kept] = codebook[torch.from_numpy(nearest(own.astype(np.float64), codebook.double().numpy()))]
    return Shared(weight=result, codebook=values_of(result, kept), quantizer=quantizer)


def halved(values: Tensor) -> Tensor:
    """The values as IEEE halves, which no codebook of few values misses; as they are where one would be far off."""
    half = values.half().float()
    return half if bool(((half - values).abs() <= HALF_ERROR * values.abs()).all()) else values


def coarse_bias(bias: Tensor) -> Tensor:
    """The bias of shared weights in `BIAS_BITS` bits: whole multiples q · 2^e, |q| ≤ 127, of one power of two.

    Its error is at most 1/128 of the largest; shared weights have errors of a tenth.
    """
    largest = bias.abs().max() if bias.numel() else bias.new_zeros(())
    most = (1 << (BIAS_BITS - 1)) - 1
    exponent = torch.frexp(largest).exponent - (BIAS_BITS - 1)
    codes = torch.ldexp(bias.double(), -exponent).round().clamp(-most, most)
    return torch.ldexp(codes, exponent).float()


def importance_of(module: nn.Module, values: Tensor) -> Tensor:
    """How much an error of each weight costs the layer's result: E[x²] of what it meets, the diagonal of H.

    Shaped like the weight.
    """
    row, count = operator_of(module), 0
    total = torch.zeros((), dtype=torch.float64)
    with torch.no_grad():
        for part in torch.split(values, SAMPLES_AT_ONCE):
            columns = row.columns(module, part)
            total = total + columns.double().square().sum(dim=1)
            count += columns.shape[1]
    met = total / count
    met = met + DAMPING * met.mean(dim=1, keepdim=True)
    weight = module.weight
    assert isinstance(weight, Tensor)
    return met.repeat_interleave(len(weight) // len(met), dim=0).reshape(weight.shape)


def values_of(weight: Tensor, mask: Tensor | None) -> Tensor:
    """The codebook of a weight whose values are shared, sorted; [0] where everything is masked."""
    found = torch.unique((weight if mask is None else weight[mask]) + 0.0)
    return found if len(found) else torch.zeros(1)


def still_shared(weight: Tensor, codebook: Tensor, mask: Tensor | None) -> bool:
    """Whether every weight is a value of the codebook, or masked and 0."""
    found = torch.isin(weight, codebook)
    return bool((found if mask is None else torch.where(mask, found, weight == 0)).all())
