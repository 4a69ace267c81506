"""Worked examples of quantization: scales, grids and ranges of this network."""

import numpy as np
from numpy.typing import NDArray

from penjing_gui import words
from penjing_gui.learn.worked import Array, Bars, Grid, Material, NotYet, Worked, called, corner, number, say, worked

_ROWS = 16
"""Of a layer, and triples of each, that are looked through for an example that tells something."""
_LEVELS = 255
_SEARCH = 32
"""Ranges that are tried, from the whole down."""
_MOST_SEARCHED = 4096
"""Values that decide between them: the example follows every move of a slider."""


def symmetric(values: Array, bits: int, *, axis: int | None = None) -> tuple[Array, Array, Array]:
    """(q, S, r̂): S = max|r| / (2^(b-1) - 1), of the whole or of each row; round half to even (METHODS §2)."""
    most = 2 ** (bits - 1) - 1
    largest = np.abs(values).max() if axis is None else np.abs(values).max(axis=axis, keepdims=True)
    scale = np.where(largest > 0, largest, 1.0) / most
    grid = np.clip(np.round(values / scale), -most, most)
    return grid, scale, scale * grid


def affine(values: Array, bits: int) -> tuple[Array, float, int, Array]:
    """(q, S, Z, r̂) with q in 0 … 2^b - 1; the range is widened to contain 0 (METHODS §2)."""
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    most = 2**bits - 1
    scale = (high - low) / most if high > low else 1.0
    zero = int(np.clip(np.round(-low / scale), 0, most))
    grid: Array = np.clip(np.round(values / scale) + zero, 0, most)
    back: Array = scale * (grid - zero)
    return grid, scale, zero, back


@worked("scheme.symmetric", "step.quantize", "step.qat", "variant.ste")
def symmetric_example(material: Material) -> Worked:
    """The corner of the layer on the grid of the layer."""
    weights, bits = material.weights, material.bits
    grid, scale, back = symmetric(weights, bits)
    most = 2 ** (bits - 1) - 1
    shown = corner(weights)
    return Worked(
        (Grid("W", shown), Grid(say("q, {bits} bit", bits=bits), corner(grid), whole=True), Grid("S·q", corner(back))),
        (
            f"S = max|w| / (2^{bits - 1} − 1) = {number(np.abs(weights).max())} / {most} = {number(float(scale))}",
            f"q₁₁ = round({number(weights[0, 0])} / {number(float(scale))}) = {number(float(grid[0, 0]))}",
            _error_line(weights, back),
            say("gradient of a weight inside ±{edge}: passed on; outside: 0", edge=number(float(scale) * most)),
        ),
    )


@worked("scheme.affine")
def affine_example(material: Material) -> Worked:
    """Scale and zero point of the layer."""
    weights, bits = material.weights, material.bits
    grid, scale, zero, back = affine(weights, bits)
    low, high = min(float(weights.min()), 0.0), max(float(weights.max()), 0.0)
    return Worked(
        (
            Grid("W", corner(weights)),
            Grid(say("q, {bits} bit", bits=bits), corner(grid), whole=True),
            Grid("S(q − Z)", corner(back)),
        ),
        (
            f"S = ({number(high)} − {number(low)}) / (2^{bits} − 1) = {number(scale)}",
            f"Z = round({number(-low)} / {number(scale)}) = {zero}",
            _error_line(weights, back),
        ),
    )


@worked("scheme.float16")
def half(material: Material) -> Worked:
    """11 significant bits."""
    weights = material.weights
    back = weights.astype(np.float16).astype(np.float64)
    relative = np.abs(weights - back) / np.maximum(np.abs(weights), 1e-30)
    return Worked(
        (Grid("W", corner(weights)), Grid("|w − ŵ| · 10⁶", corner(np.abs(weights - back) * 1e6))),
        (
            say("{layer}: {before} become {after}", layer=material.layer, before=words.size(4 * weights.size),
                after=words.size(2 * weights.size)),
            say("largest error relative to the weight: {error} (at most 2⁻¹¹ = 0.000488)",
                error=number(float(relative[np.abs(weights) > 6.2e-5].max(initial=0.0)))),
        ),
    )  # fmt: skip


