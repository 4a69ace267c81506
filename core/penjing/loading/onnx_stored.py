"""What an ONNX file says by itself, before any input: stored tensors, constants, what has one value, extents."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from penjing.errors import UserError
from penjing.loading import limits
from penjing.loading.assembly import Assembly
from penjing.loading.onnx_tensors import array_of, attribute_of, bits_of
from penjing.loading.reasons import reason
from penjing.model.operators.reading import Activation, Codes, Constant, Value

FILLED = "ConstantFill"
"""Before opset 9, an experimental operator that exporters wrote for tensors of one value."""

_SIMPLE = ("value_int", "value_ints", "value_float", "value_floats")


class Stored:
    """Of one file: together within its budget of values; floats of another width are told of and become float32."""

    def __init__(self, folder: Path, assembly: Assembly) -> None:
        self._folder, self._assembly = folder, assembly
        self._budget = limits.Budget(assembly.where)

    def spend(self, values: int) -> None:
        """Counts values made of stored ones; raises `load.too_big` where they are too many."""
        self._budget.spend(values)

    def tensor(self, tensor: onnx.TensorProto, name: str) -> Constant:
        """A stored tensor; whole numbers of fewer than 8 bits as bytes that remember them.

        Raises:
            UserError: `load.too_big` and what `array_of` raises.
        """
        array = array_of(tensor, self._folder)
        self.spend(array.size)
        bits = bits_of(array)
        if bits is not None:
            array = array.astype(np.uint8 if array.dtype.name.startswith("u") else np.int8)
        elif array.dtype.kind not in "iub" and array.dtype != np.float32:
            self.tell_dtype(array.dtype.name)
            array = array.astype(np.float32)
        return Constant(array, name, bits=bits)

    def constant(self, node: onnx.NodeProto) -> Constant:
        """What a `Constant` node holds.

        Raises:
            UserError: `load.bad_node` where it holds no numbers; what `tensor` raises.
        """
        if len(node.attribute) != 1:
            raise _bad(node, "it needs one value")
        entry, name = node.attribute[0], node.output[0]
        if entry.name == "value":
            return self.tensor(entry.t, name)
        value = attribute_of(entry, self._folder)
        if entry.name not in _SIMPLE:
            raise _bad(node, f"{entry.name} is no number")
        try:
            return Constant(np.array(value, np.int64 if "int" in entry.name else np.float32), name)
        except (ValueError, TypeError, OverflowError) as error:
            raise _bad(node, reason(error)) from error

    def filled(self, node: onnx.NodeProto, extents: Constant) -> Constant:
        """A tensor of one value, of extents that are known.

        Raises:
            UserError: `load.too_big`, `load.bad_shape`, `load.bad_node`.
        """
        said = {entry.name: attribute_of(entry, self._folder) for entry in node.attribute}
        try:
            value = np.float32(said.get("value", 0.0))
            shape = limits.check_shape(extents.array.reshape(-1).tolist(), where=node.name or node.op_type)
            array = np.full(shape, value, np.float32)
        except (ValueError, TypeError, OverflowError) as error:
            raise _bad(node, reason(error)) from error
        self.spend(array.size)
        return Constant(array)

    def tell_dtype(self, dtype: str) -> None:
        """Says once that numbers of this type become float32."""
        self._assembly.warn("load.dtype_changed", dtype=dtype)


def extents(node: onnx.NodeProto, value: Value) -> NDArray[Any]:
    """What `Shape` or `Size` gives of a value."""
    value = value.real if isinstance(value, Codes) else value
    shape = value.shape if isinstance(value, Activation) else value.array.shape
    if node.op_type == "Size":
        return np.array(np.prod(shape, dtype=np.int64))
    ends = {entry.name: entry.i for entry in node.attribute}
    return np.array(shape[ends.get("start", 0) : ends.get("end", len(shape))], np.int64)


def _bad(node: onnx.NodeProto, detail: str) -> UserError:
    return UserError("load.bad_node", layer=node.name, operator=node.op_type, detail=detail)
