"""Training examples that are moved a little, so that few of them teach like many (LeCun 1998, section III.C).

>>> shifted(torch.arange(4.0).reshape(1, 1, 4), 0)
tensor([[[0., 1., 2., 3.]]])
"""

import torch
from torch import Tensor


def shifted(values: Tensor, most: int, *, channel_axis: int = 1) -> Tensor:
    """Examples [n, channels, …], each moved by -most..most places along every axis but those two, drawn from torch.

    What comes in at an edge repeats the edge. Examples without further axes stay as they are.

    Args:
        values: The examples.
        most: How far they may move; an axis that is no longer than that is left alone.
        channel_axis: 1, or -1 for [n, …, channels].
    """
    result = values
    for axis in range(1, values.dim()):
        extent = values.shape[axis]
        if axis == channel_axis % values.dim() or extent <= most or values.dim() < 3 or not most:
            continue
        moves = torch.randint(-most, most + 1, (len(values), 1))
        places = (torch.arange(extent) + moves).clamp(0, extent - 1)  # [n, extent]
        shape = [-1 if other in (0, axis) else 1 for other in range(values.dim())]
        shape[0], shape[axis] = len(values), extent
        result = result.gather(axis, places.reshape(shape).expand_as(result))
    return result
