"""ONNX with integers (QDQ): QuantizeLinear and DequantizeLinear exactly where the lowered network has codes.

A layer's value is the dequantized tensor with the layer's name: `conv1/real` is what its operator makes, `conv1/q`
its codes. A quantized weight is stored as packed codes and a scale per channel, a bias as int32 in S_in · S_w. Between
16-bit codes runtimes compute in float: there S_in · S_w may be too fine for int32 and the bias takes a coarser unit. A
network without quantized activations becomes a float network whose weights alone are stored as codes.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import onnx
from numpy.typing import NDArray
from torch import Tensor

from penjing.compression.integer_graph import IntegerNode
from penjing.compression.lowering import lower
from penjing.compression.quantizers import NARROW
from penjing.errors import UserError
from penjing.exporting.export import Request, register
from penjing.exporting.onnx_network import OLDEST_OPSET, USUAL_OPSET, model_proto, write_layers
from penjing.loading.build import layer_shapes
from penjing.model.model import Model, Quantizer
from penjing.model.operators.onnx_writer import OnnxGraph, OnnxNode, StoreTensor
from penjing.model.operators.table import operators
from penjing.model.spec import NodeSpec, spec_of

FLOAT = int(onnx.TensorProto.FLOAT)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Storage:
    """A width in which codes can be stored, and since which opset."""

    bits: int
    dtype: Any
    opset: int


STORAGES = (
    Storage(bits=2, dtype=np.dtype(ml_dtypes.int2), opset=25),
    Storage(bits=4, dtype=np.dtype(ml_dtypes.int4), opset=21),
    Storage(bits=8, dtype=np.dtype(np.int8), opset=13),
    Storage(bits=16, dtype=np.dtype(np.int16), opset=21),
)
"""Ascending; codes go into the first that holds them and that the device's runtime reads."""
BIAS_BITS = 31
"""Of a bias without its sign."""
TYPED_OPSET = 21
"""Since when a QuantizeLinear says the type of its codes."""
NEWEST_OPSET = max(storage.opset for storage in STORAGES)


@register("onnx-int8")
def write_onnx_int8(request: Request) -> tuple[Path, ...]:
    """NAME_int8.onnx."""
    path = request.path("_int8.onnx")
    newest = None if request.device is None else request.device.opset
    path.write_bytes(qdq_proto(request.model, newest_opset=newest).SerializeToString())
    return (path,)


def qdq_proto(model: Model, *, newest_opset: int | None = None) -> onnx.ModelProto:
    """The quantized network as an ONNX file, in the oldest opset that stores its codes.

    Raises:
        UserError: `export.opset_too_old` where the device's runtime cannot store a layer's codes at all, those of its
            weight or of its result.
    """
    newest = NEWEST_OPSET if newest_opset is None else max(OLDEST_OPSET, newest_opset)
    return _Writer(model, newest).proto()


def storage_for(bits: int, *, newest_opset: int, weights_alone: bool) -> Storage | None:
    """Where codes of so many bits are stored in files that are no newer than this.

    onnxruntime (1.32) refuses 2-bit weights between quantized activations, so they take 4 bits there.
    """
    usable = (entry for entry in STORAGES if entry.opset <= newest_opset and (weights_alone or entry.bits > 2))
    return next((entry for entry in usable if entry.bits >= bits), None)


