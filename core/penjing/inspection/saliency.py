"""How much each weight and each filter matters, under every criterion of the catalogue; low = remove.

>>> from penjing.inspection.saliency import filter_scores
>>> filter_scores(model, "conv1", "l1")     # doctest: +SKIP
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from penjing.errors import UserError
from penjing.inspection.criteria.evidence import Evidence
from penjing.inspection.criteria.registry import registry, stated_errors
from penjing.model.model import Model

if TYPE_CHECKING:
    from penjing.loading.dataset import Dataset


def weight_scores(model: Model, layer: str, criterion: str, *, data: "Dataset | None" = None, seed: int = 0) -> Tensor:
    """Scores of single weights, float32, shaped like the layer's weight; errors as `weight_scores_from`."""
    return weight_scores_from(Evidence(model, data, seed), layer, criterion)


def filter_scores(model: Model, layer: str, criterion: str, *, data: "Dataset | None" = None, seed: int = 0) -> Tensor:
    """Scores of whole filters, float32 [out]; errors as `weight_scores_from`."""
    return filter_scores_from(Evidence(model, data, seed), layer, criterion)


def weight_scores_from(evidence: Evidence, layer: str, criterion: str) -> Tensor:
    """Scores of single weights from evidence that several layers share, so that data is looked at once.

    Raises:
        UserError: `saliency.not_finite` where weights are NaN or infinite, `saliency.needs_data` where the criterion
            looks at samples and there are none.
    """
    return _finite(evidence, layer, registry()["criterion", criterion](evidence, layer))


def filter_scores_from(evidence: Evidence, layer: str, criterion: str) -> Tensor:
    """Scores of whole filters from evidence that several layers share; errors as `weight_scores_from`."""
    return _finite(evidence, layer, registry()["filter_criterion", criterion](evidence, layer))


def filter_errors_from(evidence: Evidence, layer: str, criterion: str) -> Tensor | None:
    """How far the scores of whole filters may be off, float32 [out]; None for a criterion that estimates nothing."""
    error = stated_errors().get(criterion)
    return None if error is None else error(evidence, layer).to(torch.float32)


def _finite(evidence: Evidence, layer: str, scores: Tensor) -> Tensor:
    # Computed in float64, told in float32: the scores meet thresholds in the dtype of the weights (METHODS §5).
    if not bool(torch.isfinite(scores).all()) or not bool(torch.isfinite(evidence.model.weight(layer)).all()):
        raise UserError("saliency.not_finite", layer=evidence.model.source_names.get(layer, layer))
    return scores.to(torch.float32)
