"""The inputs of an ONNX network: their types, and their extents, which examples fill where a file leaves them open."""

from collections.abc import Sequence

import onnx

from penjing.errors import UserError
from penjing.loading import limits
from penjing.loading.assembly import Assembly
from penjing.loading.example_shapes import filled
from penjing.loading.onnx_floats import FLOATS
from penjing.loading.onnx_stored import Stored
from penjing.model.operators.reading import Activation


class Inputs:
    """Of one file; `example_shapes` are by input, without the batch."""

    def __init__(self, assembly: Assembly, stored: Stored, example_shapes: Sequence[Sequence[int]] | None) -> None:
        self._assembly, self._stored, self._example_shapes = assembly, stored, example_shapes
        self.types: dict[str, int] = {}
        """By name the ONNX type of what is whole numbers in the file."""
        self.any_batch = False
        """Whether the file leaves open how many examples come at once."""

    def read(self, entry: onnx.ValueInfoProto, place: int) -> Activation:
        """The input in module form; `place` is its number among all of them.

        Raises:
            UserError: `load.input_type`, `load.symbolic_shape`, `load.input_shape`, `load.too_big`.
        """
        if entry.type.WhichOneof("value") != "tensor_type":
            raise UserError("load.input_type", input=entry.name)
        kind = entry.type.tensor_type.elem_type
        if kind not in _NUMBERS:
            raise UserError("load.input_type", input=entry.name)
        if kind != onnx.TensorProto.FLOAT:
            self._stored.tell_dtype(onnx.TensorProto.DataType.Name(kind).lower())
            if kind not in FLOATS:
                self.types[entry.name] = kind
        dims = entry.type.tensor_type.shape.dim
        limits.check(len(dims), limits.MAX_AXES, what="axes", where=entry.name)
        shape = [dim.dim_value if dim.WhichOneof("value") == "dim_value" else -1 for dim in dims]
        shape = filled(shape, self._example_shapes, place)
        if shape and shape[0] < 1:
            self.any_batch, shape[0] = True, 1
        if not shape or min(shape) < 1:
            open_ = [dim.dim_param or "?" if extent < 1 else extent for dim, extent in zip(dims, shape, strict=False)]
            raise UserError("load.symbolic_shape", input=entry.name, shape=open_)
        return self._assembly.input(entry.name, shape)


_NUMBERS = (
    onnx.TensorProto.FLOAT,
    onnx.TensorProto.FLOAT16,
    onnx.TensorProto.BFLOAT16,
    onnx.TensorProto.DOUBLE,
    onnx.TensorProto.UINT8,
    onnx.TensorProto.INT8,
    onnx.TensorProto.INT32,
    onnx.TensorProto.INT64,
)
