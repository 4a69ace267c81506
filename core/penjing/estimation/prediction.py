"""What a plan will leave of a network, decided from tables exactly as compression decides it; no torch.

>>> from penjing.layer_graph import LayerGraph
>>> from penjing.plan import Plan
>>> predict(LayerGraph(inputs=(), outputs=(), layers=()), Plan(), Tables()).state.weights
{}
"""

from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from penjing.catalogue.methods import methods
from penjing.estimation.cut import Keep, channel_arrays, cut, stays
from penjing.estimation.state import FLOAT_BITS, NetworkState, WeightState, as_loaded
from penjing.estimation.storage import coded_bytes
from penjing.estimation.tables import Scores, Tables
from penjing.estimation.tensors import loaded, planned_bits
from penjing.inspection.removal import remaining
from penjing.inspection.selection import filter_criteria, selected_channels, zeros, zeros_together
from penjing.layer_graph import Layer, LayerGraph
from penjing.plan import Plan, Settings


@dataclass(frozen=True)
class Prediction:
    """The network after a plan, as values."""

    graph: LayerGraph
    """After the cut; batch norm as loaded."""
    state: NetworkState
    keep: Keep
    """By channel id of the network before."""


def predict(graph: LayerGraph, plan: Plan, tables: Tables) -> Prediction:
    """The network that the plan's steps will make; training changes no figure.

    Scores are those of the uncut network: for criteria that look at more than the weight itself, a threshold after a
    filter cut is predicted approximately, everything else exactly.

    Raises:
        KeyError: The tables lack a score that `tables.wanted` names.
        UserError: `prune.no_such_filter`, `prune.cannot_remove`.
    """
    steps = {step.step for step in plan.steps}
    keep = np.ones(graph.channel_count, dtype=np.bool_)
    if "prune" in steps:
        graph = remaining(graph, plan)
        scores = {name: tables.filter_scores[name, how] for name, how in filter_criteria(graph, plan).items()}
        keep = selected_channels(graph, plan, scores)
    after = cut(graph, keep)
    kept = _kept(graph, after, plan, tables, keep) if "prune" in steps else {}
    quantized = bool(steps & {"quantize", "qat"})
    weights = {}
    for layer in after.compressible:
        left = kept.get(layer.name, layer.weights)
        settings = plan.settings(layer.name)
        weights[layer.name] = weight_state(layer, settings, kept=left) if quantized else as_loaded(layer, kept=left)
    tensors = planned_bits(after, plan) if quantized else loaded(after).tensor_bits
    return Prediction(after, NetworkState(weights=weights, tensor_bits=tensors), keep)


HALF_BITS = 16
"""Values of a codebook on no grid are IEEE halves."""


def weight_state(layer: Layer, settings: Settings, *, kept: int) -> WeightState:
    """A layer's weight once it is quantized under its settings.

    The bytes of a codebook's coded places are those of weights that are all pruned with the same chance.
    """
    if settings.codebook is None and settings.weight_bits >= FLOAT_BITS:
        return as_loaded(layer, kept=kept)
    if settings.codebook is None:
        return _on_grid(layer, settings, kept=kept)
    grid = _on_grid(layer, msgspec.structs.replace(settings, granularity="per_tensor"), kept=kept)
    size = max(1, min(settings.codebook, kept))
    coded = coded_bytes(layer.weights, kept=kept, size=size, bits=min(grid.bits, HALF_BITS))
    return msgspec.structs.replace(grid, codebook=size, coded=coded)


def _on_grid(layer: Layer, settings: Settings, *, kept: int) -> WeightState:
    if settings.weight_bits >= FLOAT_BITS:
        return WeightState(kept=kept)
    if settings.scheme == "float16":
        return WeightState(kept=kept, bits=16)
    filters = layer.weight_shape[0] if layer.weight_shape else 1
    scales = filters if settings.granularity == "per_channel" else 1
    zeros = scales if settings.scheme == "affine" else 0
    return WeightState(kept=kept, bits=settings.weight_bits, scales=scales, zeros=zeros)


