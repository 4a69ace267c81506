"""All criteria side by side: what each would take from one layer, and how far that agrees with the plan's; no Qt.

>>> ranks(np.array([3.0, 1.0, 2.0], np.float32)).tolist()
[1.0, 0.0, 0.5]
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]
Shares = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What one criterion says of the filters of a layer."""

    strip: Shares
    """By filter 0..1: its rank (0 goes first), or the share of its weights that stays."""
    gone: NDArray[np.bool_]
    """By filter, whether it would go."""
    agrees: float | None
    """The share of what goes that also goes under the plan's criterion; None: nothing goes."""


def ranks(scores: Scores) -> Shares:
    """Each score's place among all, 0..1; of equals the first comes first."""
    found = np.empty(len(scores))
    found[np.argsort(scores, kind="stable")] = np.arange(len(scores)) / max(len(scores) - 1, 1)
    return found


def judged_filters(scores: Scores, plan: Scores | None, count: int) -> Judged:
    """What a cut of the `count` lowest filters would take, beside the `plan`'s own criterion."""
    gone = _lowest(scores, count)
    agrees = None
    if plan is not None and count:
        agrees = float((gone & _lowest(plan, count)).sum() / count)
    return Judged(strip=ranks(scores), gone=gone, agrees=agrees)


def judged_weights(scores: Scores, plan: Scores | None, share: float) -> Judged:
    """What zeroing a share of the weights [out, in · kernel] would leave of each filter, beside the `plan`'s own."""
    count = round(share * scores.size)
    zeroed = _lowest(scores.reshape(-1), count).reshape(scores.shape)
    agrees = None
    if plan is not None and count:
        other = _lowest(plan.reshape(-1), count).reshape(plan.shape)
        agrees = float((zeroed & other).sum() / count)
    stays = 1.0 - zeroed.mean(axis=1, dtype=np.float64)
    return Judged(strip=stays, gone=stays == 0.0, agrees=agrees)


def _lowest(scores: Scores, count: int) -> NDArray[np.bool_]:
    gone = np.zeros(len(scores), np.bool_)
    gone[np.argsort(scores, kind="stable")[:count]] = True
    return gone
