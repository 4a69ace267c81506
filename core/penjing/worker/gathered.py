"""What the exact tier and the plots of the window need to know of a network's values, as messages and arrays."""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from penjing.catalogue.methods import methods
from penjing.compression.folding import fold_batch_norm
from penjing.estimation.gathering import rounding_error
from penjing.estimation.tables import FIT_CRITERION
from penjing.inspection.criteria.evidence import Evidence
from penjing.inspection.distribution import BITS, sorted_magnitudes, sorted_values
from penjing.inspection.saliency import filter_scores_from, weight_scores_from
from penjing.plan import Settings
from penjing.worker.exchange import Outgoing
from penjing.worker.messages import Array, Saliency, Tables, WantSaliency, WantTables

Pair = tuple[str, str]

SMALL = 1 << 16
"""Weights of a layer up to which every criterion is told unasked; some compare every filter with every other."""
AT_ONCE = (Settings().filter_criterion, FIT_CRITERION)
"""What larger layers tell unasked."""


def first_tables(evidence: Evidence, folder: Path, *, request: int, on_layer: Callable[[int], None]) -> Tables:
    """Of every compressible layer all that needs no data; `on_layer` hears its number and may raise `Cancelled`."""
    outgoing = Outgoing(folder)
    criteria = [method.id for method in methods("filter_criterion").values() if not method.needs]
    values, magnitudes, filters, errors = {}, {}, {}, {}
    for number, layer in enumerate(evidence.graph.compressible):
        on_layer(number)
        weight = evidence.model.weight(layer.name)
        values[layer.name] = outgoing.add(sorted_values(weight.numpy()))
        magnitudes[layer.name] = {"magnitude": outgoing.add(sorted_magnitudes(weight.numpy()))}
        filters[layer.name] = {
            how: outgoing.add(filter_scores_from(evidence, layer.name, how).numpy())
            for how in (criteria if layer.weights <= SMALL else AT_ONCE)
        }
        errors[layer.name] = {bits: rounding_error(weight, bits) for bits in BITS}
    return Tables(
        request=request,
        file=outgoing.write(),
        values=values,
        filter_scores=filters,
        sorted_scores=magnitudes,
        bit_errors=errors,
    )


def wanted_tables(evidence: Evidence, folder: Path, wanted: WantTables) -> Tables:
    """Just the scores that are asked for; those of weights also sorted.

    Raises:
        UserError: As `inspection.saliency.weight_scores_from`.
    """
    outgoing = Outgoing(folder)
    filters = {pair: outgoing.add(filter_scores_from(evidence, *pair).numpy()) for pair in wanted.filters}
    weights, ordered = {}, {}
    for pair in wanted.weights:
        scores = weight_scores_from(evidence, *pair).numpy()
        weights[pair] = outgoing.add(scores)
        ordered[pair] = outgoing.add(np.sort(scores, axis=None))
    return Tables(
        request=wanted.request,
        file=outgoing.write(),
        filter_scores=_by_layer(filters.items()),
        weight_scores=_by_layer(weights.items()),
        sorted_scores=_by_layer(ordered.items()),
    )


def saliency_picture(evidence: Evidence, folder: Path, wanted: WantSaliency) -> Saliency:
    """One layer's scores, or its weights, one row a filter."""
    if wanted.criterion is None:
        model = fold_batch_norm(evidence.model) if wanted.folded else evidence.model
        scores = model.weight(wanted.layer)
    else:
        scores = weight_scores_from(evidence, wanted.layer, wanted.criterion)
    outgoing = Outgoing(folder)
    block = outgoing.add(scores.float().flatten(1).numpy())
    return Saliency(
        request=wanted.request, layer=wanted.layer, criterion=wanted.criterion, file=outgoing.write(), block=block
    )


def _by_layer(pairs: Iterable[tuple[Pair, Array]]) -> dict[str, dict[str, Array]]:
    found: dict[str, dict[str, Array]] = {}
    for (layer, criterion), place in pairs:
        found.setdefault(layer, {})[criterion] = place
    return found
