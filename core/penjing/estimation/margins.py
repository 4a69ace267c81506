"""How surely a network is right: the output of the truth beside the largest other one, or the k-th largest."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def margins_of(output: Tensor, truth: NDArray[np.int64], *, k: int = 1) -> NDArray[np.float64]:
    """The output of the truth less the k-th largest other one, [n]; of a single output how far it is on the right side.

    Above 0 the truth is among the k largest.
    """
    values = output.double()
    if values.shape[1] == 1:
        sides = torch.from_numpy(np.where(truth > 0, 1.0, -1.0))
        return np.asarray((values[:, 0] * sides).numpy())
    known = torch.from_numpy(truth < values.shape[1])  # a label that the network has no output for is never right
    places = torch.from_numpy(truth).clamp(max=values.shape[1] - 1)[:, None]
    right = torch.where(known, values.gather(1, places)[:, 0], values.amin(dim=1))
    others = torch.where(known, _largest(values.scatter(1, places, -math.inf), k), _largest(values, k))
    return np.asarray((right - others).numpy())


def _largest(values: Tensor, k: int) -> Tensor:
    """The k-th largest of each row."""
    return values.amax(dim=1) if k == 1 else torch.topk(values, min(k, values.shape[1]), dim=1).values[:, -1]
