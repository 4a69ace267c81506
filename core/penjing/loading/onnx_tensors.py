"""Arrays and attributes out of an ONNX file, with limits, and never from outside the model's folder."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from penjing.errors import UserError
from penjing.loading import limits
from penjing.loading.reasons import reason

Array = NDArray[Any]


def array_of(tensor: onnx.TensorProto, folder: Path) -> Array:
    """The values of a stored tensor; floating-point values of any width as float32.

    Raises:
        UserError: `load.too_big`, `load.bad_shape`, `load.external_data`, `load.bad_tensor`.
    """
    name = tensor.name or "a tensor"
    shape = limits.check_shape(tensor.dims, where=name)
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        tensor = _with_external_data(tensor, folder)
    try:
        array: Array = np.asarray(numpy_helper.to_array(tensor))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RuntimeError) as error:
        raise UserError("load.bad_tensor", tensor=name, detail=reason(error)) from error
    known = array.dtype.kind in "fiub" or array.dtype.name == "bfloat16" or array.dtype.name.startswith("float8")
    if array.shape != shape or not (known or bits_of(array) is not None):
        raise UserError("load.bad_tensor", tensor=name, detail=f"type {array.dtype}, shape {list(array.shape)}")
    return array


def bits_of(array: Array) -> int | None:
    """How many bits each number has, where the array holds whole numbers of fewer than 8; else None."""
    return {"int4": 4, "uint4": 4, "int2": 2, "uint2": 2}.get(array.dtype.name)


def attribute_of(attribute: onnx.AttributeProto, folder: Path) -> Any:
    """The value of an attribute as plain data; a tensor as an array.

    Raises:
        UserError: `load.bad_tensor` and others of `array_of`; `load.subgraph` for a graph inside a node.
    """
    kinds = onnx.AttributeProto
    match attribute.type:
        case kinds.FLOAT:
            return attribute.f
        case kinds.INT:
            return attribute.i
        case kinds.STRING:
            return attribute.s.decode("utf-8", "replace")
        case kinds.FLOATS:
            return tuple(attribute.floats)
        case kinds.INTS:
            return tuple(attribute.ints)
        case kinds.STRINGS:
            return tuple(text.decode("utf-8", "replace") for text in attribute.strings)
        case kinds.TENSOR:
            return array_of(attribute.t, folder)
        case _:
            raise UserError("load.subgraph", attribute=attribute.name)


def _with_external_data(tensor: onnx.TensorProto, folder: Path) -> onnx.TensorProto:
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location", "")
    refused = UserError("load.external_data", tensor=tensor.name, location=location)
    parts = location.replace("\\", "/").split("/")
    if not location or "\0" in location or location[0] in "/\\" or ".." in parts or ":" in location:
        raise refused
    root, path = folder.resolve(), folder / location
    # A link may not lead out either: what is opened is the file that the checked path really is.
    if any(part.is_symlink() for part in (path, *list(path.parents)[: len(parts) - 1])) or not path.is_file():
        raise refused
    real = path.resolve()
    if not real.is_relative_to(root):
        raise refused
    wanted = math.prod(tensor.dims) * _ITEM_BYTES.get(tensor.data_type, 4)
    try:
        offset, length = int(entries.get("offset", "0")), int(entries.get("length", str(wanted)))
    except ValueError as error:
        raise refused from error
    if offset < 0 or not 0 <= length <= wanted + 1 or offset + length > real.stat().st_size:
        raise refused
    with real.open("rb") as file:
        file.seek(offset)
        content = file.read(length)
    inline = onnx.TensorProto()
    inline.name, inline.data_type, inline.raw_data = tensor.name, tensor.data_type, content
    inline.dims.extend(tensor.dims)
    return inline


_ITEM_BYTES: dict[int, int] = {onnx.TensorProto.DOUBLE: 8, onnx.TensorProto.INT64: 8, onnx.TensorProto.UINT64: 8}
"""Bytes a value where they are more than 4."""
