"""Runs a quantized network fast in torch, bit for bit what the integer reference computes.

Centred codes are held in float tensors; every sum is exact because the lowering knows its bound: float32 below 2^24,
else float64. Rescaling multiplies in float64, where the product is exact, and rounds half to even; sums that leave
int32, as those of 16-bit codes do, are rescaled in int64.

>>> from penjing.compression.simulation import simulate
>>> predict = simulate(quantized)  # doctest: +SKIP
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from penjing.compression.integer_graph import Codes, FloatNode, IntegerGraph, IntegerNode
from penjing.compression.lowering import lower
from penjing.model.model import Model
from penjing.model.operators.integer_kernels import IntegerKernel
from penjing.model.operators.integer_reference import IntArray
from penjing.model.operators.table import operators

Predict = Callable[..., Tensor | tuple[Tensor, ...]]
Step = Callable[[dict[str, Tensor]], Tensor]

_EXACT = {torch.float32: 1 << 24, torch.float64: 1 << 53}


def simulate(model: Model) -> Predict:
    """A function from real inputs to real outputs that computes what the exported network computes.

    Without quantized activations that is the float network itself: its weights already lie on their grids.
    """
    return simulate_graph(lower(model)) if model.activation_quantizers else model


def simulate_graph(graph: IntegerGraph) -> Predict:
    """The same for a lowered network."""
    steps = [(node.name, _step(node, graph)) for node in graph.nodes]
    last_use = {name: place for place, node in enumerate(graph.nodes) for name in node.inputs}
    kept = {output.layer for output in graph.outputs}
    freed: list[list[str]] = [[] for _ in graph.nodes]
    for name, place in last_use.items():
        if name not in kept:
            freed[place].append(name)

    def predict(*inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        with torch.no_grad():
            tensors = _start(graph, inputs)
            for (name, step), unused in zip(steps, freed, strict=True):
                tensors[name] = step(tensors)
                for other in unused:
                    del tensors[other]
            results = tuple(_decoded(tensors[output.layer], graph.codes.get(output.layer)) for output in graph.outputs)
        return results[0] if len(results) == 1 else results

    return predict


def trace(model: Model, *inputs: Tensor) -> dict[str, Tensor]:
    """The real value of every tensor that the network, as it is simulated, makes: layers by name.

    A layer whose ReLU is fused into it makes no tensor of its own.
    """
    graph = lower(model)
    tensors = _start(graph, inputs)
    with torch.no_grad():
        for node in graph.nodes:
            tensors[node.name] = _step(node, graph)(tensors)
    return {node.name: _decoded(tensors[node.name], graph.codes.get(node.name)) for node in graph.nodes}


def _start(graph: IntegerGraph, inputs: Sequence[Tensor]) -> dict[str, Tensor]:
    return {
        entry.name: _encoded(values, graph.codes.get(entry.name))
        for entry, values in zip(graph.inputs, inputs, strict=True)
    }


def _step(node: IntegerNode | FloatNode, graph: IntegerGraph) -> Step:
    return _integer_step(node) if isinstance(node, IntegerNode) else _float_step(node, graph)


def _integer_step(node: IntegerNode) -> Step:
    kernel = operators()[node.kind].integer
    assert kernel is not None
    low, high, inputs = float(node.low), float(node.high), node.inputs
    kind = torch.float32 if node.bound < _EXACT[torch.float32] else torch.float64
    factors = [float(factor) for factor in node.input_multipliers]
    run = _bound_kernel(kernel, node, kind)
    scale: Tensor | None = None
    wide: tuple[Tensor, ...] = ()
    if node.multiplier is not None and node.shift is not None:
        scale = torch.from_numpy(np.asarray(np.ldexp(node.multiplier.astype(np.float64), -node.shift)))
        if node.is_wide:
            wide = (torch.from_numpy(np.asarray(node.multiplier)), torch.from_numpy(np.asarray(node.shift)))

    def step(tensors: dict[str, Tensor]) -> Tensor:
        values = [tensors[name].to(kind) for name in inputs]
        if factors:
            values = [part * factor for part, factor in zip(values, factors, strict=True)]
        sums = run(values)
        if scale is None:
            return sums.clamp(low, high).float()
        if wide:
            return _rescaled(sums.long(), *wide).clamp(low, high).float()
        return sums.double().mul_(scale).round_().clamp_(low, high).float()

    return step


def _rescaled(sums: Tensor, multiplier: Tensor, shift: Tensor) -> Tensor:
    """As `fixed_point.rescale`, half to even, in int64: such products are too long for float64."""
    product = sums * multiplier
    return (product + ((1 << (shift - 1)) - 1 + ((product >> shift) & 1))) >> shift


def _bound_kernel(kernel: IntegerKernel, node: IntegerNode, kind: torch.dtype) -> Callable[[list[Tensor]], Tensor]:
    if kernel.fast is None:
        module = operators()[node.kind].build(node.attributes, {}).eval()
        return lambda values: module(*values)
    given = node.table if node.weight is None else node.weight.centred
    weight, bias = _tensor(given, kind), _tensor(node.bias, kind)
    attributes, fast = node.attributes, kernel.fast
    return lambda values: fast(attributes, values, weight, bias)


def _tensor(values: IntArray | None, kind: torch.dtype) -> Tensor | None:
    return None if values is None else torch.from_numpy(np.ascontiguousarray(values)).to(kind)


def _float_step(node: FloatNode, graph: IntegerGraph) -> Step:
    given: dict[str, Any] = {name: torch.from_numpy(values) for name, values in node.tensors.items()}
    module = operators()[node.kind].build(node.attributes, given).eval()
    feeds = [(name, graph.codes.get(name)) for name in node.inputs]
    return lambda tensors: _encoded(module(*(_decoded(tensors[name], codes) for name, codes in feeds)), node.output)


def _encoded(values: Tensor, codes: Codes | None) -> Tensor:
    if codes is None:
        return values
    return (values / float(codes.scale)).round_().clamp_(codes.low, codes.high)


def _decoded(values: Tensor, codes: Codes | None) -> Tensor:
    return values if codes is None else values * float(codes.scale)
