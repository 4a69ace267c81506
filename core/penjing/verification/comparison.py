"""Compares two networks' outputs batch by batch and remembers only what the verdict needs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from penjing.estimation.measured import classes_of

RELATIVE, ABSOLUTE = 1e-4, 1e-6
"""Parity in float32: max|a - b| ≤ 1e-4 · max|b| + 1e-6."""
LEAST_AGREEMENT = 0.999
MOST_TIES = 0.01
"""Share of integer results that may lie one step beside the screen's: roundings of exact ties."""
DEVIATIONS = 3.0
"""Of few results more may do so by chance: a count has the deviation √mean (Poisson)."""
FARTHEST = 4
"""Steps that results may differ by in a sample in which a runtime rounded a tie the other way inside the network."""


@dataclass(kw_only=True)
class Comparison:
    """What is known so far about one file against what was on screen.

    `steps` holds, by output, the quantization step of its grid; None where the output is float.
    """

    steps: Sequence[float | None]
    tells_classes: bool = True
    """Whether a sample agrees where the same class is chosen; otherwise where its numbers are the same."""
    border: float = 0.0
    """Above which a single output says the second class."""
    largest_difference: float = 0.0
    largest_value: float = 0.0
    close: bool = True
    agreeing: int = 0
    samples: int = 0
    values: int = 0
    beside: int = 0
    """Integer results that differ by one step, …"""
    beyond: int = 0
    """… and by more."""
    spoiled: int = 0
    """Samples with such results, …"""
    farthest: float = 0.0
    """… and by how many steps the worst of them differs."""
    finite: bool = True
    chosen: list[NDArray[np.int64]] = field(default_factory=list)

    def add(self, got: Sequence[Tensor], wanted: Sequence[Tensor]) -> None:
        """One batch: the file's outputs and the screen's."""
        if len(got) != len(wanted) or any(a.shape != b.shape for a, b in zip(got, wanted, strict=True)):
            shapes = [[list(tensor.shape) for tensor in side] for side in (got, wanted)]
            raise ValueError(f"outputs of shapes {shapes[0]} instead of {shapes[1]}")
        apart = [self._add_values(*each) for each in zip(got, wanted, self.steps, strict=True)]
        self.spoiled += int(np.any([steps > 0 for steps in apart], axis=0).sum())
        self.chosen.append(classes_of(got[0], border=self.border))
        if self.tells_classes:
            self.agreeing += int(_same_choice(self.chosen[-1], wanted[0], self.border).sum())
        else:
            self.agreeing += int(_same_numbers(got[0], wanted[0], self.steps[0]).sum())
        self.samples += len(got[0])

    @property
    def agreement(self) -> float:
        """Share of samples on which both choose the same class; either class of an exact tie counts.

        Of networks that answer numbers: on which all are within a step of the grid, or the parity of floats.
        """
        return self.agreeing / self.samples if self.samples else 0.0

    @property
    def exact(self) -> bool:
        """Whether not a single value differs."""
        return self.finite and self.samples > 0 and self.largest_difference == 0

    @property
    def within_float_bound(self) -> bool:
        """Parity of float networks."""
        bound = RELATIVE * self.largest_value + ABSOLUTE
        return self.finite and self.samples > 0 and self.largest_difference <= bound

    @property
    def within_integer_bound(self) -> bool:
        """Parity of integer networks: the same choices, and no more than rare ties.

        A tie at the end is one step. One inside the network, whose values runtimes compute in float, is a few steps of
        all that the sample gives: so it is counted in samples, one of however few.
        """
        if not any(step is not None for step in self.steps):
            values = self.within_float_bound
        else:
            expected = MOST_TIES * self.values
            at_the_end = self.beyond == 0 and self.beside <= expected + DEVIATIONS * math.sqrt(expected)
            inside = self.farthest <= FARTHEST and self.spoiled <= max(1, MOST_TIES * self.samples)
            values = at_the_end or inside
        seen = self.finite and self.samples > 0
        return seen and values and (self.agreement >= LEAST_AGREEMENT or not self.tells_classes)

    def _add_values(self, one: Tensor, other: Tensor, step: float | None) -> NDArray[np.float64]:
        """Compares one output; by how many steps each sample's worst value differs, 0 where there is no grid."""
        none = np.zeros(len(one))
        if not one.numel():
            return none
        if not bool(torch.isfinite(one).all()):
            self.finite = False
        difference = (one.double() - other.double()).abs().nan_to_num(nan=float("inf"))
        self.largest_difference = max(self.largest_difference, float(difference.max()))
        self.largest_value = max(self.largest_value, float(other.abs().max()))
        if step is None:
            return none
        apart = torch.round(difference / step).reshape(len(one), -1)
        self.values += one.numel()
        self.beside += int((apart == 1).sum())
        self.beyond += int((apart > 1).sum())
        self.farthest = max(self.farthest, float(apart.max()))
        return np.asarray(apart.amax(dim=1).numpy(), np.float64)


def _same_numbers(got: Tensor, wanted: Tensor, step: float | None) -> NDArray[np.bool_]:
    one, other = got.double().reshape(len(got), -1), wanted.double().reshape(len(wanted), -1)
    bound = RELATIVE * float(other.abs().max()) + ABSOLUTE if other.numel() else 0.0
    apart = (one - other).abs().nan_to_num(nan=float("inf")).amax(dim=1)
    return np.asarray((apart <= max(bound, 0.0 if step is None else 1.01 * step)).numpy())


def _same_choice(chosen: NDArray[np.int64], wanted: Tensor, border: float) -> NDArray[np.bool_]:
    flat = wanted.detach().reshape(wanted.shape[0], -1)
    if flat.shape[1] == 1:
        return np.asarray(chosen == classes_of(wanted, border=border))
    mine = flat.gather(1, torch.from_numpy(chosen)[:, None])[:, 0]
    return np.asarray((mine == flat.amax(dim=1)).numpy())
