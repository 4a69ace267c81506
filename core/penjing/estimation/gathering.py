"""Fills the tables of estimates from a model: the only part of predictions that sees tensors."""

import torch
from torch import Tensor

from penjing.estimation.state import FILTERED
from penjing.estimation.tables import FIT_BITS, FIT_CRITERION, Tables, wanted
from penjing.inspection.criteria.evidence import Evidence
from penjing.inspection.saliency import filter_scores, filter_scores_from, weight_scores_from
from penjing.layer_graph import LayerGraph
from penjing.loading.dataset import Dataset
from penjing.model.model import Model
from penjing.plan import Plan


def tables_for(model: Model, graph: LayerGraph, plan: Plan, *, data: Dataset | None = None) -> Tables:
    """The scores that the estimate of `plan` asks for."""
    asked = wanted(graph, plan)
    evidence = Evidence(model, data)  # shared, so that all layers are scored from one look at the data
    return Tables(
        filter_scores={(layer, how): filter_scores_from(evidence, layer, how).numpy() for layer, how in asked.filters},
        weight_scores={(layer, how): weight_scores_from(evidence, layer, how).numpy() for layer, how in asked.weights},
    )


def tables_for_fit(model: Model, graph: LayerGraph) -> Tables:
    """Filter energies and rounding errors of every layer with filters: what `planning.fit` chooses by."""
    names = [layer.name for layer in graph.layers if layer.weight_kind in FILTERED]
    return Tables(
        filter_scores={(name, FIT_CRITERION): filter_scores(model, name, FIT_CRITERION).numpy() for name in names},
        bit_errors={name: {bits: rounding_error(model.weight(name), bits) for bits in FIT_BITS} for name in names},
    )


def rounding_error(weight: Tensor, bits: int) -> float:
    """Σ(w - ŵ)² / Σw² with one symmetric scale a filter (METHODS §2); 0 for a weight of zeros."""
    rows = weight.reshape(len(weight), -1)
    scale = rows.abs().amax(dim=1, keepdim=True) / ((1 << (bits - 1)) - 1)
    rounded = torch.where(scale > 0, torch.round(rows / scale) * scale, rows)
    energy = float(rows.square().sum())
    return float((rows - rounded).square().sum()) / energy if energy > 0 else 0.0
