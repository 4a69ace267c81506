"""QuantizeLinear and DequantizeLinear in ONNX files: weights that know their grid, layers that round their results."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from penjing.loading.assembly import Assembly
from penjing.model.model import Quantizer
from penjing.model.operators.reading import Activation, Codes, Constant, OnnxNode, Pending, Value

Array = NDArray[Any]

NODES = ("QuantizeLinear", "DequantizeLinear")
ON_CODES = frozenset(
    {"MaxPool", "Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "Slice", "Gather", "Identity", "Split"}
)
"""Operators that give the same whether they work on codes or on what these stand for."""

_BITS = {2: 2, 3: 8, 4: 16, 5: 16, 6: 32, 21: 4, 22: 4, 25: 2, 26: 2}
"""By ONNX's number of an integer type: uint8 is 2, int8 3, uint16 4, int16 5, int32 6, uint4 21, int4 22, …"""
_UNSIGNED = (2, 4, 21, 25)


class _Settled(Protocol):
    def __call__(self, value: Pending, *, alone: bool) -> Activation | None: ...


class Roundings:
    """What one file rounds.

    Args:
        assembly: Where the network grows.
        settled: The layer that makes a value which waits; None where it has none.
        opset: The file's version.
    """

    def __init__(self, assembly: Assembly, *, settled: _Settled, opset: int) -> None:
        self._assembly, self._settled, self._opset = assembly, settled, opset
        self._made: dict[tuple[str, int, float, int], Activation] = {}

    def read(
        self, node: onnx.NodeProto, inputs: Sequence[Value | None], attributes: Mapping[str, Any]
    ) -> Mapping[str, Value] | None:
        """The result of one of the two nodes; None where it rounds in a way that module form does not know."""
        parts = [*inputs, None, None][:3]
        value, scale, zero = parts
        if not isinstance(scale, Constant) or not (zero is None or isinstance(zero, Constant)):
            return None
        if attributes.get("block_size", 0) and scale.array.ndim > 1:
            return None
        result: Value | None
        if node.op_type == "DequantizeLinear":
            result = self._real(node, value, scale, zero, int(attributes.get("axis", 1)))
        else:
            result = self._codes(node, value, scale, zero, attributes)
        return None if result is None else {node.output[0]: result}

    def _codes(
        self,
        node: onnx.NodeProto,
        value: Value | None,
        scale: Constant,
        zero: Constant | None,
        attributes: Mapping[str, Any],
    ) -> Value | None:
        bits, unsigned = _type(zero, int(attributes.get("output_dtype", 0)))
        if bits is None:
            return None
        if isinstance(value, Constant):
            axis = int(attributes.get("axis", 1))
            grid = grid_of(bits, unsigned, scale.array, zero, axis)
            codes = grid.encode(torch.from_numpy(value.array.astype(np.float32))).numpy()
            offset = 1 << (bits - 1) if unsigned else 0
            wide = (codes + offset).astype(f"{'u' if unsigned else ''}int{max(bits, 8)}")
            return Constant(wide, value.origin, bits=bits)
        if isinstance(value, Pending):
            value = self._settled(value, alone=False) or self._settled(value, alone=True)
        if not isinstance(value, Activation) or scale.array.size != 1:
            return None
        return Codes(value, grid_of(bits, unsigned, scale.array.reshape(()), zero, 0), unsigned, node)

    def _real(
        self, node: onnx.NodeProto, value: Value | None, scale: Constant, zero: Constant | None, axis: int
    ) -> Value | None:
        if isinstance(value, Constant):
            return real_of(value, scale.array, zero, axis, node.output[0])
        if not isinstance(value, Codes) or scale.array.size != 1:
            return None
        offset = 0 if zero is None else int(zero.array.reshape(()))
        shift = 1 << (_width(zero) - 1) if value.unsigned else 0
        own = (float(value.grid.scale), int(value.grid.zero_point))
        if (float(np.float32(scale.array.reshape(()))), offset - shift) != own:
            return None
        return value.real if isinstance(value.real, Pending) else self.rounded(value, value.real, node)

    def rounded(self, codes: Codes, real: Activation, node: onnx.NodeProto) -> Activation:
        """What the codes of a layer's result stand for, put into the network once."""
        key = (real.name, codes.grid.bits, float(codes.grid.scale), int(codes.grid.zero_point))
        if key not in self._made:
            source = OnnxNode(op=node.op_type, name=node.name, opset=self._opset, inputs=(), attributes={})
            self._made[key] = self._assembly.rounded(real, codes.grid, source)
        return self._made[key]