@worked("granularity.per_channel", "granularity.per_tensor")
def granularity(material: Material) -> Worked:
    """One scale against one for each filter."""
    weights, bits = material.weights, material.bits
    _, one, whole = symmetric(weights, bits)
    _, many, each = symmetric(weights, bits, axis=1)
    names = tuple(str(index) for index in range(min(12, len(weights))))
    return Worked(
        (
            Bars(say("scale of each filter"), names, tuple(map(float, many.ravel()[:12]))),
            Bars(
                say("error energy, %"),
                (say("one scale"), say("one for each filter")),
                (100 * _energy(weights, whole), 100 * _energy(weights, each)),
            ),
        ),
        (
            say("one scale for all: S = {scale}", scale=number(float(one))),
            say("filter 0 has S = {scale}", scale=number(float(many.ravel()[0]))),
            say("error energy at {bits} bits: {one} % with one scale, {many} % with one for each filter", bits=bits,
                one=number(100 * _energy(weights, whole)), many=number(100 * _energy(weights, each))),
        ),
    )  # fmt: skip


@worked("calibrator")
def calibrators(material: Material) -> Worked:
    """The upper end that each calibrator finds for this network's input."""
    ends = {called("calibrator", id): found for id, found in ranges(_inputs(material)).items()}
    return Worked(
        (Bars(say("upper end of the range of the input"), tuple(ends), tuple(end for _, end in ends.values())),),
        tuple(
            say("{name}: {low} to {high}, S = {scale} at 8 bits", name=name, low=number(low), high=number(high),
                scale=number((high - low) / _LEVELS))
            for name, (low, high) in ends.items()
        ),
    )  # fmt: skip


