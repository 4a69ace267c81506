"""How surely a network is right: the output of the truth beside the largest other one."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def margins_of(output: Tensor, truth: NDArray[np.int64]) -> NDArray[np.float64]:
    """The output of the truth less the largest other one, [n]; of a single output how far it is on the right side."""
    values = output.double()
    if values.shape[1] == 1:
        sides = torch.from_numpy(np.where(truth > 0, 1.0, -1.0))
        return np.asarray((values[:, 0] * sides).numpy())
    known = torch.from_numpy(truth < values.shape[1])  # a label that the network has no output for is never right
    places = torch.from_numpy(truth).clamp(max=values.shape[1] - 1)[:, None]
    right = torch.where(known, values.gather(1, places)[:, 0], values.amin(dim=1))
    others = torch.where(known, values.scatter(1, places, -math.inf).amax(dim=1), values.amax(dim=1))
    return np.asarray((right - others).numpy())
