"""The networks of the zoo as files, by everything that writes such files: exporters, opsets, types, ways to store."""

import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper, version_converter
from torch import Tensor, nn

from tests.support.zoo import example, made
from tests.support.zoo_net import Net

LOWEST, USUAL = 7, 17


class NotWrittenError(Exception):
    """An exporter refuses a network; its own words."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """How a network of the zoo, by name, becomes a file in a folder, and how near a runtime that runs it must be."""

    write: Callable[[str, Path], Path]
    within: float = 1e-4
    """Relative to the largest answer."""
    dtype: torch.dtype = torch.float32
    """Of the numbers that the file takes."""
    open_extents: bool = False
    """The file tells no extents: whoever opens it gives those of an example."""


def exported(
    name: str,
    folder: Path,
    *,
    opset: int = USUAL,
    dtype: torch.dtype = torch.float32,
    open_axes: int | None = 1,
) -> Path:
    """The network as ONNX of torch's older exporter; so many axes are left open, the batch first (None: all)."""
    network, values = made(name).to(dtype), inputs(name, dtype=dtype)
    with torch.no_grad():
        answers = network(*values)
    given = [f"x{place}" for place in range(len(values))]
    returned = [f"y{place}" for place in range(len(answers) if isinstance(answers, tuple) else 1)]
    shapes = [one.shape for one in (*values, *(answers if isinstance(answers, tuple) else (answers,)))]
    axes = {
        entry: {axis: f"{entry}_{axis}" if axis else "n" for axis in range(len(shape))[:open_axes]}
        for entry, shape in zip((*given, *returned), shapes, strict=True)
    }
    path = folder / "network.onnx"
    _export(
        network,
        values,
        path,
        dynamo=False,
        opset_version=opset,
        input_names=given,
        output_names=returned,
        dynamic_axes=axes,
    )
    return path


def inputs(name: str, count: int = 1, *, dtype: torch.dtype = torch.float32, seed: int = 0) -> tuple[Tensor, ...]:
    """Examples as a file takes them: numbers of `dtype`, words as they are."""
    return tuple(one.to(dtype) if one.is_floating_point() else one for one in example(name, count, seed=seed))


def lowest(name: str, folder: Path) -> Path:
    """By the older exporter, with the lowest opset from 7 on that it has for the network."""
    reason: NotWrittenError | None = None
    for opset in range(LOWEST, USUAL):
        try:
            return exported(name, folder, opset=opset)
        except NotWrittenError as error:
            reason = reason or error
    raise reason or NotWrittenError(name)


def newest(name: str, folder: Path) -> Path:
    """Converted to the newest opset that the installed `onnx` knows."""
    path = exported(name, folder)
    try:
        proto = version_converter.convert_version(onnx.load(path), onnx.defs.onnx_opset_version())
    except RuntimeError as error:
        raise NotWrittenError(_words(error)) from None
    onnx.save(proto, path)
    return path


def by_newer_exporter(name: str, folder: Path, *, open_batch: bool = False) -> Path:
    """By the exporter that torch has beside the older one; with an open batch, or with that of the example."""
    path, network = folder / "network.onnx", made(name)
    values = example(name, 2 if open_batch else 1)
    names = [f"x{place}" for place in range(len(values))]
    shapes = _open_batches(network, len(values)) if open_batch else None
    _export(network, values, path, dynamo=True, input_names=names, dynamic_shapes=shapes)
    return path


def by_torch_export(name: str, folder: Path, *, open_batch: bool = False) -> Path:
    """A `.pt2` archive of torch.export."""
    path, network = folder / "network.pt2", made(name)
    values = example(name, 2 if open_batch else 1)
    shapes = _open_batches(network, len(values)) if open_batch else None
    with _quiet(), torch.no_grad():
        program = torch.export.export(network, values, dynamic_shapes=shapes)
        torch.export.save(program, path)
    return path


def with_constant_nodes(name: str, folder: Path) -> Path:
    """Every stored tensor is the result of a Constant node."""
    path = exported(name, folder)
    onnx.save(as_constants(onnx.load(path)), path)
    return path