def ranges(inputs: Array) -> dict[str, tuple[float, float]]:
    """(lower, upper) end by calibrator for [n, …] values, as METHODS §2 and the catalogue say."""
    flat = inputs.ravel()
    sparse = flat[:: max(1, flat.size // _MOST_SEARCHED)]
    least, most = float(flat.min()), float(flat.max())
    low, high = (float(end) for end in np.quantile(flat, (0.0001, 0.9999)))
    batches = np.array_split(inputs, min(4, len(inputs)))
    moving = (float(batches[0].min()), float(batches[0].max()))
    for batch in batches[1:]:
        moving = (0.9 * moving[0] + 0.1 * float(batch.min()), 0.9 * moving[1] + 0.1 * float(batch.max()))
    found = {
        "minmax": (least, most),
        "percentile": (low, high),
        "ema": moving,
        "mse": _searched(sparse, least, most, _squared),
        "entropy": _searched(sparse, least, most, _divergence),
    }
    return {name: (min(low, 0.0), max(high, 0.0)) for name, (low, high) in found.items()}


def _searched(flat: Array, least: float, most: float, loss: object) -> tuple[float, float]:
    assert callable(loss)
    shares = np.linspace(1, 0.3, _SEARCH)
    losses = [loss(flat, share * least, share * most) for share in shares]
    best = float(shares[int(np.argmin(losses))])
    return best * least, best * most


def _rounded(flat: Array, low: float, high: float) -> Array:
    low, high = min(low, 0.0), max(high, 0.0)
    scale = (high - low) / _LEVELS if high > low else 1.0
    result: Array = np.clip(np.round((flat - low) / scale), 0, _LEVELS) * scale + low
    return result


def _squared(flat: Array, low: float, high: float) -> float:
    return float(((flat - _rounded(flat, low, high)) ** 2).mean())


def _divergence(flat: Array, low: float, high: float) -> float:
    edges = np.linspace(flat.min(), flat.max() + 1e-12, 257)
    true = np.histogram(flat, edges)[0] + 1e-9
    seen = np.histogram(_rounded(flat, low, high), edges)[0] + 1e-9
    p, q = true / true.sum(), seen / seen.sum()
    return float((p * np.log(p / q)).sum())


@worked("rounding.nearest", "rounding.gptq", "rounding.adaround")
def rounding(material: Material) -> Worked:
    """Three weights of the layer at 3 bits, judged on triples of this network's input."""
    moments = second_moments(_inputs(material))
    row = telling_triple(material.weights, moments)
    nearest, scale = round_nearest(row)
    ways = {
        called("rounding", "nearest"): nearest,
        "GPTQ": round_in_turn(row, scale, moments),
        "AdaRound": best_rounding(row, scale, moments),
    }
    errors = {name: output_error(row, scale * grid, moments) for name, grid in ways.items()}
    return Worked(
        (
            Grid("w", row[None, :]),
            *(Grid(f"q, {name}", grid[None, :], whole=True) for name, grid in ways.items()),
        ),
        (
            say("3 bits: S = {scale}; x are neighbouring values of this network's input", scale=number(scale)),
            *(
                say("{name}: E[((w − ŵ) x)²] = {error}", name=name, error=number(error))
                for name, error in errors.items()
            ),
        ),
    )


def telling_triple(weights: Array, moments: Array) -> Array:
    """The first three neighbouring weights of which GPTQ rounds one otherwise and better; else the very first three."""
    for row in weights[:_ROWS]:
        for first in range(0, min(len(row) - 2, 3 * _ROWS), 3):
            triple: Array = row[first : first + 3]
            nearest, scale = round_nearest(triple)
            in_turn = round_in_turn(triple, scale, moments)
            errors = [output_error(triple, scale * grid, moments) for grid in (nearest, in_turn)]
            if errors[1] < 0.9 * errors[0]:
                return triple
    first_three: Array = weights[0, :3]
    return first_three


def second_moments(inputs: Array) -> Array:
    """E[x xᵀ] of three neighbouring values, [3, 3]."""
    flat = inputs.reshape(len(inputs), -1)
    flat = flat[:, : flat.shape[1] // 3 * 3].reshape(-1, 3)
    result: Array = flat.T @ flat / max(len(flat), 1) + 1e-6 * np.eye(3)
    return result


def round_nearest(row: Array) -> tuple[Array, float]:
    """(q, S) at 3 bits."""
    grid, scale, _ = symmetric(row, 3)
    return grid, float(scale)


def round_in_turn(row: Array, scale: float, moments: Array) -> Array:
    """GPTQ: each weight's rounding error is made up for by those behind it (Frantar 2022)."""
    left = row.astype(np.float64).copy()
    grid = np.zeros(len(row))
    for index in range(len(row)):
        grid[index] = np.clip(np.round(left[index] / scale), -3, 3)
        inverse = np.linalg.inv(moments[index:, index:])
        left[index:] -= (left[index] - scale * grid[index]) / inverse[0, 0] * inverse[:, 0]
    return grid


def best_rounding(row: Array, scale: float, moments: Array) -> Array:
    """What AdaRound looks for: of all ways to round each weight up or down, the one of least output error."""
    floors = np.floor(row / scale)
    choices = [np.clip(floors + [(code >> bit) & 1 for bit in range(len(row))], -3, 3) for code in range(2 ** len(row))]
    return min(choices, key=lambda grid: output_error(row, scale * grid, moments))


def output_error(row: Array, back: Array, moments: Array) -> float:
    """E[((w - ŵ) x)²] = (w - ŵ) H (w - ŵ)ᵀ."""
    return float((row - back) @ moments @ (row - back))


@worked("setting.codebook")
def codebook(material: Material) -> Worked:
    """Four shared values for the corner; the rate of the layer at 16."""
    shown = corner(material.weights)
    values, places = k_means(shown.ravel(), min(4, shown.size))
    n = material.weights.size
    return Worked(
        (
            Grid("W", shown),
            Grid(say("which value"), places.reshape(shown.shape).astype(np.float64), whole=True),
            Grid(say("values"), values[None, :]),
        ),
        (
            say("{layer} with k = 16: r = {n}·32 / ({n}·4 + 16·32) = {rate}×", layer=material.layer, n=n,
                rate=number(rate(n, 32, 16))),
        ),
    )  # fmt: skip


def k_means(values: Array, k: int) -> tuple[Array, NDArray[np.int64]]:
    """(values, place of each): Lloyd's steps from evenly spaced values."""
    centres = np.linspace(values.min(), values.max(), k)
    places = np.zeros(len(values), np.int64)
    for _ in range(50):
        places = np.abs(values[:, None] - centres[None, :]).argmin(axis=1)
        moved = np.array([values[places == one].mean() if (places == one).any() else centres[one] for one in range(k)])
        if np.array_equal(moved, centres):
            break
        centres = moved
    return centres, places


def rate(n: int, bits: int, k: int) -> float:
    """R = n b / (n log₂ k + k b) (Han 2016)."""
    return float(n * bits / (n * np.log2(k) + k * bits))


@worked("setting.equalize")
def equalize(material: Material) -> Worked:
    """Ranges of the layer's filters, and what would make a pair of them alike."""
    ranges_ = np.abs(material.weights).max(axis=1)
    shown = ranges_[:12]
    loud, quiet = float(ranges_.max()), float(ranges_.min())
    lines = [
        say(
            "{layer}: filters reach from {quiet} to {loud}",
            layer=material.layer,
            quiet=number(quiet),
            loud=number(loud),
        )
    ]
    if quiet > 0:
        lines.append(say("on one grid of 8 bits the quietest has {count} of 127 steps", count=int(127 * quiet / loud)))
        lines.append(
            f"r1 = {number(loud)}, r2 = 1:  s = √(r1·r2)/r2 = {number(loud**0.5)},  r1/s = r2·s = {number(loud**0.5)}"
        )
    return Worked(
        (Bars(say("range of each filter"), tuple(map(str, range(len(shown)))), tuple(map(float, shown))),), tuple(lines)
    )


@worked("setting.bias_correction")
def bias_correction(material: Material) -> Worked:
    """The shift of one output by rounding its weights, and what the bias takes back."""
    row, mean = material.weights[0, :3], _inputs(material).reshape(len(_inputs(material)), -1).mean()
    grid, scale = round_nearest(row)
    shift = float(((scale * grid - row) * mean).sum())
    return Worked(
        (Grid("w", row[None, :]), Grid("ŵ − w", (scale * grid - row)[None, :])),
        (
            say("mean input E[x] = {mean}", mean=number(float(mean))),
            f"Σ(ŵ − w)·E[x] = {number(shift)}",
            say("the bias becomes b − ({shift})", shift=number(shift)),
        ),
    )


@worked("setting.weight_bits")
def weight_bits(material: Material) -> Worked:
    """What every layer loses at 2, 4 and 8 bits, and what the device stores."""
    errors = {name: found for name, found in material.tables.bit_errors.items() if 4 in found}
    if not errors:
        raise NotYet
    names = tuple(errors)[:8]
    device = material.device
    lines = [
        say("{layer}: {two} % of the weights' energy lost at 2 bits, {four} % at 4", layer=name,
            two=number(100 * errors[name].get(2, float("nan"))), four=number(100 * errors[name][4]))
        for name in names[:4]
    ]  # fmt: skip
    if device is not None:
        stored = ", ".join(f"{bits} → {device.stored_bits(bits)}" for bits in (2, 3, 4, 8))
        lines.append(say("{device} stores bits as: {stored}", device=device.title, stored=stored))
    return Worked(
        (Bars(say("energy lost at 4 bits, %"), names, tuple(100 * errors[name][4] for name in names)),), tuple(lines)
    )


@worked("variant.lsq")
def learned_step(material: Material) -> Worked:
    """What each weight of the corner says to the step size."""
    weights, bits = material.weights, material.bits
    most = 2 ** (bits - 1) - 1
    scale = float(2 * np.abs(weights).mean() / np.sqrt(most))
    ratio = weights / scale
    outside = np.abs(ratio) >= most
    slope = np.where(~outside, np.round(ratio) - ratio, np.sign(ratio) * most)
    return Worked(
        (Grid("W", corner(weights)), Grid("∂ŵ/∂S", corner(slope))),
        (
            f"S = 2·mean|w| / √{most} = {number(scale)}",
            f"1 / √(N·{most}) = {number(1 / np.sqrt(weights.size * most))}",
            say(
                "{count} of {n} weights lie outside the grid", count=int((np.abs(ratio) >= most).sum()), n=weights.size
            ),
        ),
    )


def _inputs(material: Material) -> Array:
    if material.inputs is None or not material.inputs.size:
        raise NotYet
    return material.inputs


def _energy(values: Array, back: Array) -> float:
    return float(((values - back) ** 2).sum() / max((values**2).sum(), 1e-30))


def _error_line(values: Array, back: Array) -> str:
    return say(
        "largest error of the layer {error}, error energy {energy} %",
        error=number(float(np.abs(values - back).max())),
        energy=number(100 * _energy(values, back)),
    )