class _Writer:
    """Writes one network."""

    def __init__(self, model: Model, newest: int) -> None:
        self._model, self._newest = model, newest
        self._lowered = lower(model)
        self._inputs = {entry.name for entry in model.inputs}
        self._graph = OnnxGraph()
        self._opset = min(newest, USUAL_OPSET)

    def proto(self) -> onnx.ModelProto:
        """The whole file."""
        spec = spec_of(self._model)
        for entry in spec.inputs:
            if entry.name in self._lowered.codes:
                self._through_codes(entry.name, entry.name, self._value(entry.name))
        write_layers(
            spec,
            layer_shapes(self._model),
            self._graph,
            opset=self._opset,  # storing codes may raise it, but never across a version at which a row writes otherwise
            store=self._store,
            after=self._after,
            value=self._value,
            made=self._made,
        )
        if self._opset >= TYPED_OPSET:
            self._graph.nodes[:] = _with_orders_that_stay(self._graph.nodes)
        return model_proto(spec, self._graph, opset=self._opset)

    def _value(self, name: str) -> str:
        """What readers read; a network input keeps its name for what comes in, before its codes."""
        return f"{name}/value" if name in self._inputs and name in self._lowered.codes else name

    def _made(self, name: str) -> str:
        return f"{name}/real" if name in self._lowered.codes else name

    def _after(self, node: NodeSpec) -> None:
        if node.name in self._lowered.codes:
            self._through_codes(node.name, self._made(node.name), node.name)

    def _through_codes(self, name: str, real: str, value: str) -> None:
        """QuantizeLinear and DequantizeLinear of an activation, with a clamp between where it has fewer than 8 bits."""
        codes = self._lowered.codes[name]
        storage = self._storage(name, max(codes.bits, NARROW), weights_alone=False)
        scale = self._graph.constant(f"{name}/scale", np.asarray(codes.scale, np.float32))
        zero_point = self._graph.constant(f"{name}/zero", np.asarray(codes.zero_point, storage.dtype))
        quantized = self._node("QuantizeLinear", f"{name}/q", real, scale, zero_point)
        if codes.bits < NARROW:
            lowest, highest = codes.low + codes.zero_point, codes.high + codes.zero_point
            bounds = (
                self._graph.constant(f"{name}/least", np.asarray(lowest, np.int8)),
                self._graph.constant(f"{name}/most", np.asarray(highest, np.int8)),
            )
            quantized = self._node("Clip", f"{name}/clipped", quantized, *bounds)
        self._node("DequantizeLinear", value, quantized, scale, zero_point)

    def _store(self, node: NodeSpec) -> StoreTensor:
        lowered = self._lowered.by_layer[node.name]
        integer = lowered if isinstance(lowered, IntegerNode) and lowered.layers[0] == node.name else None

        def stored(key: str, transposed: bool) -> str | None:
            tensor = node.tensors.get(key)
            if tensor is None:
                return None
            name, values = f"{node.name}.{key}", tensor.numpy().astype(np.float32)
            quantizer = self._model.weight_quantizers.get(node.name) if key == "weight" else None
            if quantizer is not None:
                return self._weight(name, tensor, quantizer, transposed, narrow=self._is_narrow(node.inputs[0]))
            weight, codes = (None, None) if integer is None or _is_lossless(node) else (integer.weight, integer.bias)
            if key == "bias" and weight is not None and codes is not None:
                source = self._lowered.codes[node.inputs[0]]
                return self._bias(name, codes, np.float32(source.scale) * weight.scale)
            return self._graph.constant(name, values.T if transposed else values)

        return stored

    def _is_narrow(self, tensor: str) -> bool:
        """Whether runtimes read it as integers: between wider codes, as between none, they compute in float."""
        return tensor in self._lowered.codes and self._lowered.codes[tensor].bits <= NARROW

    def _weight(self, name: str, weight: Tensor, quantizer: Quantizer, transposed: bool, *, narrow: bool) -> str:
        if quantizer.float16:
            half = weight.numpy().astype(np.float16)
            return self._node(
                "Cast", name, self._graph.constant(f"{name}/half", half.T if transposed else half), to=FLOAT
            )
        storage = self._storage(name, quantizer.bits, weights_alone=not self._lowered.codes)
        codes = quantizer.encode(weight).numpy()
        turned = transposed and narrow
        parts = [
            self._graph.constant(f"{name}/q", (codes.T if turned else codes).astype(storage.dtype)),
            self._graph.constant(f"{name}/scale", quantizer.scale.numpy().astype(np.float32)),
        ]
        if self._lowered.codes or bool((quantizer.zero_point != 0).any()):
            # Between integers even zero points of 0 are written: without them onnxruntime computes in float.
            parts.append(self._graph.constant(f"{name}/zero", quantizer.zero_point.numpy().astype(storage.dtype)))
        axis = 0 if quantizer.axis is None else quantizer.axis % weight.dim()
        if transposed and not narrow:
            # A DequantizeLinear right before a MatMul makes onnxruntime quantize the activations behind our back.
            return self._node(
                "Transpose", f"{name}/transposed", self._node("DequantizeLinear", name, *parts, axis=axis)
            )
        return self._node("DequantizeLinear", name, *parts, axis=weight.dim() - 1 - axis if transposed else axis)

    def _storage(self, name: str, bits: int, *, weights_alone: bool) -> Storage:
        storage = storage_for(bits, newest_opset=self._newest, weights_alone=weights_alone)
        if storage is None:
            raise UserError("export.opset_too_old", layer=name, bits=bits, opset=self._newest)
        self._opset = max(self._opset, storage.opset)
        return storage

    def _bias(self, name: str, codes: NDArray[np.int64], scale: NDArray[np.float32]) -> str:
        # Never a plain float bias: onnxruntime would bring it to S_in · S_w itself, and wrap what int32 does not hold.
        coarser = max(0, int(np.abs(codes).max(initial=0)).bit_length() - BIAS_BITS)
        parts = (
            self._graph.constant(f"{name}/q", np.rint(np.ldexp(codes, -coarser)).astype(np.int32)),
            self._graph.constant(f"{name}/scale", np.ldexp(np.asarray(scale, np.float32), coarser)),
        )
        return self._node("DequantizeLinear", name, *parts, axis=0)

    def _node(self, op_type: str, output: str, *inputs: str, **attributes: int) -> str:
        self._graph.nodes.append(
            OnnxNode(op_type=op_type, name=f"{output}/{op_type}", inputs=inputs, output=output, attributes=attributes)
        )
        return output


def _with_orders_that_stay(nodes: Sequence[OnnxNode]) -> list[OnnxNode]:
    """The nodes, every Transpose between a DequantizeLinear and something computed in float said as an Einsum.

    onnxruntime (1.32) takes such a DequantizeLinear behind the Transpose, and from opset 21 on gives what it puts there
    a zero point of another type than its codes: it then refuses the file.
    """
    real = {node.output for node in nodes if node.op_type == "DequantizeLinear"}
    rounded = {name for node in nodes if node.op_type == "QuantizeLinear" for name in node.inputs[:1]}
    result = []
    for node in nodes:
        order = node.attributes.get("perm")
        waits = node.op_type == "Transpose" and node.inputs[0] in real and node.output not in rounded
        if waits and isinstance(order, tuple | list):
            node = dataclasses.replace(node, op_type="Einsum", attributes={"equation": _equation(order)})
        result.append(node)
    return result


def _equation(order: Sequence[int]) -> str:
    """`[1, 0, 2]` → `abc->bac`."""
    letters = "abcdefgh"[: len(order)]
    return f"{letters}->{''.join(letters[axis] for axis in order)}"


def _is_lossless(node: NodeSpec) -> bool:
    """Whether its weights need no codes in a file: they are exact in any storage (batch norm)."""
    kernel = operators()[node.kind].integer
    return kernel is not None and kernel.lossless
