"""Takes channels out of a network, really or by zeroing them; the two compute the same on the channels that stay."""

import copy
import dataclasses
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from penjing.layer_graph import FIXED, LayerGraph
from penjing.model.model import Model, Quantizer
from penjing.model.operators.table import operator_of

Keep = NDArray[np.bool_]


def cut_channels(model: Model, graph: LayerGraph, keep: Keep) -> Model:
    """A smaller network without the channels that `keep` (bool [channel_count]) leaves out, masks and scales too."""
    modules: dict[str, nn.Module] = {}
    masks, weight_scales = dict(model.masks), dict(model.weight_quantizers)
    activation_scales = dict(model.activation_quantizers)
    for layer in graph.layers:
        outputs, inputs = places_left(layer.output_channels, keep), places_left(layer.input_channels, keep)
        if outputs is None and inputs is None:
            continue
        if layer.weight_kind != "none":
            module = model.layer(layer.name)
            modules[layer.name] = operator_of(module).select(module, outputs=outputs, inputs=inputs)
        if layer.name in masks:
            masks[layer.name] = _part(masks[layer.name], outputs, inputs)
        if layer.name in weight_scales:
            weight_scales[layer.name] = _fewer_scales(weight_scales[layer.name], {0: outputs, 1: inputs})
        if layer.name in activation_scales:
            activation_scales[layer.name] = _fewer_scales(activation_scales[layer.name], {layer.channel_axis: outputs})
    smaller = model.replace_layers(modules)
    return dataclasses.replace(
        smaller, masks=masks, weight_quantizers=weight_scales, activation_quantizers=activation_scales
    )


def mask_channels(model: Model, graph: LayerGraph, keep: Keep) -> Model:
    """The network in its old shape with the cut channels silenced: for looking at a cut without making it.

    Zero are the filters and biases that make a cut channel, its γ and β, and the weights that read it (what reads
    it may find f(0) ≠ 0 there, for example behind a sigmoid).
    """
    modules: dict[str, nn.Module] = {}
    masks = dict(model.masks)
    for layer in graph.layers:
        outputs, inputs = _gone(layer.output_channels, keep), _gone(layer.input_channels, keep)
        if layer.weight_kind in ("none", "other") or not (outputs.any() or inputs.any()):
            continue
        module = modules[layer.name] = copy.deepcopy(model.layer(layer.name))
        _silence(module, outputs, inputs)
        if layer.compressible:
            mask = masks.get(layer.name, torch.ones_like(model.weight(layer.name), dtype=torch.bool))
            masks[layer.name] = _without(mask.clone(), outputs, inputs)
    return dataclasses.replace(model.replace_layers(modules), masks=masks)


def places_left(channels: tuple[int, ...], keep: Keep) -> Tensor | None:
    """Indices along an axis that stay; None: all of them."""
    gone = _gone(channels, keep)
    return (~gone).nonzero().flatten() if gone.any() else None


def _silence(module: nn.Module, outputs: Tensor, inputs: Tensor) -> None:
    weight, bias = getattr(module, "weight", None), getattr(module, "bias", None)
    with torch.no_grad():
        if isinstance(weight, Tensor):
            _without(weight, outputs, inputs)
        if isinstance(bias, Tensor):
            bias[outputs] = 0


def _without(values: Tensor, outputs: Tensor, inputs: Tensor) -> Tensor:
    """The values themselves, those of cut channels set to zero (or False)."""
    values[outputs] = 0
    if inputs.any():  # depthwise weights and γ have no input axis, and no input channels either
        values[:, inputs] = 0
    return values


def _gone(channels: tuple[int, ...], keep: Keep) -> Tensor:
    """Bool, for each place along an axis: whether its channel is cut."""
    ids = np.array(channels, dtype=np.int64)
    cut = np.zeros(len(ids), dtype=np.bool_)
    movable = ids != FIXED
    cut[movable] = ~keep[ids[movable]]
    return torch.from_numpy(cut)


def _part(values: Tensor, outputs: Tensor | None, inputs: Tensor | None) -> Tensor:
    if outputs is not None:
        values = values[outputs]
    if inputs is not None:
        values = values[:, inputs]
    return values


def _fewer_scales(quantizer: Quantizer, left: Mapping[int, Tensor | None]) -> Quantizer:
    chosen = None if quantizer.axis is None else left.get(quantizer.axis)
    if chosen is None or quantizer.scale.dim() == 0:
        return quantizer
    return dataclasses.replace(
        quantizer, scale=quantizer.scale[chosen], zero_point=quantizer.zero_point.expand_as(quantizer.scale)[chosen]
    )
