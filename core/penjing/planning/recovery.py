"""What could give a layer its accuracy back: other settings of the layer that hurts most, each a plan of its own.

Torch-free: who has the network measures them (`pipeline.recovering`), who shows them knows their bytes.

>>> from penjing.plan import Plan
>>> [one.remedy for one in candidates(Plan().with_layer("fc", weight_bits=4), "fc")][:3]
['keep', 'bits', 'bits']
"""

import math
from collections.abc import Iterable
from typing import Any, Literal

import msgspec
from msgspec import UNSET

from penjing.layer_graph import LayerGraph
from penjing.plan import WEIGHT_BITS, Override, Plan, Settings, checked

Remedy = Literal["keep", "bits", "per_channel", "equalize", "bias_correction", "gptq", "sparsity", "filters", "repair"]

WHOLE = 32
MOST_ROUNDED = 8
"""Wider weights have nothing to gain from another rounding."""
_UNTOUCHED = Settings()
_KEPT = ("sparsity", "threshold", "nm", "filters", "filter_threshold", "cut", "weight_bits", "codebook")
"""What `keep` takes back."""


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to try."""

    remedy: Remedy
    plan: Plan
    value: float | None = None
    """The bits, or the share of zeros or filters, that it comes to."""


class Recovered(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was tried."""

    candidate: Candidate
    gained: float
    """Of classes: the share of samples that are right and were wrong under the plan, less those the other way round;
    of other metrics by how much the level rose (`estimation.quality.Measure`)."""
    half: float
    """Half-width (95 %)."""
    nearer: float
    """By how much the answers came nearer to the original's: mean KL divergence, nats."""


def changed_layers(graph: LayerGraph, plan: Plan) -> tuple[str, ...]:
    """The layers that a plan does something to, apart from their activations."""
    return tuple(
        layer.name
        for layer in graph.compressible
        if any(getattr(plan.settings(layer.name), field) != getattr(_UNTOUCHED, field) for field in _KEPT)
    )


def kept(plan: Plan, layer: str) -> Plan:
    """The plan that leaves the weights of one layer as they were loaded."""
    return _with(plan, layer, **{field: getattr(_UNTOUCHED, field) for field in _KEPT})


def candidates(plan: Plan, layer: str) -> tuple[Candidate, ...]:
    """Everything that may help a layer under a plan, as it is set there."""
    now, steps = plan.settings(layer), {step.step for step in plan.steps}
    rounds = bool(steps & {"quantize", "qat"}) and now.weight_bits < WHOLE and now.codebook is None
    found = [Candidate(remedy="keep", plan=kept(plan, layer), value=WHOLE if rounds else None)]

    def add(remedy: Remedy, value: float | None = None, **changes: Any) -> None:
        found.append(Candidate(remedy=remedy, plan=_with(plan, layer, **changes), value=value))

    if rounds:
        wider = [bits for bits in WEIGHT_BITS if now.weight_bits < bits < WHOLE]
        for bits in sorted({*wider[:1], *(bits for bits in wider if bits == MOST_ROUNDED)}):
            add("bits", bits, weight_bits=bits)
        if now.granularity == "per_tensor":
            add("per_channel", granularity="per_channel")
        if now.rounding == "nearest" and now.weight_bits <= MOST_ROUNDED:
            add("gptq", rounding="gptq")
        if not now.bias_correction:
            add("bias_correction", bias_correction=True)
        if not now.equalize:
            add("equalize", equalize=True)
    if "prune" in steps and not now.locked:
        if now.sparsity > 0 and now.threshold is None:
            add("sparsity", now.sparsity / 2, sparsity=now.sparsity / 2)
        if now.filters > 0 and now.filter_threshold is None:
            add("filters", now.filters / 2, filters=now.filters / 2)
        if (now.prunes_weights or now.cuts_filters) and "repair" not in steps:
            place = next(number for number, step in enumerate(plan.steps) if step.step == "prune") + 1
            pipeline = (*plan.pipeline[:place], "repair", *plan.pipeline[place:])
            found.append(Candidate(remedy="repair", plan=msgspec.structs.replace(plan, pipeline=pipeline)))
    return tuple(one for one in found if one.plan != plan)


def ranked(found: Iterable[tuple[Recovered, float]]) -> list[tuple[Recovered, float]]:
    """Remedies with the bytes that each costs, the best first: those that help, by accuracy gained per byte.

    A byte is counted for every remedy, so that what costs nothing comes first and among those what gains most; where
    accuracies are equal, the answers that came nearer count.
    """

    def worth(pair: tuple[Recovered, float]) -> tuple[bool, float, float]:
        one, more = pair
        helps = one.gained > 0 or (one.gained == 0 and one.nearer > 0)
        per_byte = one.gained / max(more, 1.0) if one.gained > 0 else one.gained
        return helps, per_byte, one.nearer if math.isfinite(one.nearer) else 0.0

    return sorted(found, key=worth, reverse=True)


def _with(plan: Plan, layer: str, **changes: Any) -> Plan:
    """The plan in which a layer sets these things otherwise; those that are as the defaults follow them."""
    sets = {field: UNSET if getattr(plan.defaults, field) == value else value for field, value in changes.items()}
    own = msgspec.structs.replace(plan.layers.get(layer, Override()), **sets)
    return checked(msgspec.structs.replace(plan, layers={**plan.layers, layer: own}))