def with_external_data(name: str, folder: Path) -> Path:
    """Every stored tensor lies in a file beside the network."""
    path = exported(name, folder)
    onnx.save(onnx.load(path), path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    return path


def in_float16(name: str, folder: Path) -> Path:
    """Exported in float32 and turned into float16, as converters do: not every network of torch computes in it."""
    path = exported(name, folder)
    onnx.save(as_type(onnx.load(path), np.float16), path)
    return path


def as_constants(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Every stored tensor as the result of a Constant node."""
    nodes = [helper.make_node("Constant", [], [one.name], value=one) for one in proto.graph.initializer]
    nodes += proto.graph.node
    del proto.graph.initializer[:], proto.graph.node[:]
    proto.graph.node.extend(nodes)
    return proto


def as_type(proto: onnx.ModelProto, dtype: type) -> onnx.ModelProto:
    """The whole network in another type of floats."""
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))

    def turned(tensor: onnx.TensorProto) -> onnx.TensorProto:
        array = numpy_helper.to_array(tensor)
        return numpy_helper.from_array(array.astype(dtype), tensor.name) if array.dtype == np.float32 else tensor

    stored = [turned(one) for one in proto.graph.initializer]
    del proto.graph.initializer[:], proto.graph.value_info[:]
    proto.graph.initializer.extend(stored)
    for entry in (*proto.graph.input, *proto.graph.output):
        if entry.type.tensor_type.elem_type == onnx.TensorProto.FLOAT:
            entry.type.tensor_type.elem_type = kind
    for node in proto.graph.node:
        for attribute in node.attribute:
            if attribute.name == "value":
                attribute.t.CopyFrom(turned(attribute.t))
            elif attribute.name == "to" and attribute.i == onnx.TensorProto.FLOAT:
                attribute.i = kind
    return proto


SOURCES: dict[str, Source] = {
    "opset 7 or lowest": Source(write=lowest),
    "opset 13": Source(write=lambda name, folder: exported(name, folder, opset=13)),
    "opset 17": Source(write=exported),
    "newest opset": Source(write=newest),
    "batch fixed": Source(write=lambda name, folder: exported(name, folder, open_axes=0)),
    "all axes open": Source(write=lambda name, folder: exported(name, folder, open_axes=None), open_extents=True),
    "newer exporter": Source(write=by_newer_exporter),
    "newer exporter, open batch": Source(write=lambda name, folder: by_newer_exporter(name, folder, open_batch=True)),
    "Constant nodes": Source(write=with_constant_nodes),
    "external data": Source(write=with_external_data),
    "float16": Source(write=in_float16, within=3e-2, dtype=torch.float16),
    "double": Source(
        write=lambda name, folder: exported(name, folder, dtype=torch.float64),
        dtype=torch.float64,
    ),
    ".pt2": Source(write=by_torch_export),
    ".pt2, open batch": Source(write=lambda name, folder: by_torch_export(name, folder, open_batch=True)),
}
"""By what people say of such a file."""


def _open_batches(network: nn.Module, count: int) -> tuple[Any, ...]:
    """Of the arguments of forward, which of a `Net` are all one: the batch is open where the network lets it be."""
    shapes = tuple({0: torch.export.Dim.AUTO} for _ in range(count))
    return (shapes,) if isinstance(network, Net) else shapes


def _export(network: nn.Module, values: tuple[Tensor, ...], path: Path, **settings: Any) -> None:
    fast = torch.backends.mha.get_fastpath_enabled()
    torch._C._jit_set_onnx_log_output_stream("stderr")  # whole graphs, where an operator is not known
    try:
        with _quiet(), torch.no_grad():
            torch.backends.mha.set_fastpath_enabled(False)  # one operator for a whole layer, which no exporter knows
            torch.onnx.export(network, values, path, verbose=False, **settings)
    except (RuntimeError, ValueError, torch.onnx.errors.OnnxExporterError) as error:
        raise NotWrittenError(_words(error)) from None
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def _quiet() -> AbstractContextManager[object]:
    """Exporters warn of what is in their own code."""
    return warnings.catch_warnings(action="ignore")


def _words(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
