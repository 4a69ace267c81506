"""95 % intervals of a share: Wilson's, and Wilson's with the effective sample size of clustered samples.

>>> [round(bound, 4) for bound in wilson(0.9, 100)]
[0.8256, 0.9448]
"""

import math

import numpy as np
from numpy.typing import NDArray

from penjing.results import Accuracy

Z = 1.959963984540054
"""The 97.5 % quantile of the standard normal distribution."""


def wilson(share: float, n: float, *, z: float = Z) -> tuple[float, float]:
    """Wilson's score interval (Wilson 1927) of a share seen in `n` independent samples; (0, 1) if there are none."""
    if n <= 0:
        return 0.0, 1.0
    spread = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    middle, scale = share + z * z / (2 * n), 1 + z * z / n
    # The interval holds the share itself; rounding must not push it out at 0 and 1.
    return max(0.0, min(share, (middle - spread) / scale)), min(1.0, max(share, (middle + spread) / scale))


def effective_samples(hits: NDArray[np.bool_], groups: NDArray[np.int64]) -> float:
    """How many independent samples the clustered ones are worth (Rao & Scott 1992, Biometrics 48:577).

    n_eff = p (1 - p) / v with the cluster-robust variance of a ratio, v = G / (G - 1) · Σ (y_g - p n_g)² / n²
    (Cochran 1977, §6); never more than n. It is reduced by (z / t)², t with G - 1 degrees of freedom, as few
    clusters tell their variance badly (Korn & Graubard 1998). Where nothing varies, clusters count, not samples.
    """
    n = len(hits)
    _, place = np.unique(groups, return_inverse=True)
    sizes = np.bincount(place).astype(float)
    clusters = len(sizes)
    if clusters < 2:
        return float(min(n, clusters))
    share = float(hits.mean())
    residuals = np.bincount(place, weights=hits) - share * sizes
    variance = clusters / (clusters - 1) * float((residuals**2).sum()) / n**2
    if share in (0.0, 1.0):
        return float(clusters)
    worth = n if variance == 0 else min(n, share * (1 - share) / variance)
    return worth * (Z / student_quantile(clusters - 1)) ** 2


def independent_samples(measured: Accuracy) -> float:
    """How many independent samples would leave a share as wide an interval by Wilson as it has: fewer if clustered."""
    least, most = 0.0, float(measured.n)
    for _ in range(50):
        n = (least + most) / 2
        low, high = wilson(measured.value, n)
        least, most = (n, most) if high - low > measured.high - measured.low else (least, n)
    return most


def student_quantile(freedom: int) -> float:
    """The 97.5 % quantile of Student's t.

    Exact for one and two degrees of freedom, else the Cornish-Fisher expansion (Abramowitz & Stegun 26.7.5).
    """
    if freedom == 1:
        return math.tan(math.pi * 0.475)
    if freedom == 2:
        return 0.95 * math.sqrt(2 / (1 - 0.95**2))
    z, v = Z, freedom
    return (
        z
        + (z**3 + z) / (4 * v)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * v**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * v**3)
        + (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / (92160 * v**4)
    )
