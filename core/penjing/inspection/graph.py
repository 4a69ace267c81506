"""Reads a model into plain values: shapes, costs, channel ids and which channels are cut together.

>>> from penjing.inspection.graph import layer_graph
>>> from penjing.loading.open import open_model                       # doctest: +SKIP
>>> layer_graph(open_model("sample:digits")).groups[0].producers      # doctest: +SKIP
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from penjing.inspection.coupling import coupled_groups
from penjing.layer_graph import FIXED, Grid, Layer, LayerGraph, WeightKind
from penjing.loading.build import layer_shapes
from penjing.model.model import Model, Quantizer
from penjing.model.opaque import Opaque, verbatim
from penjing.model.operators.channels import ChannelIds, Channels, Flow
from penjing.model.operators.table import Attributes, operator_of

Ids = NDArray[np.int64]

_COMPRESSIBLE: tuple[WeightKind, ...] = ("dense", "depthwise", "grouped")
_REASONS: Mapping[WeightKind, str] = {
    "none": "layer.no_weights",
    "affine": "layer.per_channel",
    "other": "layer.other_weights",
}


def layer_graph(model: Model) -> LayerGraph:
    """The network as values; channel ids run from 0 in order of appearance.

    Raises:
        UserError: `model.bad_shape` where a layer refuses what feeds it.
    """
    shapes = layer_shapes(model)
    ids = ChannelIds()
    made: dict[str, Channels] = {entry.name: _of_input(shapes[entry.name]) for entry in model.inputs}
    nodes = []
    for name, module, feeds in model.layers():
        operator = operator_of(module)
        flow = Flow(ids, tuple(made[feed] for feed in feeds), tuple(shapes[feed] for feed in feeds), shapes[name])
        taken = operator.weight_inputs(module, flow)
        made[name] = operator.channels(module, flow)
        nodes.append(_Node(name, module, feeds, flow, made[name], taken))
    for output in model.outputs:
        ids.freeze(made[output.layer].ids)
    numbers = _Numbers(ids)
    layers = tuple(_layer(node, model, numbers) for node in nodes)
    rounded = {entry.name: _grid(model.activation_quantizers.get(entry.name)) for entry in model.inputs}
    return LayerGraph(
        inputs=model.inputs,
        outputs=model.outputs,
        layers=layers,
        groups=coupled_groups(layers),
        channel_count=numbers.count,
        opset=model.opset,
        warnings=model.warnings,
        input_grids={name: grid for name, grid in rounded.items() if grid is not None},
    )


def _grid(quantizer: Quantizer | None) -> Grid | None:
    if quantizer is None:
        return None
    if quantizer.float16:
        return Grid(bits=16)
    zeros = sorted(set(quantizer.zero_point.reshape(-1).tolist()))
    return Grid(
        bits=quantizer.bits,
        per_channel=quantizer.scale.dim() > 0,
        smallest=float(quantizer.scale.min()),
        largest=float(quantizer.scale.max()),
        zero_point=zeros[0] if len(zeros) == 1 else None,
    )


def _plain(attributes: Attributes) -> dict[str, Any]:
    """As they come out of a message: every sequence is a list."""
    plain: dict[str, Any] = msgspec.msgpack.decode(msgspec.msgpack.encode(attributes))
    return plain


class _Numbers:
    """Renumbers resolved channel ids from 0 in order of appearance."""

    def __init__(self, ids: ChannelIds) -> None:
        self._ids = ids
        self._numbers: dict[int, int] = {FIXED: FIXED}

    @property
    def count(self) -> int:
        """How many channels have a number."""
        return len(self._numbers) - 1

    def __call__(self, ids: Ids) -> tuple[int, ...]:
        resolved = self._ids.resolved(ids).tolist()
        return tuple(self._numbers.setdefault(one, self.count) for one in resolved)


def _of_input(shape: tuple[int, ...]) -> Channels:
    return Channels(np.full(shape[1] if len(shape) > 1 else 1, FIXED, np.int64))


@dataclass(frozen=True)
class _Node:
    """A layer and what flows around it, before channel ids have their numbers."""

    name: str
    module: nn.Module
    feeds: tuple[str, ...]
    flow: Flow
    made: Channels
    taken: Ids


def _layer(node: _Node, model: Model, numbers: _Numbers) -> Layer:
    module, flow, operator = node.module, node.flow, operator_of(node.module)
    kind = operator.weight_kind(module)
    weight, bias = getattr(module, "weight", None), getattr(module, "bias", None)
    positions = operator.positions(module, flow.input_shapes, flow.output_shape)
    taken, made = numbers(node.taken), numbers(node.made.ids)
    reason = None if kind in _COMPRESSIBLE else "layer.opaque" if isinstance(module, Opaque) else _REASONS[kind]
    if kind == "other" and operator.params(module) == len(made) and FIXED not in made:
        reason = _REASONS["affine"]  # a batch norm in two parts, for example, whose values go with their channels
    return Layer(
        name=node.name,
        source_name=model.source_names.get(node.name, node.name),
        kind=operator.kind,
        type=operator.title(module),
        inputs=node.feeds,
        output_shape=flow.output_shape,
        channel_axis=node.made.axis,
        input_channels=taken,
        output_channels=made,
        weight_kind=kind,
        weight_shape=tuple(weight.shape) if isinstance(weight, Tensor) else None,
        bias=bias.numel() if isinstance(bias, Tensor) else 0,
        params=operator.params(module),
        positions=positions,
        macs=positions * (weight.numel() if isinstance(weight, Tensor) else 0),
        alias=operator.alias,
        in_place=operator.in_place,
        in_integers=operator.integer is not None and operator.integer.supports(operator.attributes(module)),
        attributes=_plain(operator.attributes(module)),
        weight_grid=_grid(model.weight_quantizers.get(node.name)),
        result_grid=_grid(model.activation_quantizers.get(node.name)),
        verbatim=verbatim(module) if isinstance(module, Opaque) else None,
        compressible=kind in _COMPRESSIBLE,
        reason=reason,
    )
