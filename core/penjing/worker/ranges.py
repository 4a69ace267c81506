"""What the result of a layer is on training examples, and the range that each calibrator would give its codes."""

import numpy as np
import torch

from penjing.compression.calibration import BATCH, CALIBRATORS, MOST_SAMPLES, Values
from penjing.compression.folding import fold_batch_norm
from penjing.compression.placement import Placement, fusible, nodes_of
from penjing.compression.quantize import observe
from penjing.errors import UserError
from penjing.inspection.execution import affordable
from penjing.inspection.few_samples import few_samples
from penjing.model.model import Model
from penjing.plan import Settings
from penjing.worker.messages import Ranges, WantRanges
from penjing.worker.opening import Open

BINS = 121
SHARES = (0.0001, 0.01, 0.25, 0.5, 0.75, 0.99, 0.9999)


def ranges(opened: Open, wanted: WantRanges) -> Ranges:
    """The tensor that a layer's activation bits are about, of the network as loaded with batch norm folded.

    Raises:
        UserError: `worker.no_data`; `quantize.not_finite` where it holds NaN or infinity.
    """
    if opened.data is None:
        raise UserError("worker.no_data")
    model = fold_batch_norm(opened.model)
    tensor = _result_of(model, wanted.layer)
    inputs = few_samples(opened.data, affordable(model, MOST_SAMPLES)).inputs
    batches = list(zip(*(torch.split(part, BATCH) for part in inputs), strict=True))
    alone = Placement(settings={tensor: Settings()}, shares={}, bounds={})
    observed = observe(model, alone, batches)[tensor]
    low, high = observed.extremes
    if not np.isfinite((low, high)).all():
        raise UserError("quantize.not_finite", layer=opened.model.source_names.get(wanted.layer, wanted.layer))
    values = observed.all_values
    counts, edges = np.histogram(values, bins=BINS, range=(low, high) if high > low else (low - 0.5, low + 0.5))
    covered = {name: calibrate(observed, wanted.bits) for name, calibrate in CALIBRATORS.items()}
    return Ranges(
        request=wanted.request,
        layer=wanted.layer,
        tensor=tensor,
        bits=wanted.bits,
        samples=len(inputs[0]),
        values=len(values),
        low=low,
        high=high,
        quantiles=dict(zip(SHARES, np.quantile(values, SHARES).tolist(), strict=True)),
        counts=tuple(counts.tolist()),
        first=float(edges[0]),
        last=float(edges[-1]),
        covered=covered,
        outside={name: _outside(values, *ends) for name, ends in covered.items()},
    )


def _outside(values: Values, low: float, high: float) -> float:
    # Codes are spent from 0 on in any case.
    return float(((values < min(low, 0.0)) | (values > max(high, 0.0))).mean())


def _result_of(model: Model, layer: str) -> str:
    """The layer itself, or the last of the clamping layers that are fused into it."""
    last = {layer}
    found = layer
    for after, before in fusible(model, nodes_of(model)).items():
        if before in last:
            last.add(after)
            found = after
    return found
