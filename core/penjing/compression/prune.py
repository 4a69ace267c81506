"""The prune step: removes residual branches, cuts filters with all that share their channels, zeroes weights.

>>> from penjing.compression.prune import prune
>>> smaller = prune(model, graph, plan).model      # doctest: +SKIP
"""

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from penjing.compression.channels import cut_channels
from penjing.compression.masks import weight_masks, zeroes_later
from penjing.compression.repair import Unpruned, repair
from penjing.errors import UserError
from penjing.inspection.criteria.evidence import Evidence
from penjing.inspection.graph import layer_graph
from penjing.inspection.removal import remaining
from penjing.inspection.saliency import filter_scores_from
from penjing.inspection.selection import filter_criteria, selected_channels
from penjing.layer_graph import FIXED, LayerGraph
from penjing.loading.build import build
from penjing.model.model import Model
from penjing.model.spec import spec_of
from penjing.plan import Plan, Settings
from penjing.results import Note

if TYPE_CHECKING:
    from penjing.loading.dataset import Dataset


@dataclass(frozen=True, kw_only=True)
class Pruned:
    """What a prune step leaves."""

    model: Model
    graph: LayerGraph
    """Of the pruned model: its channel ids are its own."""
    kept_channels: NDArray[np.bool_]
    """By channel id of the graph before."""
    note: Note
    """What was removed, in one line."""


def prune(
    model: Model, graph: LayerGraph, plan: Plan, *, data: "Dataset | None" = None, seed: int = 0, progress: float = 1.0
) -> Pruned:
    """A smaller and sparser model; a plan that asks for nothing returns the model as it is.

    Args:
        model: The network.
        graph: Its `layer_graph`.
        plan: What to remove.
        data: For criteria that look at samples.
        seed: For criteria that draw random numbers.
        progress: Where a `cubic` schedule stands, 0..1; the filters are cut at once.

    A layer whose weights go by criterion `obs` has the others moved as the optimal brain surgeon moves them (unless
    training is to follow, at a progress below 1, or the weights already lie on a grid); see `compression.repair`.

    Raises:
        UserError: `prune.nothing_removed` if the plan asks for a cut and none comes of it,
            `prune.no_such_filter`, `prune.cannot_remove`, and those of `inspection.saliency.weight_scores_from`.
    """
    asked = [plan.settings(layer.name) for layer in graph.compressible]
    left = remaining(graph, plan)
    shorter = model if left is graph else remove_layers(model, left)
    evidence = Evidence(shorter, data, seed)
    scores = {
        name: filter_scores_from(evidence, name, criterion).numpy()
        for name, criterion in filter_criteria(left, plan).items()
    }
    kept = selected_channels(left, plan, scores)
    smaller = shorter if kept.all() else cut_channels(shorter, left, kept)
    after = graph if smaller is model else layer_graph(smaller)
    sparser = mask_weights(smaller, after, plan, data=data, seed=seed, progress=progress)
    zeroed = sum(int((~mask).sum()) for mask in sparser.masks.values())
    wished = any(wish.prunes_weights or wish.cuts_filters for wish in asked)
    if smaller is model and not zeroed and wished and not (progress < 1 and zeroes_later(after, plan)):
        raise UserError("prune.nothing_removed")
    if left is not graph:
        kept &= _present(left)
    removed, weights = int(np.count_nonzero(~kept)), sum(layer.weights for layer in after.compressible)
    told = {"removed": removed, "channels": len(kept), "zeroed": zeroed, "weights": weights}
    surgeon = {layer.name for layer in after.compressible if _by_surgeon(plan.settings(layer.name))}
    if surgeon and data is not None and progress == 1 and not (model.weight_quantizers or model.codebooks):
        sparser = repair(sparser, Unpruned(model, graph, kept), data, layers=surgeon)
    return Pruned(model=sparser, graph=after, kept_channels=kept, note=Note(code="step.cut", values=told))


def mask_weights(
    model: Model, graph: LayerGraph, plan: Plan, *, data: "Dataset | None" = None, seed: int = 0, progress: float = 1.0
) -> Model:
    """The model with the weights zeroed that the plan prunes, and their masks; shapes stay. Errors as `prune`."""
    evidence = Evidence(model, data, seed)
    masks = weight_masks(model, [layer.name for layer in graph.compressible], plan, evidence, progress=progress)
    return with_masks(model, masks)


def with_masks(model: Model, masks: dict[str, Tensor]) -> Model:
    """The model with these masks beside its own, masked weights exactly 0."""
    result = dataclasses.replace(model.copy(), masks={**model.masks, **masks}) if masks else model
    for name, mask in masks.items():
        _zero(result.layer(name), mask)
    return result


def remove_layers(model: Model, left: LayerGraph) -> Model:
    """The model with only the layers that `inspection.removal.remaining` leaves."""
    spec = spec_of(model)
    nodes = tuple(
        dataclasses.replace(node, inputs=left.by_name[node.name].inputs)
        for node in spec.nodes
        if node.name in left.by_name
    )
    shorter = build(dataclasses.replace(spec, nodes=nodes, outputs=left.outputs))
    tensors = {entry.name for entry in left.inputs} | left.by_name.keys()
    return dataclasses.replace(
        shorter,
        masks={name: mask for name, mask in model.masks.items() if name in tensors},
        codebooks={name: own for name, own in model.codebooks.items() if name in tensors},
        weight_quantizers={name: own for name, own in model.weight_quantizers.items() if name in tensors},
        activation_quantizers={name: own for name, own in model.activation_quantizers.items() if name in tensors},
    )


def _by_surgeon(settings: Settings) -> bool:
    return settings.prunes_weights and settings.criterion == "obs"


def _present(graph: LayerGraph) -> NDArray[np.bool_]:
    """Bool [channel_count]: whether any layer still has the channel."""
    found = np.zeros(graph.channel_count, dtype=np.bool_)
    for layer in graph.layers:
        ids = np.array((*layer.output_channels, *layer.input_channels), dtype=np.int64)
        found[ids[ids != FIXED]] = True
    return found


def _zero(module: nn.Module, mask: Tensor) -> None:
    weight = module.weight
    assert isinstance(weight, Tensor)
    with torch.no_grad():
        weight.masked_fill_(~mask, 0)
