"""The one lowering: a model with quantizers becomes the integers that every consumer runs.

>>> from penjing.compression.lowering import lower
>>> graph = lower(quantized)  # doctest: +SKIP
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from penjing.compression.fixed_point import common_fixed_point, fixed_point
from penjing.compression.integer_graph import Codes, FloatNode, IntegerGraph, IntegerNode, Weight
from penjing.compression.placement import fusible, nodes_of
from penjing.compression.quantizers import NARROW, SMALLEST_SCALE, largest_bias
from penjing.loading.build import layer_shapes
from penjing.model.model import Model, Quantizer
from penjing.model.operators.integer_kernels import EXPONENTIAL_BITS, IntegerKernel
from penjing.model.operators.integer_reference import FloatArray, IntArray, Shape, along
from penjing.model.operators.integer_steps import Prepare, Told
from penjing.model.operators.table import operators
from penjing.model.spec import NodeSpec, spec_of

LARGEST_ACCUMULATOR = (1 << 31) - 1
LARGEST_WIDE_ACCUMULATOR = (1 << 44) - 1
"""Of int64 sums, so that 18 bits are left for the multiplier."""
CHANNEL_BITS = 28
WIDE_CHANNEL_BITS = 40
"""A single weight a channel and the codes it meets have this many bits together, so that a sum holds the product."""


def lower(model: Model) -> IntegerGraph:
    """The network as integer nodes where it is quantized and float nodes where it is not.

    A layer is an integer node when its inputs and its result have quantizers, its weight has one, the operator has an
    integer kernel, and no sum can leave int32 (where 16-bit codes meet: 2^44, in int64). Everything else stays float
    between decoded and encoded tensors.
    """
    spec, shapes = spec_of(model), layer_shapes(model)
    codes = {name: _codes(quantizer) for name, quantizer in model.activation_quantizers.items()}
    fused = fusible(model, nodes_of(model))
    followers = {before: layer for layer, before in fused.items()}
    by_name = {node.name: node for node in spec.nodes}
    nodes: list[IntegerNode | FloatNode] = []
    done: set[str] = set()
    for node in spec.nodes:
        if node.name in done:
            continue
        chain = [node]
        while chain[-1].name not in codes and chain[-1].name in followers:
            chain.append(by_name[followers[chain[-1].name]])
        made = _integer_node(chain, model, codes, shapes)
        nodes.append(_float_node(node, codes) if made is None else made)
        done.update(nodes[-1].layers)
    return IntegerGraph(inputs=model.inputs, outputs=spec.outputs, nodes=tuple(nodes), codes=codes)


def _codes(quantizer: Quantizer) -> Codes:
    return Codes(
        scale=np.float32(quantizer.scale.item()), zero_point=int(quantizer.zero_point.item()), bits=quantizer.bits
    )


def _float_node(node: NodeSpec, codes: Mapping[str, Codes]) -> FloatNode:
    return FloatNode(
        name=node.name,
        kind=node.kind,
        inputs=node.inputs,
        attributes=node.attributes,
        tensors={name: tensor.numpy() for name, tensor in node.tensors.items()},
        output=codes.get(node.name),
    )


def _integer_node(
    chain: Sequence[NodeSpec], model: Model, codes: Mapping[str, Codes], shapes: Mapping[str, Shape]
) -> IntegerNode | None:
    """The node of a layer and the clamps after it, or None where it has to be float."""
    node, name = chain[0], chain[-1].name
    kernel, output = operators()[node.kind].integer, codes.get(name)
    if kernel is None or not kernel.supports(node.attributes) or output is None:
        return None
    if any(feed not in codes for feed in node.inputs):
        return None
    inputs = [codes[feed] for feed in node.inputs]
    low, high = _bounds(chain, output)
    result = IntegerNode(
        name=name,
        layers=tuple(part.name for part in chain),
        kind=node.kind,
        inputs=node.inputs,
        output=output,
        low=low,
        high=high,
        attributes=node.attributes,
    )
    if kernel.prepare is not None:
        return _with_steps(result, node, kernel.prepare, inputs[0], model, shapes[node.inputs[0]])
    if kernel.weights is not None:
        same = math.prod(shapes[node.inputs[0]]) == math.prod(shapes[node.name])
        if kernel.lossless and not same:
            return None  # one value meets several weights
        return _with_weights(result, node, kernel, inputs[0], model, shapes[node.name])
    if kernel.table == "rows":
        return _with_rows(result, node.tensors["weight"], inputs[0])
    if kernel.table is not None:
        return _with_table(result, kernel, inputs[0])
    if kernel.joins == "sum":
        return _with_sum(result, inputs)
    return _with_product(result, kernel, inputs, shapes[node.inputs[0]])


def _bounds(chain: Sequence[NodeSpec], output: Codes) -> tuple[int, int]:
    low, high = output.low, output.high
    for node in chain:
        kernel = operators()[node.kind].integer
        if kernel is not None and kernel.clamp is not None:
            least, most = (float(np.rint(np.float32(edge) / output.scale)) for edge in kernel.clamp(node.attributes))
            low, high = max(low, int(max(least, low))), min(high, int(min(most, high)))
    return low, high


def _with_weights(
    result: IntegerNode, node: NodeSpec, kernel: IntegerKernel, source: Codes, model: Model, shape: Shape
) -> IntegerNode | None:
    assert kernel.weights is not None
    found = kernel.weights(node.attributes, node.tensors, shape)
    if found is None:
        return None
    real, real_bias = found
    quantizer = model.weight_quantizers.get(node.name)
    if kernel.lossless:
        quantizer = _channel_quantizer(real, real_bias, source)
    if quantizer is None or quantizer.float16:
        return None
    weight = _weight(quantizer, real)
    unit = np.broadcast_to(source.scale * weight.scale, (len(real),))  # float32, as onnxruntime has it
    narrow = source.bits <= NARROW and (kernel.lossless or weight.bits <= NARROW)
    largest = LARGEST_ACCUMULATOR if narrow else LARGEST_WIDE_ACCUMULATOR
    bias = None
    if real_bias is not None:
        codes = np.rint(real_bias.numpy().astype(np.float64) / unit)
        bias = np.clip(codes, -largest, largest).astype(np.int64)
    bound = _bound(weight.centred, bias, source)
    if bound > largest:
        return None
    factors = (unit / result.output.scale).astype(np.float64).reshape(_along(kernel, len(unit), shape))
    multiplier, shift = fixed_point(factors, bound=bound)
    return dataclasses.replace(result, weight=weight, bias=bias, multiplier=multiplier, shift=shift, bound=bound)


def _weight(quantizer: Quantizer, real: Tensor) -> Weight:
    return Weight(
        codes=quantizer.encode(real).numpy(),
        scale=quantizer.scale.numpy(),
        zero_point=quantizer.zero_point.numpy(),
        bits=quantizer.bits,
    )


def _along(kernel: IntegerKernel, count: int, shape: Shape) -> Shape:
    """The shape in which numbers of the channels meet a result [1, …]."""
    return (-1,) if kernel.channel_axis == -1 else along(count, shape)


def _with_steps(
    result: IntegerNode, node: NodeSpec, prepare: Prepare, source: Codes, model: Model, shape: Shape
) -> IntegerNode | None:
    """A kernel that computes in several steps, each in whole numbers."""
    quantizer, weight = model.weight_quantizers.get(node.name), None
    if operators()[node.kind].weight_kind(model.layer(node.name)) in {"dense", "depthwise", "grouped"}:
        if quantizer is None or quantizer.float16:
            return None
        weight = _weight(quantizer, node.tensors["weight"])
    made = prepare(
        Told(
            attributes=node.attributes,
            tensors=node.tensors,
            shape=shape,
            scale=float(source.scale),
            reach=max(source.high, -source.low),
            weight=None if weight is None else weight.centred,
            weight_scale=None if weight is None else weight.scale.astype(np.float64),
        )
    )
    if made is None or source.bits > NARROW or (weight is not None and weight.bits > NARROW):
        return None
    factor = np.asarray(made.scale / np.float64(result.output.scale))
    multiplier, shift = fixed_point(factor, bound=made.bound)
    attributes = {**result.attributes, **made.attributes}
    return dataclasses.replace(
        result, weight=weight, multiplier=multiplier, shift=shift, bound=made.bound, attributes=attributes
    )


def _channel_quantizer(weight: Tensor, bias: Tensor | None, source: Codes) -> Quantizer:
    """A scale of its own for each channel's weight, or two: precise, and coarse enough for the bias to fit."""
    bits = (CHANNEL_BITS if source.bits <= NARROW else WIDE_CHANNEL_BITS) - source.bits
    scale = weight.abs().reshape(len(weight), -1).amax(dim=1) / ((1 << (bits - 1)) - 1)
    if bias is not None:
        scale = torch.maximum(scale, bias.abs() / (float(source.scale) * largest_bias(source.bits)))
    scale = torch.where(scale > SMALLEST_SCALE, scale, torch.ones_like(scale))  # weight and bias are 0
    return Quantizer(bits=bits, scale=scale, zero_point=torch.zeros_like(scale, dtype=torch.int32), axis=0)


