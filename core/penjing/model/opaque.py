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
from penjing.model import guarded
from penjing.model.nested import DOMAINS, LOOPS, depth, every_node, graphs_of

Array = NDArray[Any]

FEED, WEIGHT, RESULT = "x", "w", "y"
"""Inside `graph`, the inputs are x0, x1, …, the stored numbers w0, w1, … and the result is y."""

MOST_SECONDS = 120.0
"""How long one run of a piece with a loop in it may take: how often a loop turns, a file may leave to its data."""

MOST_NESTED = 8
"""Graphs in one another: a loop in a branch of a loop has three."""


class Opaque(nn.Module):
    """Runs a piece of an ONNX graph in onnxruntime; nothing in it is cut, quantized or trained.

    Args:
        graph: A serialized ModelProto: float inputs `x0`, …, then `w0`, … without their values; one output `y`.
        weights: The values of `w0`, …, float32.
        shape: The result's shape without the batch axis.
        one_by_one: The piece only takes the batch of 1 it was written for, so examples run one after another.
        seconds: How long one run may take, if there is a loop in it.
    """

    def __init__(
        self,
        graph: bytes,
        weights: Mapping[str, Tensor],
        *,
        shape: Sequence[int],
        one_by_one: bool,
        seconds: float = MOST_SECONDS,
    ) -> None:
        super().__init__()
        self.graph, self.shape, self.one_by_one, self.seconds = graph, tuple(shape), one_by_one, seconds
        for name, values in weights.items():
            self.register_parameter(name, nn.Parameter(values.detach(), requires_grad=False))

    def forward(self, *values: Tensor) -> Tensor:
        """[n, …] each → [n, *shape].

        Raises:
            UserError: `train.opaque` where a gradient would have to pass through it; `model.runs_on` where a loop in it
                does not come to an end in time.
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
        try:
            result = np.array(run(self._session, [RESULT], feeds, self.graph, seconds=self.seconds)[0], np.float32)
        except (TimeoutError, MemoryError) as error:
            operators = ", ".join(operators_of(self.graph))
            raise UserError("model.runs_on", operators=operators, detail=str(error)) from error
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
    from onnx import numpy_helper

    from penjing.model.onnx_runtime import onnxruntime

    proto = onnx.ModelProto.FromString(graph)
    inputs = [entry for entry in proto.graph.input if entry.name not in weights]
    del proto.graph.input[:]
    proto.graph.input.extend(inputs)
    proto.graph.initializer.extend(numpy_helper.from_array(values, name) for name, values in weights.items())
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])


def run(open_session: Any, results: Sequence[str], feeds: Mapping[str, Array], graph: bytes, *, seconds: float) -> Any:
    """What a session of a piece gives; watched, where there is a loop in it.

    Raises:
        TimeoutError, MemoryError: It was stopped (`guarded.run`).
        Exception: Whatever onnxruntime raises.
    """
    if has_loops(graph):
        return guarded.run(open_session, results, feeds, seconds=seconds)
    return open_session.run(list(results), dict(feeds))


@functools.lru_cache(maxsize=64)
def has_loops(graph: bytes) -> bool:
    """Whether how long a piece runs is not known from its nodes."""
    import onnx

    return any(node.op_type in LOOPS for node in every_node(onnx.ModelProto.FromString(graph).graph.node))


@functools.lru_cache(maxsize=64)
def operators_of(graph: bytes) -> tuple[str, ...]:
    """The operators of a piece, each once, in order; those of other domains than ONNX's own with the domain's name."""
    import onnx

    return tuple(dict.fromkeys(title_of(node) for node in onnx.ModelProto.FromString(graph).graph.node))


def title_of(node: Any) -> str:
    """`LSTM`, `com.microsoft.Attention`."""
    return node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}"


def verbatim(module: Opaque) -> Verbatim:
    """What counting needs to know of a piece."""
    import onnx

    nodes = onnx.ModelProto.FromString(module.graph).graph.node
    names = sum(1 + len(node.input) + len(node.output) for node in every_node(nodes))
    return Verbatim(bytes=len(module.graph), names=names)


def as_text(graph: bytes) -> str:
    """A piece as text that stands in JSON."""
    return base64.b64encode(graph).decode()


def from_text(text: str) -> bytes:
    """The way back.

    Raises:
        ValueError: The text is none, or no ONNX graph whose nodes are operators that a plain onnxruntime has.
    """
    import onnx

    content = base64.b64decode(text, validate=True)
    try:
        proto = onnx.ModelProto.FromString(content)
    except Exception as error:  # protobuf's own errors have no common public base class
        raise ValueError("no ONNX graph") from error
    if depth(proto.graph.node) > MOST_NESTED:
        raise ValueError("graphs in graphs in graphs")
    for node in every_node(proto.graph.node):
        why = not_kept(node)
        if why is not None:
            raise ValueError(f"the operator {node.op_type[:60]!r}: {why}")
    outside = [entry.name for entry in proto.graph.initializer if entry.data_location == onnx.TensorProto.EXTERNAL]
    if outside or proto.functions or [entry.name for entry in proto.graph.output] != [RESULT]:
        raise ValueError("it does more than nodes and numbers of its own")
    return content


def not_kept(node: Any) -> str | None:
    """Why a node may not be in a piece, whatever onnxruntime says to it; None where nothing speaks against it."""
    import onnx

    plain = node.domain in ("", "ai.onnx")
    if node.domain not in DOMAINS or (plain and not onnx.defs.has(node.op_type)) or node.op_type in _NEVER:
        return "onnxruntime does not have it, or it reads files"
    for entry in node.attribute:
        if entry.type in _STRANGE:
            return "an attribute is of a type that is never read"
        if onnx.TensorProto.EXTERNAL in {one.data_location for one in (entry.t, *entry.tensors)}:
            return "values of an attribute lie in another file"
    for graph in graphs_of(node):
        if not plain or node.op_type not in _HOLDERS:
            return "a graph where none belongs"
        if graph.initializer or graph.sparse_initializer:
            return "a graph in it holds numbers of its own"
        if node.op_type in LOOPS and not graph.node:
            return "a loop without a node never looks at the clock"
    return None


_STRANGE = frozenset({11, 12, 13, 14})
"""Attribute types that hold sparse tensors or types."""

_HOLDERS = LOOPS | {"If"}
"""Operators that hold graphs."""

_NEVER = frozenset({"EPContext", "PythonOp", "PythonOpGrad", "ExternalConstant"})
"""Operators of onnxruntime's own domain that read files or run code."""
