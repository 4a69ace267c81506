"""Least squares under a mask: the weights that are left do on a changed input what all of them did on the old one."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

MOST_ITERATIONS = 500
TOLERANCE = 1e-12
"""Of the squared residual, relative to the one at the start."""
_TINY = 1e-12


@dataclass(frozen=True, kw_only=True)
class Meeting:
    """Moments of what a layer reads in two networks, x before a change and x̂ after it; float64."""

    before: Tensor
    """E[x], [groups, columns before]; 0 where the layer cannot make up for a mean."""
    after: Tensor
    """E[x̂], [groups, columns]; 0 as `before`."""
    crossed: Tensor
    """E[(x - E x)(x̂ - E x̂)'], [groups, columns before, columns]."""
    second: Tensor
    """E[(x̂ - E x̂)(x̂ - E x̂)'], [groups, columns, columns]."""


def meeting(parts: Iterable[tuple[Tensor, Tensor]], *, centred: bool) -> Meeting:
    """The moments of columns that come in parts: (x, x̂), each [groups, how often, columns].

    Only sums are kept, so that the parts may be made one by one. The products of a part are as exact as its values,
    the sums over parts float64.
    """
    count = 0
    before = after = crossed = second = torch.zeros((), dtype=torch.float64)
    for old, new in parts:
        count += old.shape[1]
        before, after = before + old.sum(dim=1, dtype=torch.float64), after + new.sum(dim=1, dtype=torch.float64)
        crossed = crossed + (old.transpose(1, 2) @ new).double()
        second = second + (new.transpose(1, 2) @ new).double()
    before, after, crossed, second = before / count, after / count, crossed / count, second / count
    if not centred:
        return Meeting(before=before * 0, after=after * 0, crossed=crossed, second=second)
    return Meeting(
        before=before,
        after=after,
        crossed=crossed - before[:, :, None] * after[:, None],
        second=second - after[:, :, None] * after[:, None],
    )


def refit(wanted: Tensor, start: Tensor, free: Tensor, moments: Meeting, *, damping: float) -> Tensor:
    """The rows ŵ, 0 where not `free`, of the least E‖w x - ŵ x̂‖² + λ‖ŵ - start‖²; [groups, rows, columns].

    Solved for all rows at once by conjugate gradients, preconditioned with the diagonal.

    Args:
        wanted: w, [groups, rows, columns before].
        start: The weights that are left, [groups, rows, columns].
        free: 1 where a weight may move, else 0.
        moments: Of both inputs.
        damping: λ as a share of the mean diagonal of E[x̂ x̂'].
    """
    diagonal = moments.second.diagonal(dim1=1, dim2=2)
    own = damping * diagonal.mean(dim=1).clamp_min(_TINY)[:, None, None]
    scale = free / (diagonal[:, None] + own)

    def times(rows: Tensor) -> Tensor:
        return free * (rows @ moments.second + own * rows)

    rows = start * free
    rest = free * (wanted @ moments.crossed + own * start) - times(rows)
    step = scale * rest
    size = (rest * step).sum(dim=2, keepdim=True)
    least = TOLERANCE * size
    for _ in range(MOST_ITERATIONS):
        active = size > least  # a row that is done must not be divided by its vanishing residual
        if not bool(active.any()):
            break
        change = times(step)
        length = torch.where(active, size / (step * change).sum(dim=2, keepdim=True).clamp_min(1e-300), 0.0)
        rows, rest = rows + length * step, rest - length * change
        pushed = scale * rest
        renewed = (rest * pushed).sum(dim=2, keepdim=True)
        step = pushed + torch.where(active, renewed / size.clamp_min(1e-300), 0.0) * step
        size = renewed
    return rows