def _bound(weight: IntArray, bias: IntArray | None, source: Codes) -> int:
    """The largest size of any partial sum, in whatever order the products and the bias are added."""
    rows = weight.reshape(len(weight), -1)
    offsets = np.zeros(len(weight), np.int64) if bias is None else bias
    up, down = np.maximum(rows, 0).sum(axis=1), np.minimum(rows, 0).sum(axis=1)
    highest = up * source.high + down * source.low + np.maximum(offsets, 0)
    lowest = up * source.low + down * source.high + np.minimum(offsets, 0)
    return int(max(highest.max(), -lowest.min()))


def _with_table(result: IntegerNode, kernel: IntegerKernel, source: Codes) -> IntegerNode | None:
    centred = np.arange(source.low, source.high + 1)
    if kernel.table == "exponential":
        if (result.output.bits, result.output.scale, result.output.low) != (8, np.float32(1 / 256), 0):
            return None
        distances = np.arange(source.high - source.low + 1, dtype=np.float64)
        table = np.rint(np.exp(-np.float64(source.scale) * distances) * 2.0**EXPONENTIAL_BITS).astype(np.int64)
        return dataclasses.replace(result, table=table)
    module = operators()[result.kind].build(result.attributes, {})
    with torch.no_grad():
        values = module(torch.from_numpy(source.decode(centred))).numpy()
    attributes = {**result.attributes, "table_start": source.low}
    # What is no number, as the root of a code below 0, stands for nothing that calibration has seen.
    table = result.output.encode(np.where(np.isnan(values), np.float32(0), values))
    return dataclasses.replace(result, table=table, attributes=attributes)


