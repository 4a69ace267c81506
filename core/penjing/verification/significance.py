"""Is the drop real? McNemar's exact test on the samples that two networks judge differently.

>>> round(mcnemar(lost=10, gained=2), 6)
0.038574
"""

import math


def mcnemar(*, lost: int, gained: int) -> float:
    """Two-sided exact p-value (McNemar 1947): `lost` were right only before, `gained` only after.

    Under "no difference" every such sample falls on either side with probability ½: p = 2 · P(X ≤ min), X ~ B(n, ½).
    """
    n, least = lost + gained, min(lost, gained)
    logarithm = math.lgamma(n + 1) - math.lgamma(least + 1) - math.lgamma(n - least + 1) - n * math.log(2)
    term = tail = math.exp(logarithm)  # P(X = least), then the ones below it
    for k in range(least, 0, -1):
        term *= k / (n - k + 1)
        tail += term
    return min(1.0, 2 * tail)
