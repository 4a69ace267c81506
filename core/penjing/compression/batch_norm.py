"""Re-estimates batch-norm statistics after a compression, from a few training inputs and without labels.

>>> from penjing.compression.batch_norm import reestimate
>>> better = reestimate(model, data, method="differential", reference=original)      # doctest: +SKIP
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from penjing.compression.flows import Flows, Inputs, Moments, through_norms
from penjing.inspection.execution import affordable
from penjing.inspection.few_samples import few_samples
from penjing.model.model import Model
from penjing.model.operators.table import operator_of

if TYPE_CHECKING:
    from collections.abc import Hashable

    from penjing.loading.dataset import Dataset

_TINY = 1e-12


def reestimate(
    model: Model,
    data: "Dataset",
    *,
    samples: int = 256,
    method: str | None = None,
    reference: Model | None = None,
    flows: Flows | None = None,
) -> Model:
    """A model whose batch norms describe what really flows into them; one without batch norm is returned as it is.

    Layers are visited in execution order, each seeing what the corrected ones before it send. Few samples can be worse
    than the statistics of the whole training: measure before keeping the result.

    Args:
        model: The compressed network.
        data: Where the training inputs come from.
        samples: How many of them, fewer where the network's tensors are large.
        method: None replaces mean and variance by those of the samples (unbiased variance, as torch keeps it).
            `differential` shifts the stored ones by how the samples' statistics changed against `reference`:
            μ ← μ + m - m₀, σ² ← σ² v / v₀, so that the sampling error of few inputs cancels.
        reference: The network before compression, for `differential`.
        flows: What is known from other networks on the same data; the result is the same with it, only sooner there.
    """
    norms = [name for name, module, _ in model.layers() if _is_norm(module)]
    if not norms:
        return model
    count = min(affordable(model, samples), affordable(reference or model, samples))
    values = _inputs(data, count) if flows is None else flows.inputs(data, count, _inputs)
    if method == "differential":
        if reference is None:
            raise ValueError("the differential method needs the network before compression")
        before = _statistics(reference, values, flows)
    elif method is None:
        before = {}
    else:
        raise ValueError(f"unknown method {method!r}")
    result = model.copy()

    def tell(name: str, module: nn.Module, values: Tensor) -> Moments:
        found = channel_moments(values)
        places = _places(module, reference.layer(name)) if reference is not None and name in before else None
        if places is None:
            return found
        old_mean, old_variance = before[name]
        return shifted(module, (old_mean[places], old_variance[places]), found)

    treatment: tuple[Hashable, ...] = (count, method)
    if reference is not None and method is not None and flows is not None:
        named = flows.names(reference)
        treatment += tuple(named[output.layer] for output in reference.outputs)
    with torch.no_grad():
        through_norms(result, values, is_norm=_is_norm, tell=tell, use=_store, flows=flows, treatment=treatment)
    return result


def shift(module: nn.Module, before: Moments, after: Moments) -> None:
    """Moves a batch norm's statistics, in place, as those of its input moved: μ ← μ + m - m₀, σ² ← σ² v / v₀."""
    _store("", module, shifted(module, before, after))


def shifted(module: nn.Module, before: Moments, after: Moments) -> Moments:
    """What a batch norm's statistics become then."""
    mean, variance = _stored(module)
    known = before[1] > _TINY  # a channel that never moved has no ratio: its own variance stays
    ratio = torch.where(known, after[1] / before[1].clamp_min(_TINY), 1.0)
    return mean + after[0] - before[0], variance * ratio


def _store(name: str, module: nn.Module, moments: Moments) -> None:
    module.get_buffer("running_mean").copy_(moments[0])
    module.get_buffer("running_var").copy_(moments[1])


def _statistics(model: Model, values: Inputs, flows: Flows | None) -> dict[str, Moments]:
    found: dict[str, Moments] = {}

    def tell(name: str, module: nn.Module, values: Tensor) -> Moments:
        return channel_moments(values)

    def use(name: str, module: nn.Module, moments: Moments) -> None:
        found[name] = moments

    treatment = (len(values[0]), "as it is")
    with torch.no_grad():
        through_norms(model, values, is_norm=_is_norm, tell=tell, use=use, flows=flows, treatment=treatment)
    return found


def _inputs(data: "Dataset", count: int) -> Inputs:
    return few_samples(data, count).inputs


def channel_moments(values: Tensor) -> Moments:
    """Mean and unbiased variance of each channel, float64."""
    rows = values.to(torch.float64).transpose(0, 1).flatten(1)
    variance = rows.var(dim=1) if rows.shape[1] > 1 else torch.zeros(len(rows), dtype=torch.float64)
    return rows.mean(dim=1), variance


def _places(module: nn.Module, original: nn.Module) -> Tensor | None:
    """Which channels of the original batch norm the module still has; None if that cannot be told.

    A cut keeps their order and their stored values, by which they are found again; after training they differ.
    """
    mine, theirs = _rows(module), _rows(original)
    if len(mine) == len(theirs):
        return torch.arange(len(mine))
    places, start = [], 0
    for row in mine:
        equal = (theirs[start:] == row).all(dim=1).nonzero()
        if len(equal) == 0:
            return None
        start += int(equal[0]) + 1
        places.append(start - 1)
    return torch.tensor(places)


def _rows(module: nn.Module) -> Tensor:
    mean, variance = _stored(module)
    affine = (module.get_parameter(name).to(torch.float64) for name in ("weight", "bias"))
    return torch.stack([mean, variance, *affine], dim=1)


def _stored(module: nn.Module) -> tuple[Tensor, Tensor]:
    mean, variance = (module.get_buffer(name).to(torch.float64) for name in ("running_mean", "running_var"))
    return mean, variance


def _is_norm(module: nn.Module) -> bool:
    return operator_of(module).kind == "batch_norm"