def _with_rows(result: IntegerNode, rows: Tensor, source: Codes) -> IntegerNode | None:
    """Rows of codes, where the input's codes are the numbers of rows."""
    if source.scale != 1 or source.low != 0:
        return None
    return dataclasses.replace(result, table=result.output.encode(rows.numpy()))


def _with_sum(result: IntegerNode, inputs: Sequence[Codes]) -> IntegerNode:
    factors = np.array([np.float64(source.scale) / np.float64(result.output.scale) for source in inputs])
    multipliers, shift = common_fixed_point(factors)
    largest = sum(max(source.high, -source.low) * m for source, m in zip(inputs, multipliers, strict=True))
    return dataclasses.replace(
        result,
        input_multipliers=multipliers,
        multiplier=np.array(1, np.int64),
        shift=np.array(shift, np.int64),
        bound=largest,
    )


def _with_product(
    result: IntegerNode, kernel: IntegerKernel, inputs: Sequence[Codes], shape: Shape
) -> IntegerNode | None:
    if kernel.scale == "same" and inputs[0] == result.output:
        return result
    factor = 1 / np.float64(result.output.scale)
    bound = 1
    for source in inputs:
        factor *= np.float64(source.scale)
        bound *= max(source.high, -source.low)
    bound *= 1 if kernel.terms is None else kernel.terms(result.attributes, shape)
    factors: FloatArray = np.asarray(factor)
    if kernel.divisor is not None:
        divisor = kernel.divisor(result.attributes, shape)
        factors = factor / divisor
        bound *= int(divisor.max())
    if bound > (LARGEST_ACCUMULATOR if max(source.bits for source in inputs) <= NARROW else LARGEST_WIDE_ACCUMULATOR):
        return None
    multiplier, shift = fixed_point(factors, bound=bound)
    return dataclasses.replace(result, multiplier=multiplier, shift=shift, bound=bound)
