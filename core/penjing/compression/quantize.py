"""Quantizes a network after training: weights onto their grids, activations by calibration (Jacob et al. 2018).

>>> from penjing.compression.quantize import quantize
>>> small = quantize(model, Plan().with_defaults(weight_bits=8, activation_bits=8), data)  # doctest: +SKIP
"""

import copy
import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from penjing.catalogue.quantization import MOST_COLUMNS
from penjing.compression.adaround import ADAROUND
from penjing.compression.calibration import BATCH, CALIBRATORS, MOST_SAMPLES, Observed, Part, drawn, part_of
from penjing.compression.equalization import equalize
from penjing.compression.folding import fold_batch_norm
from penjing.compression.gptq import GPTQ
from penjing.compression.layerwise import change_layers
from penjing.compression.moments import moments_of
from penjing.compression.placement import UNQUANTIZED, Placement, drawn_inputs, nodes_of, place
from penjing.compression.quantizers import activation_quantizer, largest_bias
from penjing.compression.rounding import NEAREST, RoundingMethod, Task
from penjing.compression.sharing import coarse_bias, importance_of, share, still_shared
from penjing.errors import UserError, lacks_memory, note
from penjing.inspection.execution import affordable
from penjing.inspection.few_samples import few_samples
from penjing.loading.dataset import Dataset
from penjing.model.model import Model, Quantizer
from penjing.model.operators.table import operator_of, parameter
from penjing.plan import Plan, Settings
from penjing.results import OnProgress, Progress, unheard

RANDOM_INPUTS = 64

ROUNDINGS: Mapping[str, RoundingMethod] = {"nearest": NEAREST, "gptq": GPTQ, "adaround": ADAROUND}
"""By the catalogue's ids."""


def quantize(model: Model, plan: Plan, data: Dataset | None, *, on_progress: OnProgress = unheard) -> Model:
    """A network whose weights lie on grids and whose tensors carry quantizers, as the plan says.

    Batch norm is folded first. A layer with a codebook shares its values by k-means in place of a rounding; with
    `weight_bits`, too, those values lie on the grid. Activations are calibrated on at most 256 training
    samples; without data on 64 seeded random inputs, which the result's warnings tell.

    Raises:
        UserError: `quantize.float16_bits`, `quantize.not_finite` where a network computes NaN or infinity.
    """
    wanted = {name: plan.settings(name) for name, node in nodes_of(model).items() if node.has_weights}
    if not any(settings.quantizes for settings in wanted.values()):
        return model
    for name, settings in wanted.items():
        _check(model.source_names.get(name, name), settings)
    inputs = _calibration_inputs(model, data)
    folded = equalize(fold_batch_norm(model), {name for name, settings in wanted.items() if settings.equalize})
    result = _quantize_weights(folded, wanted, inputs, judged=data is not None, on_progress=on_progress)
    placement = place(result, plan)
    if not placement.settings:
        return result
    batches, warnings = list(zip(*(torch.split(part, BATCH) for part in inputs), strict=True)), model.warnings
    if data is None:
        warnings = (*warnings, note("quantize.random_calibration", count=RANDOM_INPUTS))
    observed = observe(result, placement, batches, on_progress=on_progress)
    # What a file has rounded already stays so where the plan leaves it alone.
    quantizers = {**result.activation_quantizers, **_activation_quantizers(result, placement, observed)}
    return _with_room_for_bias(dataclasses.replace(result, activation_quantizers=quantizers, warnings=warnings), wanted)


def observe(
    model: Model, placement: Placement, batches: list[tuple[Tensor, ...]], *, on_progress: OnProgress = unheard
) -> dict[str, Observed]:
    """What the tensors that need a range of their own are on the calibration data.

    A batch for which the memory does not suffice comes in halves, which give the same.
    """
    watched = {name: Observed() for name in placement.settings if name not in placement.shares}
    generator = torch.Generator().manual_seed(0)
    for done, batch in enumerate(batches):
        draws: dict[str, Tensor | None] = {}
        for name, parts in _seen(model, watched.keys(), batch, draws, generator).items():
            watched[name] = watched[name].with_parts(parts, draws[name])
        on_progress(Progress(stage="quantize", done=done + 1, total=len(batches)))
    return watched


def _seen(
    model: Model,
    wanted: Collection[str],
    batch: tuple[Tensor, ...],
    draws: dict[str, Tensor | None],
    generator: torch.Generator,
) -> dict[str, list[Part]]:
    """By tensor, what a batch shows of it, in as few parts as the memory allows; `draws` is filled in."""
    found: dict[str, list[Part]] = {}
    waiting = [(0, len(batch[0]))]
    while waiting:
        first, last = waiting.pop()
        part = _part(model, wanted, batch, (first, last), draws, generator)
        if part is None:
            middle = (first + last) // 2
            waiting += [(middle, last), (first, middle)]
            continue
        for name, one in part.items():
            found.setdefault(name, []).append(one)
    return found


