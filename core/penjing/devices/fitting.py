"""Fits throughput to measured times: least squares in logarithms, held by what is known beforehand.

A time is a sum over operator classes, Σ work · cost, and the logarithm of each cost is a linear combination of unknowns
with a Gaussian prior. The most probable unknowns come from Levenberg's damped Gauss-Newton steps (1944), their spread
from the curvature there (Laplace's approximation; Bishop 2006, §4.4).

>>> import numpy as np
>>> seen = [Observation(np.array([2.0]), np.array([[1.0]]), math.log(6.0))]  # 2 units took 6 ms: 3 ms a unit
>>> round(float(np.exp(solve(seen, mean=np.zeros(1), spread=np.full(1, 1e3), noise=0.1).mean[0])), 6)
3.0
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

COVERED = 1.645
"""Standard deviations either way that hold nine of ten normal values."""
_MOST_STEPS = 200


@dataclass(frozen=True)
class Observation:
    """One measured time: `work` [class], the logarithm of each class's cost as `rows` [class, unknown] · unknowns."""

    work: Vector
    rows: Matrix
    log_time: float = 0.0

    def predicted(self, unknowns: Vector) -> tuple[float, Vector]:
        """The logarithm of the time and its gradient [unknown]."""
        parts = self.work * np.exp(self.rows @ unknowns)
        total = float(parts.sum())
        return math.log(total), (parts / total) @ self.rows


@dataclass(frozen=True)
class Posterior:
    """What is known of the unknowns: `mean` [unknown], `covariance` [unknown, unknown], `noise` of one more time."""

    mean: Vector
    covariance: Matrix
    noise: float

    def predict(self, observation: Observation) -> tuple[float, float]:
        """The logarithm of a time and its standard deviation, that of one measurement included."""
        value, gradient = observation.predicted(self.mean)
        return value, math.sqrt(self.noise**2 + float(gradient @ self.covariance @ gradient))


def solve(
    observations: Sequence[Observation], *, mean: Vector, spread: Vector, noise: float, start: Vector | None = None
) -> Posterior:
    """The most probable unknowns.

    Args:
        observations: What was measured.
        mean: Expected unknowns, [unknown].
        spread: Their standard deviations, [unknown].
        noise: Standard deviation of a time's logarithm that no unknown explains.
        start: Where to begin; `mean` where nothing is given.
    """
    precision: Vector = spread**-2.0
    unknowns: Vector = (mean if start is None else start).astype(np.float64)
    times = np.array([observation.log_time for observation in observations])

    def look(at: Vector) -> tuple[float, Vector, Matrix]:
        found = [observation.predicted(at) for observation in observations]
        off = np.array([value for value, _ in found]) - times
        slopes = np.array([gradient for _, gradient in found]).reshape(len(found), len(mean))
        cost = float(precision @ (at - mean) ** 2) + float(off @ off) / noise**2
        return cost, off, slopes

    cost, off, slopes = look(unknowns)
    damping = 1e-3
    for _ in range(_MOST_STEPS):
        curvature = np.diag(precision) + slopes.T @ slopes / noise**2
        descent = precision * (unknowns - mean) + slopes.T @ off / noise**2
        tried: Vector = unknowns - np.linalg.solve(curvature + damping * np.diag(np.diag(curvature)), descent)
        then = look(tried)
        if then[0] < cost:
            done = cost - then[0] < 1e-9 * cost
            unknowns, (cost, off, slopes), damping = tried, then, max(damping / 5, 1e-9)
            if done:
                break
        else:
            damping *= 4
            if damping > 1e8:
                break
    curvature = np.diag(precision) + slopes.T @ slopes / noise**2
    covariance: Matrix = np.linalg.inv(curvature).astype(np.float64)
    return Posterior(unknowns, covariance, noise)


def band(spread: float) -> float:
    """The relative half-width that holds nine of ten, from a standard deviation of logarithms; rounded up to 5 %.

    >>> band(0.11)
    0.2
    """
    return math.ceil(round(20 * math.expm1(COVERED * spread), 9)) / 20
