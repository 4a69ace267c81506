"""How surely a network is right: the output of the truth beside the largest other one, or the k-th largest."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

NONE = -1
"""The class that is chosen by an answer that is no number."""


def margins_of(output: Tensor, truth: NDArray[np.int64], *, k: int = 1, border: float = 0.0) -> NDArray[np.float64]:
    """The output of the truth less the k-th largest other one, [n]; of a single output how far right of `border` it is.

    Above 0 the truth is among the k largest. An answer that is no number is wrong by 1; an infinite one counts as the
    largest number of its kind, since differences of margins are averaged.
    """
    values = output.double().clamp(-_LARGEST, _LARGEST)
    none = blank(values)
    if none.any():
        found = np.full(len(values), -1.0)  # wrong, whatever it was to be
        found[~none] = margins_of(values[torch.from_numpy(~none)], truth[~none], k=k, border=border)
        return found
    if values.shape[1] == 1:
        sides = torch.from_numpy(np.where(truth > 0, 1.0, -1.0))
        return np.asarray(((values[:, 0] - border) * sides).numpy())
    # A label that the network has no output for is never right.
    known = torch.from_numpy((truth >= 0) & (truth < values.shape[1]))
    places = torch.from_numpy(truth).clamp(min=0, max=values.shape[1] - 1)[:, None]
    right = torch.where(known, values.gather(1, places)[:, 0], values.amin(dim=1))
    others = torch.where(known, _largest(values.scatter(1, places, -math.inf), k), _largest(values, k))
    return np.asarray((right - others).numpy())


def blank(output: Tensor) -> NDArray[np.bool_]:
    """Where an answer is none, [n]: some of its values are no numbers. Infinite ones still say which is largest."""
    none = output.detach().isnan()
    return np.asarray((none if none.dim() == 1 else none.flatten(1).any(dim=1)).numpy())


_LARGEST = float(torch.finfo(torch.float32).max)


def _largest(values: Tensor, k: int) -> Tensor:
    """The k-th largest of each row."""
    return values.amax(dim=1) if k == 1 else torch.topk(values, min(k, values.shape[1]), dim=1).values[:, -1]