def _part(
    model: Model,
    wanted: Collection[str],
    batch: tuple[Tensor, ...],
    part: tuple[int, int],
    draws: dict[str, Tensor | None],
    generator: torch.Generator,
) -> dict[str, Part] | None:
    """What some samples of a batch show; None where the memory did not suffice for so many."""
    (first, last), whole = part, len(batch[0])
    found: dict[str, Part] = {}

    def seen(name: str, tensor: Tensor) -> None:
        if name not in wanted:
            return
        # A layer that puts parts of a sample beside each other has more rows than there are samples; what does not
        # come of the samples at all has other rows, and the same in every part.
        rows, other = divmod(len(tensor), last - first)
        start, count = (0, tensor.numel()) if other else (first * rows, tensor.numel() // (last - first) * whole)
        if name not in draws:
            draws[name] = drawn(count, generator)
        found[name] = part_of(tensor, start, draws[name])

    try:
        with torch.no_grad():
            _Watcher(model.module, seen).run(*(one[first:last] for one in batch))
    except Exception as error:
        if not lacks_memory(error) or last - first <= 1:
            raise
        return None
    return found


class _Watcher(fx.Interpreter):
    """Shows every tensor of a network while it runs; tensors are freed after their last use."""

    def __init__(self, module: fx.GraphModule, seen: Callable[[str, Tensor], None]) -> None:
        super().__init__(module)
        self._seen = seen

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        if n.op in {"placeholder", "call_module"}:
            self._seen(str(n.target), result)
        return result


def _check(layer: str, settings: Settings) -> None:
    if settings.scheme == "float16" and settings.weight_bits not in {16, UNQUANTIZED}:
        raise UserError("quantize.float16_bits", layer=layer, bits=settings.weight_bits)


def _quantize_weights(
    model: Model, wanted: Mapping[str, Settings], values: Sequence[Tensor], *, judged: bool, on_progress: OnProgress
) -> Model:
    """The weights on their grids; layer by layer with what flows where a rounding or a correction asks for it.

    So does a codebook if the values are real ones (`judged`): on the samples, with and without zeros, importance
    helped in 11 of 16 cases and harmed in 4.
    """
    quantizers, codebooks = dict(model.weight_quantizers), dict(model.codebooks)

    def change(name: str, module: nn.Module, original: Tensor | None, compressed: Tensor | None) -> nn.Module | None:
        settings = wanted.get(name)
        if settings is None or (settings.weight_bits >= UNQUANTIZED and settings.codebook is None):
            return None
        method, mask = ROUNDINGS[settings.rounding], model.masks.get(name)
        _check_finite(model, name, model.weight(name))
        if compressed is not None and (settings.codebook is not None or method.needs_moments):
            _check_finite(model, name, compressed)
        quantizers.pop(name, None)
        codebooks.pop(name, None)
        if settings.codebook is not None:
            importance = importance_of(module, compressed) if judged and compressed is not None else None
            shared = share(model.weight(name), settings, mask=mask, importance=importance)
            weight, codebooks[name] = shared.weight, shared.codebook
            if shared.quantizer is not None:
                quantizers[name] = shared.quantizer
        else:
            moments = None
            if method.needs_moments and original is not None and compressed is not None:
                fits = model.weight(name)[0].numel() <= MOST_COLUMNS
                moments = moments_of(module, original, compressed) if fits else None
            task = Task(weight=model.weight(name), settings=settings, mask=mask, moments=moments)
            weight, quantizers[name] = method.round(task)
        result = _with_weight(model, name, weight)
        if settings.bias_correction and original is not None and compressed is not None:
            _correct_bias(result, module, original, compressed)
        bias: Any = getattr(result, "bias", None)
        if settings.codebook is not None and bias is not None:
            result.bias = parameter(coarse_bias(bias.detach()))
        return result

    if any(_looks(entry, judged=judged) for entry in wanted.values()):
        result = change_layers(model, values, change, on_progress=on_progress)
    else:
        changed = {name: change(name, module, None, None) for name, module, _ in model.layers()}
        result = model.replace_layers({name: module for name, module in changed.items() if module is not None})
    codebooks = {
        name: codebook
        for name, codebook in codebooks.items()
        if still_shared(result.weight(name), codebook, model.masks.get(name))
    }
    return dataclasses.replace(result, codebooks=codebooks, weight_quantizers=quantizers)


def _looks(settings: Settings, *, judged: bool) -> bool:
    """Whether a layer's weights are changed with a look at what the layer reads."""
    if settings.codebook is None and settings.weight_bits >= UNQUANTIZED:
        return False
    method = judged if settings.codebook is not None else ROUNDINGS[settings.rounding].needs_moments
    return method or settings.bias_correction


def _check_finite(model: Model, name: str, values: Tensor) -> None:
    if not bool(torch.isfinite(values).all()):
        raise UserError("quantize.not_finite", layer=model.source_names.get(name, name))


def _correct_bias(result: nn.Module, module: nn.Module, original: Tensor, compressed: Tensor) -> None:
    """Takes the mean error from the bias: b ← b - E[ŵ x̂ - w x] (Nagel 2019, arXiv:1906.04721)."""
    row = operator_of(module)
    with torch.no_grad():
        if row.integer is not None and row.integer.weights is not None:
            error = result(compressed) - module(original)
            shift = error.double().transpose(row.integer.channel_axis, -1).flatten(0, -2).mean(dim=0).float()
        else:  # a layer without one group for each channel, whose result may not be the sum that the bias is in
            now, then = (_mean_sum(one, values) for one, values in ((result, compressed), (module, original)))
            shift = (now - then).float()
        bias = result.bias if isinstance(result.bias, Tensor) else torch.zeros(len(shift))
        result.bias = parameter(bias - shift)


def _mean_sum(module: nn.Module, values: Tensor) -> Tensor:
    """The mean of Σ w x, by filter: [out], float64."""
    mean = operator_of(module).columns(module, values)[0].double().mean(dim=0)
    weight = module.weight
    assert isinstance(weight, Tensor)
    return weight.detach().double().flatten(1) @ mean


def _with_weight(model: Model, name: str, weight: Tensor) -> nn.Module:
    module: Any = copy.deepcopy(model.layer(name))
    mask = model.masks.get(name)
    module.weight = parameter(weight if mask is None else weight * mask)
    return module  # type: ignore[no-any-return]


def _calibration_inputs(model: Model, data: Dataset | None) -> tuple[Tensor, ...]:
    if data is not None:
        return few_samples(data, affordable(model, MOST_SAMPLES)).inputs
    return drawn_inputs(model, affordable(model, RANDOM_INPUTS))


def _activation_quantizers(
    model: Model, placement: Placement, observed: Mapping[str, Observed]
) -> dict[str, Quantizer]:
    nodes = nodes_of(model)
    made: dict[str, Quantizer] = {}
    for name, settings in placement.settings.items():
        if name in placement.shares:
            made[name] = made[placement.shares[name]]
            continue
        bits = settings.activation_bits
        if name in placement.numbers:
            made[name] = _own_codes(bits)
            continue
        kernel = nodes[name].kernel if name in nodes else None
        if kernel is not None and kernel.scale == "probability":
            made[name] = _probability_quantizer(bits)
            continue
        if not np.isfinite(observed[name].extremes).all():
            raise UserError("quantize.not_finite", layer=model.source_names.get(name, name))
        low, high = CALIBRATORS[settings.calibrator](observed[name], bits)
        least, most = placement.bounds[name]
        made[name] = activation_quantizer(max(low, least), min(high, most), bits=bits)
    return made


def _own_codes(bits: int) -> Quantizer:
    """Whole numbers from 0 up, each its own code."""
    scale, zero_point = torch.tensor(1.0), torch.tensor(-(1 << (bits - 1)), dtype=torch.int32)
    return Quantizer(bits=bits, scale=scale, zero_point=zero_point, symmetric=False)


def _probability_quantizer(bits: int) -> Quantizer:
    scale, zero_point = torch.tensor(1.0 / (1 << bits)), torch.tensor(-(1 << (bits - 1)), dtype=torch.int32)
    return Quantizer(bits=bits, scale=scale, zero_point=zero_point, symmetric=False)


def _with_room_for_bias(model: Model, wanted: Mapping[str, Settings]) -> Model:
    """Widens weight scales that are too small for the bias, which is stored in units of S_in · S_w as an integer."""
    quantizers, codebooks, modules = dict(model.weight_quantizers), dict(model.codebooks), {}
    for name, module, feeds in model.layers():
        bias, quantizer = getattr(module, "bias", None), quantizers.get(name)
        source = model.activation_quantizers.get(feeds[0])
        if name not in wanted or quantizer is None or quantizer.float16 or bias is None or source is None:
            continue
        least = bias.detach().abs() / (source.scale * largest_bias(source.bits, quantizer.bits))
        if bool((quantizer.scale >= least).all()):
            continue
        scale = torch.maximum(quantizer.scale, least if quantizer.axis == 0 else least.max())
        quantizers[name] = dataclasses.replace(quantizer, scale=scale)
        modules[name] = _with_weight(model, name, quantizers[name].on_grid(model.weight(name)))
        if name in codebooks:
            codebooks[name] = torch.unique(quantizers[name].on_grid(codebooks[name]) + 0.0)
    return dataclasses.replace(model.replace_layers(modules), codebooks=codebooks, weight_quantizers=quantizers)
