"""The integer reference: runs a lowered network in numpy, node by node, with integers alone where it is quantized.

>>> from penjing.compression.integer import run
>>> logits, = run(lower(quantized), x)  # doctest: +SKIP
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from penjing.compression.fixed_point import Rounding, rescale
from penjing.compression.integer_graph import Float32, FloatNode, IntegerGraph, IntegerNode
from penjing.model.operators.integer_reference import IntArray, along
from penjing.model.operators.table import operators

Tensors = dict[str, NDArray[Any]]


def run(graph: IntegerGraph, *inputs: Float32, rounding: Rounding = "single") -> tuple[Float32, ...]:
    """The network's real outputs for real inputs [n, …]; quantized ones are decoded."""
    tensors = run_all(graph, *inputs, rounding=rounding)
    return tuple(_real(graph, output.layer, tensors) for output in graph.outputs)


def run_all(graph: IntegerGraph, *inputs: Float32, rounding: Rounding = "single") -> Tensors:
    """Every tensor by name: codes q (int64, zero point included) where it is quantized, float32 elsewhere."""
    centred = _run(graph, inputs, rounding)
    return {
        name: values + graph.codes[name].zero_point if name in graph.codes else values
        for name, values in centred.items()
    }


def _run(graph: IntegerGraph, inputs: tuple[Float32, ...], rounding: Rounding) -> Tensors:
    tensors: Tensors = {}
    for entry, values in zip(graph.inputs, inputs, strict=True):
        codes = graph.codes.get(entry.name)
        tensors[entry.name] = values if codes is None else codes.encode(values)
    for node in graph.nodes:
        tensors[node.name] = (
            _run_integer(node, tensors, rounding) if isinstance(node, IntegerNode) else _run_float(node, graph, tensors)
        )
    return tensors


def _run_integer(node: IntegerNode, tensors: Mapping[str, IntArray], rounding: Rounding) -> IntArray:
    kernel = operators()[node.kind].integer
    assert kernel is not None
    inputs = [tensors[name] for name in node.inputs]
    if node.input_multipliers:
        inputs = [values * factor for values, factor in zip(inputs, node.input_multipliers, strict=True)]
    weight = node.table if node.weight is None else node.weight.centred
    sums = kernel.reference(node.attributes, inputs, weight)
    if node.bias is not None:
        last = kernel.channel_axis == -1
        sums = sums + node.bias.reshape((-1,) if last else along(node.bias.size, sums.shape))
    if node.multiplier is not None and node.shift is not None:
        # Sums of rescaled inputs have no second rounding anywhere, nor have sums in int64: only products in int32 are
        # rounded twice by gemmlowp.
        how = "single" if node.input_multipliers or node.is_wide else rounding
        sums = rescale(sums, node.multiplier, node.shift, rounding=how)
    return np.clip(sums, node.low, node.high)


def _run_float(node: FloatNode, graph: IntegerGraph, tensors: Tensors) -> NDArray[Any]:
    given = {name: torch.from_numpy(values) for name, values in node.tensors.items()}
    module = operators()[node.kind].build(node.attributes, given).eval()
    inputs = [_decoded(graph, name, tensors) for name in node.inputs]
    with torch.no_grad():
        result: Float32 = module(*(torch.from_numpy(np.ascontiguousarray(values)) for values in inputs)).numpy()
    return result if node.output is None else node.output.encode(result)


def _decoded(graph: IntegerGraph, name: str, centred: Tensors) -> Float32:
    codes = graph.codes.get(name)
    return centred[name] if codes is None else codes.decode(centred[name])


def _real(graph: IntegerGraph, name: str, tensors: Tensors) -> Float32:
    codes = graph.codes.get(name)
    return tensors[name] if codes is None else codes.decode(tensors[name] - codes.zero_point)
