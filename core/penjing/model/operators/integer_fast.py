"""The kernels of the operator table in torch: integers held in float tensors, sums exact while the type holds them.

Only operators whose own module does not already compute it on integers have one here.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from penjing.model.modules import turned
from penjing.model.operators.integer_reference import along

Attributes = Mapping[str, Any]
Inputs = Sequence[Tensor]


def convolution(attributes: Attributes, inputs: Inputs, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """As `integer_reference.convolution`, with the bias."""
    assert weight is not None
    run: Any = F.conv1d if weight.dim() == 3 else F.conv2d
    stride, padding, dilation = attributes["stride"], attributes["padding"], attributes["dilation"]
    result: Tensor = run(inputs[0], weight, bias, stride, padding, dilation, attributes["groups"])
    return result


def transposed_convolution(
    attributes: Attributes, inputs: Inputs, weight: Tensor | None, bias: Tensor | None
) -> Tensor:
    """As `integer_reference.transposed_convolution`, with the bias."""
    assert weight is not None
    run: Any = F.conv_transpose1d if weight.dim() == 3 else F.conv_transpose2d
    groups = int(attributes["groups"])
    settings = {key: attributes[key] for key in ("stride", "padding", "output_padding", "dilation")}
    result: Tensor = run(inputs[0], turned(weight, groups), bias, groups=groups, **settings)
    return result


def by_reference(reference: Any) -> Any:
    """A kernel that runs in numpy, where torch has nothing faster."""

    def run(attributes: Attributes, inputs: Inputs, weight: Tensor | None, bias: Tensor | None) -> Tensor:
        assert bias is None
        values = [one.numpy().astype(np.int64) for one in inputs]
        codes = None if weight is None else weight.numpy().astype(np.int64)
        return torch.from_numpy(np.ascontiguousarray(reference(attributes, values, codes))).to(inputs[0].dtype)

    return run


def linear(attributes: Attributes, inputs: Inputs, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """As `integer_reference.linear`, with the bias."""
    assert weight is not None
    return F.linear(inputs[0], weight, bias)


def scaled(attributes: Attributes, inputs: Inputs, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """As `integer_reference.scaled`, with the bias."""
    assert weight is not None
    shape = tuple(inputs[0].shape)
    result = inputs[0] * weight.reshape(along(weight.numel(), shape))
    return result if bias is None else result + bias.reshape(along(bias.numel(), shape))


def bent(attributes: Attributes, inputs: Inputs, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """As `integer_reference.bent`."""
    assert weight is not None
    above, below = (slope.reshape(-1, *(1,) * (inputs[0].dim() - 2)) for slope in weight.t())
    result: Tensor = inputs[0].clamp(min=0) * above + inputs[0].clamp(max=0) * below
    return result


def window_sum(attributes: Attributes, inputs: Inputs, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """As `integer_reference.window_sum`."""
    kernel, stride, padding = (tuple(attributes[name]) for name in ("kernel", "stride", "padding"))
    values = inputs[0]
    if len(kernel) == 1:  # only the 2-D pooling of torch takes a divisor
        kernel, stride, padding, values = (1, *kernel), (1, *stride), (0, *padding), values.unsqueeze(2)
    sums = F.avg_pool2d(values, kernel, stride, padding, ceil_mode=attributes["ceil_mode"], divisor_override=1)
    return sums.squeeze(2) if values is not inputs[0] else sums


def total(attributes: Attributes, inputs: Inputs, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """As `integer_reference.total`."""
    axes = attributes.get("dims", tuple(range(2, inputs[0].dim())))
    return inputs[0].sum(dim=axes, keepdim=bool(attributes["keepdim"]))


def same(attributes: Attributes, inputs: Inputs, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """Itself."""
    return inputs[0]


def softmax(attributes: Attributes, inputs: Inputs, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """As `integer_reference.softmax`."""
    assert weight is not None
    axis = int(attributes["dim"])
    parts = weight.double()[(inputs[0].amax(dim=axis, keepdim=True) - inputs[0]).long()]
    whole = parts.sum(dim=axis, keepdim=True)
    # Exact: the quotient is no nearer to the next integer than 1 / (2 whole), far above double precision.
    return torch.floor((512 * parts + whole) / (2 * whole))


def looked_up(attributes: Attributes, inputs: Inputs, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """As `integer_reference.looked_up`."""
    assert weight is not None
    return weight[(inputs[0] - int(attributes["table_start"])).long()]
