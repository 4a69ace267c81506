"""Which weights a plan sets to zero: by threshold, by sparsity (alone or with other layers), N of each M.

>>> from penjing.compression.masks import scheduled
>>> round(scheduled(0.9, 0.25), 4)
0.5203
"""

from collections.abc import Iterable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from penjing.catalogue.methods import methods
from penjing.inspection.criteria.evidence import Evidence
from penjing.inspection.saliency import weight_scores_from
from penjing.inspection.selection import zeros, zeros_together
from penjing.layer_graph import LayerGraph
from penjing.model.model import Model
from penjing.plan import Plan, Settings


def scheduled(final: float, progress: float, *, initial: float = 0.0) -> float:
    """The sparsity at a point 0..1 of a cubic schedule: s_f + (s_i - s_f)(1 - t)³ (Zhu & Gupta 2017)."""
    return final + (initial - final) * (1 - progress) ** 3


def weight_masks(
    model: Model, layers: Iterable[str], plan: Plan, evidence: Evidence, *, progress: float = 1.0
) -> dict[str, Tensor]:
    """The masks of the layers whose weights the plan prunes, with what the model's masks already prune.

    Already pruned weights count among the zeros that a sparsity asks for. Of equal scores the weight with the lower
    flat index goes first.

    Args:
        model: The network, filters already cut: N of a sparsity counts what is left.
        layers: The compressible layers.
        plan: What to zero.
        evidence: What the criteria judge from; of the same model.
        progress: Where a `cubic` schedule stands, 0..1.

    Raises:
        UserError: as `inspection.saliency.weight_scores_from`.
    """
    masks: dict[str, Tensor] = {}
    together: dict[str, tuple[Settings, Tensor]] = {}
    for name in layers:
        settings = plan.settings(name)
        if not settings.prunes_weights:
            continue
        scores = weight_scores_from(evidence, name, settings.criterion)
        mask = model.masks.get(name, torch.ones_like(scores, dtype=torch.bool))
        if settings.nm is not None:
            mask = mask & largest_of_each(scores.masked_fill(~mask, -torch.inf), *settings.nm)
        if settings.threshold is not None:
            mask = mask & ~(scores < torch.tensor(settings.threshold, dtype=scores.dtype))
        elif settings.sparsity > 0 and settings.scope == "global":
            together[name] = settings, scores
        elif settings.sparsity > 0:
            share = scheduled(settings.sparsity, progress) if settings.schedule == "cubic" else settings.sparsity
            mask = _without_lowest(scores, mask, zeros(share, scores.numel()))
        masks[name] = mask
    masks.update(_masks_together(together, masks, progress))
    return masks


def zeroes_later(graph: LayerGraph, plan: Plan) -> bool:
    """Whether the sparsities that a schedule leads to zero any weight at its end, whatever stands at its start."""
    together: list[tuple[float, int]] = []
    for layer in graph.compressible:
        settings = plan.settings(layer.name)
        if settings.prunes_weights and settings.threshold is None:
            if settings.scope == "layer" and zeros(settings.sparsity, layer.weights) > 0:
                return True
            together += [(settings.sparsity, layer.weights)] if settings.scope == "global" else []
    return zeros_together(together) > 0


def largest_of_each(scores: Tensor, keep: int, of: int) -> Tensor:
    """True for the `keep` highest of each `of` neighbours along the input axis 1; of equals the later stays.

    A last group that is shorter keeps as many as a full one: hardware pads it with zeros.
    """
    result = torch.empty_like(scores, dtype=torch.bool)
    for start in range(0, scores.shape[1], of):
        part = scores[:, start : start + of]
        rank = part.argsort(dim=1, stable=True).argsort(dim=1)
        result[:, start : start + of] = rank >= part.shape[1] - keep
    return result


def _without_lowest(scores: Tensor, mask: Tensor, count: int) -> Tensor:
    flat = scores.masked_fill(~mask, -torch.inf).flatten().numpy()
    return torch.from_numpy(~_lowest(flat, count)).reshape(scores.shape) & mask


def _masks_together(
    layers: Mapping[str, tuple[Settings, Tensor]], masks: Mapping[str, Tensor], progress: float
) -> dict[str, Tensor]:
    """One threshold over the scores of several layers, divided by the layer's mean unless they compare as they are.

    Networks whose batch norm was folded have layers of very different scale: raw scores would empty the smallest.
    """
    if not layers:
        return {}
    flat, shares = [], []
    for name, (settings, scores) in layers.items():
        values = scores.numpy().astype(np.float64)
        mean = float(values.mean())
        if mean > 0 and not methods("criterion")[settings.criterion].across_layers:
            values = values / mean
        flat.append(np.where(masks[name].numpy(), values, -np.inf).ravel())
        share = scheduled(settings.sparsity, progress) if settings.schedule == "cubic" else settings.sparsity
        shares.append((share, scores.numel()))
    lowest = _lowest(np.concatenate(flat), zeros_together(shares))
    ends = np.cumsum([len(values) for values in flat])[:-1]
    return {
        name: torch.from_numpy(~part).reshape(masks[name].shape) & masks[name]
        for name, part in zip(layers, np.split(lowest, ends), strict=True)
    }


def _lowest(values: NDArray[np.floating], count: int) -> NDArray[np.bool_]:
    """True for the `count` lowest values, of equals the first; by selection, several times faster than sorting."""
    if count <= 0:
        return np.zeros(len(values), dtype=np.bool_)
    if count >= len(values):
        return np.ones(len(values), dtype=np.bool_)
    edge = np.partition(values, count - 1)[count - 1]
    result: NDArray[np.bool_] = values < edge
    equal = np.flatnonzero(values == edge)
    result[equal[: count - int(np.count_nonzero(result))]] = True
    return result
