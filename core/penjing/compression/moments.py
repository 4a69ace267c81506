"""Second moments of what a layer reads: all that layer-wise reconstruction needs to know about the data."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from penjing.model.operators.table import operator_of

DAMPING = 0.01
"""Share of the mean diagonal that is added to it: few samples do not tell every direction."""
SAMPLES_AT_ONCE = 16


@dataclass(frozen=True, kw_only=True)
class Moments:
    """What flows into a layer, [groups, columns, columns] in float64.

    With them E‖w x - ŵ x̂‖² = ŵ·H·ŵ - 2 w·C·ŵ + const, H = `compressed`, C = `crossed`.
    """

    compressed: Tensor
    """1/m Σ x̂ x̂', x̂ the columns in the compressed network, damped."""
    crossed: Tensor
    """1/m Σ x x̂', x the columns in the original network, damped by the same."""

    def target(self, rows: Tensor) -> Tensor:
        """The weight [groups, rows, columns] that does on x̂ what `rows` does on x, as well as any can: w C H⁻¹."""
        found: Tensor = torch.linalg.solve(self.compressed, (rows @ self.crossed).transpose(1, 2))
        return found.transpose(1, 2)

    def loss(self, original: Tensor, rows: Tensor) -> Tensor:
        """E‖w x - ŵ x̂‖² of every row, less what no ŵ can change: [groups, rows]."""
        return torch.sum((rows @ self.compressed - 2 * (original @ self.crossed)) * rows, dim=2)


def moments_of(module: nn.Module, original: Tensor, compressed: Tensor) -> Moments:
    """The moments of a layer with weights from its inputs [n, …] in both networks."""
    row, count = operator_of(module), 0
    second = crossed = torch.zeros((), dtype=torch.float64)
    batches = (torch.split(part, SAMPLES_AT_ONCE) for part in (original, compressed))
    for one, other in zip(*batches, strict=True):
        changed = row.columns(module, other)
        known = changed if original is compressed else row.columns(module, one)
        second = second + (changed.transpose(1, 2) @ changed).double()
        crossed = crossed + (known.transpose(1, 2) @ changed).double()
        count += changed.shape[1]
    second, crossed = second / count, crossed / count
    size = second.diagonal(dim1=1, dim2=2).mean(dim=1).clamp_min(1e-12)
    damping = DAMPING * size[:, None, None] * torch.eye(second.shape[1], dtype=torch.float64)
    return Moments(compressed=second + damping, crossed=crossed + damping)