def clipped(codes: Codes, bounds: Sequence[Value | None], node: onnx.NodeProto) -> Codes | None:
    """Codes that are clipped to those of fewer bits, on the same grid; None where the bounds are no power of two."""
    stored = [one.array.reshape(()) for one in bounds if isinstance(one, Constant) and one.array.size == 1]
    if len(stored) != 2:
        return None
    shift = 1 << (codes.grid.bits - 1) if codes.unsigned else 0
    least, most = (int(one) - shift for one in stored)
    bits = most.bit_length() + 1
    if least != -(1 << (bits - 1)) or most != (1 << (bits - 1)) - 1 or bits > codes.grid.bits:
        return None
    grid = dataclasses.replace(codes.grid, bits=bits)
    return Codes(codes.real, grid, codes.unsigned, node)


def with_grid(array: Array, inputs: Sequence[Value | None], origin: str, op: str) -> Constant:
    """What was computed from stored tensors; moving their values around keeps them on their grid."""
    first = inputs[0] if inputs else None
    moves = isinstance(first, Constant) and op in (*ON_CODES, "Cast")
    grid, bits = (first.grid, first.bits) if moves and isinstance(first, Constant) else (None, None)
    return Constant(array, origin, bits=bits if array.dtype.kind in "iu" else None, grid=grid)


def unmade(codes: Codes, values: Mapping[str, Value]) -> list[onnx.NodeProto]:
    """The nodes that make codes, first to last, for where something unknown reads them: they wait, too."""
    before = values.get(codes.node.input[0])
    return [*(unmade(before, values) if isinstance(before, Codes) else []), codes.node]


def real_of(value: Constant, scale: Array, zero: Constant | None, axis: int, name: str) -> Constant | None:
    """What stored codes stand for, with their grid; None where they are on none that module form has.

    `scale` is one number or one a slice along `axis`; `name` is what the real values are called in the file.
    """
    codes, scale = value.array.astype(np.int64), scale.astype(np.float32)
    if value.array.dtype.kind not in "iu" or scale.ndim > 1 or (zero is not None and zero.array.size != scale.size):
        return None
    if scale.size > 1 and not (-codes.ndim <= axis < codes.ndim and codes.shape[axis] == scale.size):
        return None
    offset = np.zeros((), np.int64) if zero is None else zero.array.astype(np.int64)
    along = [1] * codes.ndim
    if scale.ndim == 1 and scale.size > 1:
        along[axis] = -1
    else:
        scale, offset = scale.reshape(()), offset.reshape(())
    spread = [part.reshape(along) if part.ndim == 1 else part for part in (offset, scale)]
    real = ((codes - spread[0]).astype(np.float32) * spread[1]).astype(np.float32)
    bits = value.bits or 8 * value.array.dtype.itemsize
    origin = _owner(name) or _owner(value.origin) or value.origin
    if bits > 16:
        return Constant(real, origin)
    grid = grid_of(bits, value.array.dtype.kind == "u", scale, zero, axis)
    lowest = -(1 << (bits - 1)) + (1 << (bits - 1) if value.array.dtype.kind == "u" else 0)
    symmetric = not bool((grid.zero_point != 0).any()) and int(codes.min(initial=0)) > lowest
    return Constant(real, origin, grid=dataclasses.replace(grid, symmetric=symmetric))


def _owner(name: str) -> str:
    """The stored name without what quantizers add to it: `conv1.weight_quantized` → `conv1.weight`; "" for others."""
    for ending in ("_quantized", "_DequantizeLinear_Output", "_DequantizeLinear", "_dequantized", "/q"):
        name = name.removesuffix(ending)
    return name if name.rpartition(".")[2] in ("weight", "bias", "kernel") and "." in name else ""


def grid_of(bits: int, unsigned: bool, scale: Array, zero: Constant | None, axis: int) -> Quantizer:
    """A grid with signed codes, whatever the file's are."""
    shift = 1 << (bits - 1) if unsigned else 0
    scales = torch.from_numpy(np.array(scale, np.float32))
    scales = scales.reshape(()) if scales.numel() == 1 else scales.reshape(-1)
    zeros = torch.zeros(scales.shape, dtype=torch.int64)
    if zero is not None:
        zeros = torch.from_numpy(zero.array.astype(np.int64)).reshape(scales.shape)
    return Quantizer(
        bits=bits,
        scale=scales,
        zero_point=(zeros - shift).to(torch.int32),
        axis=axis if scales.dim() else None,
        symmetric=False,
    )


def _type(zero: Constant | None, output: int) -> tuple[int | None, bool]:
    """Bits and signedness of codes, by the zero point's type, else by the attribute, else uint8."""
    if zero is not None:
        kind = zero.array.dtype.kind
        return (_width(zero), kind == "u") if kind in "iu" else (None, False)
    bits = _BITS.get(output or 2)
    return (bits if bits is not None and bits <= 16 else None), (output or 2) in _UNSIGNED


def _width(zero: Constant | None) -> int:
    return 8 if zero is None else zero.bits or 8 * zero.array.dtype.itemsize