def _kept(before: LayerGraph, after: LayerGraph, plan: Plan, tables: Tables, keep: Keep) -> dict[str, int]:
    """How many weights each pruned layer keeps."""
    kept: dict[str, int] = {}
    together: dict[str, tuple[Settings, Scores, NDArray[np.bool_]]] = {}
    for layer in after.compressible:
        settings = plan.settings(layer.name)
        if not settings.prunes_weights:
            continue
        alone = kept_alone(layer, settings, tables, whole=layer.weights == before.by_name[layer.name].weights)
        if alone is not None:
            kept[layer.name] = alone
            continue
        scores = _of_kept(before, layer, tables.weight_scores[layer.name, settings.criterion], keep)
        mask = np.ones(scores.shape, np.bool_) if settings.nm is None else largest_of_each(scores, *settings.nm)
        if settings.threshold is not None:
            kept[layer.name] = int(np.count_nonzero(mask & ~(scores < np.float32(settings.threshold))))
        elif settings.sparsity > 0:
            together[layer.name] = settings, scores, mask
        else:
            kept[layer.name] = int(np.count_nonzero(mask))
    kept.update(_kept_together(together))
    return kept


def kept_alone(layer: Layer, settings: Settings, tables: Tables, *, whole: bool) -> int | None:
    """How many weights a pruned layer keeps, where counting or one look into sorted scores (if it is `whole`) tells."""
    count = layer.weights
    if settings.threshold is None and settings.scope == "layer":
        left = count if settings.nm is None else left_of_each(layer, *settings.nm)
        return min(left, count - zeros(settings.sparsity, count))
    if settings.threshold is not None and settings.nm is None and whole:
        ordered = tables.sorted_scores(layer.name, settings.criterion)
        return count - int(np.searchsorted(ordered, np.float32(settings.threshold), side="left"))
    return None


def _kept_together(layers: dict[str, tuple[Settings, Scores, NDArray[np.bool_]]]) -> dict[str, int]:
    """One threshold over several layers, scores divided by their layer's mean unless they compare as they are."""
    if not layers:
        return {}
    flat = []
    for settings, scores, mask in layers.values():
        values = scores.astype(np.float64)
        mean = float(values.mean())
        if mean > 0 and not methods("criterion")[settings.criterion].across_layers:
            values = values / mean
        flat.append(np.where(mask, values, -np.inf).ravel())
    count = zeros_together((settings.sparsity, scores.size) for settings, scores, _ in layers.values())
    values = np.concatenate(flat)
    gone = np.zeros(len(values), np.bool_)
    if count > 0:
        edge = np.partition(values, count - 1)[count - 1]
        gone = values < edge
        gone[np.flatnonzero(values == edge)[: count - int(np.count_nonzero(gone))]] = True
    parts = np.split(gone, np.cumsum([len(part) for part in flat])[:-1])
    return {
        name: int(np.count_nonzero(mask.ravel() & ~part))
        for (name, (_, _, mask)), part in zip(layers.items(), parts, strict=True)
    }


def largest_of_each(scores: Scores, keep: int, of: int) -> NDArray[np.bool_]:
    """True for the `keep` highest of each `of` neighbours along axis 1; of equals the later stays."""
    result = np.empty(scores.shape, dtype=np.bool_)
    for start in range(0, scores.shape[1], of):
        part = scores[:, start : start + of]
        rank = part.argsort(axis=1, kind="stable").argsort(axis=1, kind="stable")
        result[:, start : start + of] = rank >= part.shape[1] - keep
    return result


def left_of_each(layer: Layer, keep: int, of: int) -> int:
    """How many weights of a layer stay if `keep` of each `of` along the input axis do."""
    assert layer.weight_shape is not None
    inputs = layer.weight_shape[1]
    whole, rest = divmod(inputs, of)
    return layer.weights // inputs * (whole * keep + min(rest, keep)) if inputs else 0


def _of_kept(before: LayerGraph, layer: Layer, scores: Scores, keep: Keep) -> Scores:
    """The scores of the weights that the cut leaves."""
    outputs, inputs = channel_arrays(before)[layer.name]
    scores = scores[stays(outputs, keep)]
    if layer.weight_kind in ("dense", "grouped"):
        scores = scores[:, stays(inputs, keep)]
    return scores
