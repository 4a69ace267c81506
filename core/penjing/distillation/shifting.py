"""Training examples that are moved a little, so that few of them teach like many (LeCun 1998, section III.C).

>>> moved(torch.arange(4.0).reshape(1, 1, 4), (2,), torch.tensor([[1]]))
tensor([[[0., 0., 1., 2.]]])
"""

from collections.abc import Sequence

import torch
from torch import Tensor


def movable(shape: Sequence[int], most: int, *, channel_axis: int = 1) -> tuple[int, ...]:
    """The axes along which examples [n, channels, …] can move by up to `most` places.

    All but those two that are longer than that; examples without further axes have none.

    Args:
        shape: Of the examples.
        most: How far they may move.
        channel_axis: 1, or -1 for [n, …, channels].
    """
    if not most or len(shape) < 3:
        return ()
    fixed = {0, channel_axis % len(shape)}
    return tuple(axis for axis, extent in enumerate(shape) if axis not in fixed and extent > most)


def drawn(count: int, axes: Sequence[int], most: int) -> Tensor:
    """How far each of `count` examples moves along each axis, -most..most, drawn from torch: int64 [count, axes]."""
    if not axes:
        return torch.zeros(count, 0, dtype=torch.int64)
    return torch.stack([torch.randint(-most, most + 1, (count,)) for _ in axes], dim=1)


def moved(values: Tensor, axes: Sequence[int], moves: Tensor) -> Tensor:
    """Examples [n, …], each moved by its row of `moves` [n or 1, axes]; what comes in at an edge repeats the edge."""
    result = values
    for axis, along in zip(axes, moves.unbind(1), strict=True):
        extent = values.shape[axis]
        places = (torch.arange(extent) - along[:, None]).clamp(0, extent - 1)  # [n, extent]
        shape = [-1 if other in (0, axis) else 1 for other in range(values.dim())]
        shape[0], shape[axis] = len(along), extent
        result = result.gather(axis, places.reshape(shape).expand_as(result))
    return result


def every_move(axes: Sequence[int], most: int) -> Tensor:
    """All moves there are, int64 [(2 most + 1)^axes, axes]; `place_of` tells where in it a move stands."""
    if not axes:
        return torch.zeros(1, 0, dtype=torch.int64)
    one = torch.arange(-most, most + 1)
    return torch.cartesian_prod(*[one for _ in axes]).reshape(-1, len(axes))


def place_of(moves: Tensor, most: int) -> Tensor:
    """The rows of `every_move` that moves [n, axes] are, int64 [n]."""
    place = torch.zeros(len(moves), dtype=torch.int64)
    for along in moves.unbind(1):
        place = place * (2 * most + 1) + along + most
    return place
