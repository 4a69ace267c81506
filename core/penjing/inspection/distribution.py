"""How the values of a weight are distributed: histogram, sorted magnitudes, ranges, error per bit-width; numpy only.

>>> import numpy as np
>>> from penjing.inspection.distribution import histogram, sorted_values
>>> histogram(sorted_values(np.array([0.0, 0.1, 0.2, 1.0])), bins=2).counts.tolist()
[3, 1]
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.floating]

BITS = (2, 3, 4, 5, 6, 7, 8, 16)


@dataclass(frozen=True)
class Histogram:
    """Counts between edges: `counts` [bins], `edges` [bins + 1]; the last bin holds its right edge too."""

    counts: NDArray[np.int64]
    edges: NDArray[np.float64]


@dataclass(frozen=True)
class BitError:
    """What rounding a weight to a number of bits does to it, symmetric (METHODS §2)."""

    bits: int
    mean_squared: float
    max_abs: float
    sqnr_db: float
    """10 log₁₀(Σr² / Σ(r - r̂)²); infinite where nothing is lost."""


def sorted_values(weight: Values) -> NDArray[np.float32]:
    """All values of a weight, ascending: made once, then every histogram and every cut is a look-up."""
    return np.sort(np.asarray(weight, dtype=np.float32), axis=None)


def sorted_magnitudes(weight: Values) -> NDArray[np.float32]:
    """All |w|, ascending: the place of θ in it is the number of weights that a threshold zeroes."""
    return np.sort(np.abs(np.asarray(weight, dtype=np.float32)), axis=None)


def histogram(ordered: Values, *, bins: int, span: tuple[float, float] | None = None) -> Histogram:
    """Counts of sorted values in equal bins over `span` (theirs by default), by look-up instead of a pass.

    Values outside of `span` are not counted.
    """
    low, high = span if span is not None else (float(ordered[0]), float(ordered[-1])) if len(ordered) else (0.0, 1.0)
    if not high > low:
        low, high = low - 0.5, low + 0.5
    edges = np.linspace(low, high, bins + 1)
    places = np.searchsorted(ordered, edges, side="left")
    places[-1] = np.searchsorted(ordered, edges[-1], side="right")
    return Histogram(np.diff(places).astype(np.int64), edges)


def channel_ranges(weight: Values) -> NDArray[np.float32]:
    """Smallest and largest value of each filter, [out, 2]."""
    rows = np.asarray(weight, dtype=np.float32).reshape(len(weight), -1)
    return np.stack([rows.min(axis=1), rows.max(axis=1)], axis=1)


def bit_errors(weight: Values, *, bits: Sequence[int] = BITS, per_channel: bool = True) -> tuple[BitError, ...]:
    """The error of symmetric rounding at each bit-width, S = max|r| / (2^(b-1) - 1) per filter or for all."""
    rows = np.asarray(weight, dtype=np.float64).reshape(len(weight), -1)
    largest = np.abs(rows).max(axis=1, keepdims=True) if per_channel else np.abs(rows).max(keepdims=True)
    power = float(np.square(rows).sum())
    return tuple(_bit_error(rows, largest, count, power) for count in bits)


def _bit_error(rows: NDArray[np.float64], largest: NDArray[np.float64], bits: int, power: float) -> BitError:
    scale = largest / (2 ** (bits - 1) - 1)
    scale = np.where(scale > 0, scale, 1.0)
    # Nothing exceeds the largest value, so nothing has to be clipped.
    error = rows - np.rint(rows / scale) * scale
    noise = float(np.square(error).sum())
    return BitError(
        bits=bits,
        mean_squared=noise / max(rows.size, 1),
        max_abs=float(np.abs(error).max(initial=0.0)),
        sqnr_db=10 * float(np.log10(power / noise)) if noise > 0 and power > 0 else float("inf"),
    )
