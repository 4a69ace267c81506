"""What criteria judge from: weights in float64, a seed, and what one pass over a few samples shows, computed once."""

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from penjing.model.model import Model

if TYPE_CHECKING:
    from penjing.loading.dataset import Dataset


@dataclass(frozen=True)
class Evidence:
    """A model and what its criteria may look at."""

    model: Model
    data: "Dataset | None" = None
    seed: int = 0

    def weight(self, layer: str) -> Tensor:
        """The layer's weight in float64, [out, in, …]."""
        return self.model.weight(layer).to(torch.float64)

    def generator(self, layer: str) -> torch.Generator:
        """Random numbers that depend on the seed and the layer alone, not on who asked before."""
        return torch.Generator().manual_seed(self.seed ^ zlib.crc32(layer.encode()))
