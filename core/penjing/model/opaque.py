"""A part of a network that runs as its file has it: ONNX nodes that no row of the operator table knows."""

import base64
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from penjing.errors import UserError
from penjing.layer_graph import Verbatim

Array = NDArray[Any]

FEED, WEIGHT, RESULT = "x", "w", "y"
"""Inside `graph`, the inputs are x0, x1, …, the stored numbers w0, w1, … and the result is y."""


class Opaque(nn.Module):
    """Runs a piece of an ONNX graph in onnxruntime; nothing in it is cut, quantized or trained.

    Args:
        graph: A serialized ModelProto: float inputs `x0`, …, then `w0`, … without their values; one output `y`.
        weights: The values of `w0`, …, float32.
        shape: The result's shape without the batch axis.
        one_by_one: The piece only takes the batch of 1 it was written for, so examples run one after another.
    """

    def __init__(self, graph: bytes, weights: Mapping[str, Tensor], *, shape: Sequence[int], one_by_one: bool) -> None:
        super().__init__()
        self.graph, self.shape, self.one_by_one = graph, tuple(shape), one_by_one
        for name, values in weights.items():
            self.register_parameter(name, nn.Parameter(values.detach(), requires_grad=False))

    def forward(self, *values: Tensor) -> Tensor:
        """[n, …] each → [n, *shape].

        Raises:
            UserError: `train.opaque` where a gradient would have to pass through it.
        """
        if torch.is_grad_enabled() and any(value.requires_grad for value in values):
            raise UserError("train.opaque", operators=", ".join(operators_of(self.graph)))
        if any(value.is_meta for value in values):
            return torch.empty((values[0].shape[0], *self.shape), device="meta")
        arrays = [value.detach().to(torch.float32).contiguous().numpy() for value in values]
        if not self.one_by_one:
            return torch.from_numpy(self._run(arrays))
        rows = [[array[place : place + 1] for array in arrays] for place in range(len(arrays[0]))]
        return torch.from_numpy(np.concatenate([self._run(row) for row in rows]))

    def _run(self, arrays: Sequence[Array]) -> Array:
        feeds = {f"{FEED}{place}": array for place, array in enumerate(arrays)}
        result = np.array(self._session.run([RESULT], feeds)[0], np.float32)
        if result.shape != (len(arrays[0]), *self.shape):
            raise RuntimeError(f"its result has the shape {list(result.shape)}")
        return result

    @functools.cached_property
    def _session(self) -> Any:
        weights = {name: values.detach().numpy() for name, values in self.named_parameters()}
        return session(self.graph, weights)

    def __getstate__(self) -> dict[str, Any]:
        """A copy opens a session of its own."""
        return {key: value for key, value in self.__dict__.items() if key != "_session"}


def session(graph: bytes, weights: Mapping[str, Array]) -> Any:
    """An onnxruntime session of a piece, its stored numbers put in; one thread, as every stage but the engine's has.

    Raises:
        Exception: Whatever onnxruntime raises for a graph that it does not take.
    """
    import onnx
    from penjing.model.onnx_runtime import onnxruntime
    from onnx import numpy_helper

    proto = onnx.ModelProto.FromString(graph)
    inputs = [entry for entry in proto.graph.input if entry.name not in weights]
    del proto.graph.input[:]
    proto.graph.input.extend(inputs)
    proto.graph.initializer.extend(numpy_helper.from_array(values, name) for name, values in weights.items())
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])


@functools.lru_cache(maxsize=64)
def operators_of(graph: bytes) -> tuple[str, ...]:
    """The operators of a piece, each once, in order."""
    import onnx

    return tuple(dict.fromkeys(node.op_type for node in onnx.ModelProto.FromString(graph).graph.node))


def verbatim(module: Opaque) -> Verbatim:
    """What counting needs to know of a piece."""
    import onnx

    nodes = onnx.ModelProto.FromString(module.graph).graph.node
    names = sum(1 + len(node.input) + len(node.output) for node in nodes)
    return Verbatim(bytes=len(module.graph), names=names)


def as_text(graph: bytes) -> str:
    """A piece as text that stands in JSON."""
    return base64.b64encode(graph).decode()


def from_text(text: str) -> bytes:
    """The way back.

    Raises:
        ValueError: The text is none, or no ONNX graph whose nodes are plain operators of the standard.
    """
    import onnx

    content = base64.b64decode(text, validate=True)
    try:
        proto = onnx.ModelProto.FromString(content)
    except Exception as error:  # protobuf's own errors have no common public base class
        raise ValueError("no ONNX graph") from error
    for node in proto.graph.node:
        kinds = {entry.type for entry in node.attribute}
        if node.domain not in ("", "ai.onnx") or kinds & _NESTED or not onnx.defs.has(node.op_type):
            raise ValueError(f"the operator {node.op_type[:60]!r}")
    outside = [entry.name for entry in proto.graph.initializer if entry.data_location == onnx.TensorProto.EXTERNAL]
    if outside or proto.functions or [entry.name for entry in proto.graph.output] != [RESULT]:
        raise ValueError("it does more than nodes and numbers of its own")
    return content


_NESTED = frozenset({5, 10, 11, 12, 13, 14})
"""Attribute types that hold graphs, sparse tensors or types."""
