"""What a rounding is: it puts the weight of one layer on a grid."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from penjing.compression.moments import Moments
from penjing.compression.quantizers import weight_quantizer
from penjing.model.model import Quantizer
from penjing.plan import Settings


@dataclass(frozen=True, kw_only=True)
class Task:
    """One weight that is to be rounded."""

    weight: Tensor
    """[out, …]"""
    settings: Settings
    mask: Tensor | None = None
    """Shaped like the weight; where it is False the weight stays 0."""
    moments: Moments | None = None
    """What the layer reads, for the roundings that ask for it; None: too wide to know, round to the nearest."""

    @property
    def quantizer(self) -> Quantizer:
        """The grid that covers the whole range of the weight."""
        return self.quantizer_of(self.weight)

    def quantizer_of(self, weight: Tensor) -> Quantizer:
        """The grid that covers another weight's range."""
        settings = self.settings
        return weight_quantizer(
            weight, bits=settings.weight_bits, scheme=settings.scheme, granularity=settings.granularity
        )


Rounded = tuple[Tensor, Quantizer]
Rounding = Callable[[Task], Rounded]
"""A task → the weight on a grid, and the grid."""


@dataclass(frozen=True, kw_only=True)
class RoundingMethod:
    """A rounding and what it asks for."""

    round: Rounding
    needs_moments: bool = False


def _nearest(task: Task) -> Rounded:
    quantizer = task.quantizer
    return quantizer.on_grid(task.weight), quantizer


NEAREST = RoundingMethod(round=_nearest)
