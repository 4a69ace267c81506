"""The worked example of batch norm folding: what each filter of this network is multiplied by before it is rounded."""

import numpy as np

from penjing_gui.learn.worked import Array, Bars, Grid, Material, NotYet, Worked, corner, number, say, worked
from penjing_gui.learn.worked_quantization import symmetric

_SHOWN = 12
"""Filters whose factor is drawn."""


@worked("idea.fold")
def folding(material: Material) -> Worked:
    """The corner of the layer before and after, the factor of each filter, the scale that fits either."""
    if material.folded is None:
        raise NotYet
    weights, folded, bits = material.weights, material.folded, material.bits
    factors = _factors(weights, folded)
    pictures = (
        Grid("W", corner(weights)),
        Grid("W · γ/√(σ²+ε)", corner(folded)),
        Bars(
            say("factor of each filter"),
            tuple(str(index) for index in range(min(_SHOWN, len(factors)))),
            tuple(map(float, factors[:_SHOWN])),
        ),
    )
    _, before, _ = symmetric(weights, bits)
    _, after, _ = symmetric(folded, bits)
    lines = [
        "ŵ = w · γ/√(σ²+ε),  b̂ = β + (b − μ) · γ/√(σ²+ε)",
        f"ŵ₁₁ = {number(weights[0, 0])} · {number(factors[0])} = {number(folded[0, 0])}",
        say("S at {bits} bits: {before} before folding, {after} after: rounded first, every weight would lie beside it",
            bits=bits, before=number(float(before)), after=number(float(after))),
    ]  # fmt: skip
    if np.allclose(factors, 1.0, atol=1e-6):
        lines[2:] = [say("{layer} has no batch norm behind it, or it was folded when the file was made: 1 · w",
                         layer=material.layer)]  # fmt: skip
    return Worked(pictures, tuple(lines))


def _factors(weights: Array, folded: Array) -> Array:
    """By filter what it was multiplied by; 1 for a filter of zeros alone."""
    power = (weights * weights).sum(axis=1)
    found: Array = np.where(power > 0, (weights * folded).sum(axis=1) / np.maximum(power, 1e-30), 1.0)
    return found
