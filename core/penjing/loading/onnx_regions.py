"""Nodes of an ONNX file that no row of the operator table reads: they wait until a value has the batch first again.

A recurrent layer, for example, puts time first, runs, and puts the batch first again: module form cannot hold what
lies between, but it can hold the whole piece as one layer that onnxruntime runs.
"""

import itertools
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from penjing.errors import UserError
from penjing.loading import limits
from penjing.loading.deciding import decides
from penjing.model.nested import every_node, graphs_of, reads, with_names
from penjing.model.opaque import FEED, RESULT, WEIGHT, Opaque, as_text, not_kept, run, session, title_of
from penjing.model.operators.reading import Activation, Constant, Draft, Pending, Value, tensor

Array = NDArray[Any]

FLOAT = TensorProto.FLOAT
MOST_NODES = 2_000
"""Nodes of one piece."""

SECONDS, MOST_SECONDS = 4.0, 30.0
"""How long what holds loops may run while a file is read: once, and all of it together."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A subgraph that makes one value: its nodes, renamed, and what they read."""

    graph: bytes
    feeds: tuple[Activation, ...]
    weights: Mapping[str, Array]
    origins: tuple[str, ...]
    """The stored name of every weight, "" for what was computed."""
    operators: tuple[str, ...]
    decides: bool = False
    """Whether it finds out from its feeds, of a whole batch at once, which branch, how often, which range."""

    teller: onnx.NodeProto | None = None
    """The node of the file that it may be called after: the first that does more than compute."""


class Waiting:
    """The nodes of one file that wait, and what of the file they read.

    Args:
        opset: The file's version.
        values: Every value of the file that is known so far, by name.
        types: The ONNX type of the network inputs that are no floats.
        domains: The versions of other domains' operators.
    """

    def __init__(
        self, opset: int, values: Mapping[str, Value], types: Mapping[str, int], domains: Mapping[str, int]
    ) -> None:
        self._values, self._types = values, types
        self._versions = {"": opset, **domains}
        self._seconds = MOST_SECONDS
        self._made_by: dict[str, onnx.NodeProto] = {}
        self._order: dict[str, int] = {}

    def put(self, node: onnx.NodeProto, why: UserError) -> Mapping[str, Pending]:
        """The results of a node, computed on made-up input to know their shapes.

        Raises:
            UserError: `why`, where nothing can run this node either.
        """
        if not_kept_of(node) is not None or node.op_type in _RANDOM or not node.output:
            raise why
        names = [name for name in node.output if name]
        if any(name in self._values or name in self._made_by for name in names):
            raise why
        arrays = self._tried(node, names, why)
        for name, array in zip(names, arrays, strict=True):
            limits.check_shape(array.shape, where=node.name or node.op_type, most=limits.MAX_VALUES)
            self._made_by[name] = node
            self._order[name] = len(self._order)
        return {name: Pending(name, array, why) for name, array in zip(names, arrays, strict=True)}

    def _tried(self, node: onnx.NodeProto, names: Sequence[str], why: UserError) -> list[Array]:
        for least in (None, 1.0):  # some functions want numbers above 1
            try:
                arrays = self._run(node, names, least)
            except Exception as error:  # onnxruntime's errors have no common public base class
                raise why from error
            if not any(array.dtype.kind == "f" and not np.isfinite(array).any() for array in arrays):
                return arrays
        raise why  # a division by nothing

    def _run(self, node: onnx.NodeProto, names: Sequence[str], least: float | None) -> list[Array]:
        feeds = {name: self._example(name, least) for name in reads(node)}
        kinds = {name: (one.ndim, helper.np_dtype_to_tensor_dtype(one.dtype)) for name, one in feeds.items()}
        entries = _entries([node], kinds)
        results = [onnx.ValueInfoProto(name=name) for name in names]
        graph = _model(helper.make_graph([node], "node", entries, results), self._versions).SerializeToString()
        before = time.monotonic()
        try:
            found = run(session(graph, {}), names, feeds, graph, seconds=min(SECONDS, self._seconds))
        finally:
            self._seconds -= time.monotonic() - before
        return [np.asarray(array) for array in found]

    def _example(self, name: str, least: float | None) -> Array:
        value = self._values[name]
        if isinstance(value, Constant):
            return value.array
        if isinstance(value, Pending):
            return value.array
        assert isinstance(value, Activation), name
        kind = self._types.get(name, FLOAT)
        if kind == FLOAT:
            drawn = np.random.default_rng(0).standard_normal(value.shape).astype(np.float32)
            return drawn if least is None else np.abs(drawn) + np.float32(least)
        return np.zeros(value.shape, helper.tensor_dtype_to_np_dtype(kind))

    def moved(self, value: Pending) -> tuple[tuple[int, ...], Value | None]:
        """The order of axes that a value was brought into last, and what it was before; () and None otherwise."""
        node = self._made_by[value.name]
        order = next((tuple(entry.ints) for entry in node.attribute if entry.name == "perm"), ())
        return (order, self._values.get(node.input[0])) if node.op_type == "Transpose" else ((), None)

    def joined(self, value: Pending) -> tuple[int, tuple[str, ...]] | None:
        """The axis and the parts of a value that several were joined to; None of others."""
        node = self._made_by[value.name]
        if node.op_type != "Concat":
            return None
        axis = next((entry.i for entry in node.attribute if entry.name == "axis"), 0)
        return axis % value.array.ndim, tuple(node.input)

    def repeats(self, value: Pending) -> bool:
        """Whether a value that waits has others more than once, by a Tile or an Expand."""
        piece = self.piece(value)
        return piece is not None and not piece.weights and bool({"Tile", "Expand"} & set(piece.operators))

    def same_places(self, value: Pending, rows: int) -> Activation | None:
        """The whole numbers that `value` was made of, if both name the same of so many rows; None otherwise."""
        piece = self.piece(value) if value.array.dtype.kind in "iu" else None
        if piece is None or set(piece.feeds) != {piece.feeds[0]} or piece.feeds[0].shape != value.array.shape:
            return None
        shape = value.array.shape
        ends = (-rows, -1, 0, rows - 1)
        numbers = np.array([*ends, *np.random.default_rng(2).integers(-rows, rows, 60 + math.prod(shape))])
        try:
            opened = session(piece.graph, piece.weights)
        except Exception:  # onnxruntime's errors have no common public base class
            return None
        for start in range(0, 60, math.prod(shape)):
            given = numbers[start : start + math.prod(shape)].reshape(shape)
            feeds = {f"{FEED}{place}": given.astype(np.float32) for place in range(len(piece.feeds))}
            try:
                found = run(opened, [RESULT], feeds, piece.graph, seconds=SECONDS)[0]
            except Exception:  # as above
                return None
            if found.shape != given.shape or (found % rows != given % rows).any():
                return None
        return piece.feeds[0]

    def piece(self, value: Pending) -> Piece | None:
        """Everything that waits and that a value is made of; None where its leaves are of different batches."""
        nodes: dict[int, onnx.NodeProto] = {}
        stack, seen = [value.name], set[str]()
        while stack:
            name = stack.pop()
            node = self._made_by[name]
            if name in seen:
                continue
            seen.add(name)
            nodes[min(self._order[other] for other in node.output if other)] = node
            stack += [other for other in reads(node) if isinstance(self._values[other], Pending)]
        limits.check(len(nodes), MOST_NODES, what="nodes in one piece", where=value.name)
        return _Renaming(self._values, self._types, self._versions).piece([nodes[key] for key in sorted(nodes)], value)


class _Renaming:
    def __init__(self, values: Mapping[str, Value], types: Mapping[str, int], versions: Mapping[str, int]) -> None:
        self._known, self._types, self._versions = values, types, versions
        self._inner = itertools.count()
        self._names: dict[str, str] = {"": ""}
        self._feeds: dict[str, Activation] = {}
        self._weights: dict[str, Array] = {}
        self._origins: list[str] = []
        self._constants: list[onnx.TensorProto] = []
        self._nodes: list[onnx.NodeProto] = []

    def piece(self, nodes: Sequence[onnx.NodeProto], result: Pending) -> Piece | None:
        self._names[result.name] = RESULT
        for node in nodes:
            copy: onnx.NodeProto = with_names(node, self._name, lambda name: f"s{next(self._inner)}")
            for each in every_node([copy]):
                each.name = each.doc_string = ""
                del each.metadata_props[:]
            copy.domain = "" if copy.domain == "ai.onnx" else copy.domain
            del copy.input[:], copy.output[:]
            copy.input.extend(self._name(name) for name in node.input)
            copy.output.extend(self._names.setdefault(name, f"v{len(self._names)}") for name in node.output)
            self._nodes.append(copy)
        feeds = tuple(self._feeds.values())
        if len({feed.shape[0] for feed in feeds}) != 1:
            return None
        inputs = [f"{FEED}{place}" for place in range(len(feeds))]
        kinds = {name: (len(feed.shape), FLOAT) for name, feed in zip(inputs, feeds, strict=True)}
        kinds |= {name: (array.ndim, FLOAT) for name, array in self._weights.items()}
        entries = _entries(self._nodes, kinds)
        results = [onnx.ValueInfoProto(name=RESULT)]
        graph = helper.make_graph(self._nodes, "piece", entries, results, self._constants)
        return Piece(
            graph=_model(graph, self._versions).SerializeToString(deterministic=True),
            feeds=feeds,
            weights=self._weights,
            origins=tuple(self._origins),
            operators=tuple(dict.fromkeys(title_of(node) for node in nodes)),
            decides=decides(self._nodes, inputs),
            teller=next((node for node in nodes if node.op_type in _TELLING or node.domain), None),
        )

    def _name(self, name: str) -> str:
        if name not in self._names:
            value = self._known[name]
            if isinstance(value, Constant):
                self._names[name] = self._constant(value)
            else:
                assert isinstance(value, Activation)
                self._names[name] = self._feed(name, value)
        return self._names[name]

    def _constant(self, value: Constant) -> str:
        if value.array.dtype == np.float32 and value.array.ndim:
            name = f"{WEIGHT}{len(self._weights)}"
            self._weights[name] = value.array
            self._origins.append(value.origin)
            return name
        name = f"k{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(value.array, name))
        return name

    def _feed(self, source: str, value: Activation) -> str:
        name = next((f"{FEED}{place}" for place, known in enumerate(self._feeds) if known == source), None)
        if name is None:
            name = f"{FEED}{len(self._feeds)}"
            self._feeds[source] = value
        kind = self._types.get(source, FLOAT)
        if kind == FLOAT:
            return name
        # The file takes whole numbers here; module form hands everything over as float.
        self._nodes.append(helper.make_node("Cast", [name], [f"i_{name}"], to=kind))
        return f"i_{name}"


def settled(piece: Piece, value: Pending, *, alone: bool) -> Draft | None:
    """The layer that a piece becomes; None where its result does not have the batch first, and nothing else mixed.

    With `alone`, a piece that only takes the batch of 1 it was written for runs example by example.
    """
    shape = value.array.shape
    if value.array.dtype.kind != "f" or not shape or not piece.feeds or shape[0] != piece.feeds[0].shape[0]:
        return None
    ways = [False, True] if alone and shape[0] == 1 else [False]
    if piece.decides:
        ways = ways[1:]  # by a whole batch it would decide otherwise than by each example
    for one_by_one in ways:
        if _keeps_examples_apart(piece, shape, one_by_one):
            return Draft(
                kind="opaque",
                inputs=tuple(feed.name for feed in piece.feeds),
                attributes={"graph": as_text(piece.graph), "shape": shape[1:], "one_by_one": one_by_one},
                tensors={name: tensor(array) for name, array in piece.weights.items()},
                weight=next((name for name in piece.origins if name), ""),
            )
    return None


def takes_two(piece: Piece) -> bool:
    """Whether a piece runs with two examples at once, whatever it makes of them."""
    weights = {name: tensor(array).numpy() for name, array in piece.weights.items()}
    feeds = {f"{FEED}{place}": np.zeros((2, *feed.shape[1:]), np.float32) for place, feed in enumerate(piece.feeds)}
    try:
        run(session(piece.graph, weights), [RESULT], feeds, piece.graph, seconds=SECONDS)
    except Exception:  # onnxruntime's errors have no common public base class
        return False
    return True


def _keeps_examples_apart(piece: Piece, shape: Sequence[int], one_by_one: bool) -> bool:
    """Whether two examples together give what each gives alone, in the same place."""
    generator = np.random.default_rng(1)
    weights = {name: tensor(array) for name, array in piece.weights.items()}
    module = Opaque(piece.graph, weights, shape=shape[1:], one_by_one=one_by_one, seconds=SECONDS)
    # Whole numbers that every table of an embedding has; as floats they are as good as any.
    feeds = [
        torch.from_numpy(generator.integers(0, 2, (2, *feed.shape[1:])).astype(np.float32)) for feed in piece.feeds
    ]
    try:
        both = module(*feeds)
        parts = torch.cat([module(*(feed[place : place + 1] for feed in feeds)) for place in range(2)])
    except Exception:  # onnxruntime's errors have no common public base class: this batch is not taken
        return False
    return bool(torch.allclose(both, parts, rtol=1e-3, atol=1e-4, equal_nan=True))


def _entries(nodes: Iterable[onnx.NodeProto], kinds: Mapping[str, tuple[int, int]]) -> list[onnx.ValueInfoProto]:
    """Inputs, by name their number of axes and their type.

    Only a Scan wants to know how many axes; a Resize, told so, is refused for the empty input that it leaves out.
    """
    told = any(True for node in nodes for _ in graphs_of(node))
    return [
        helper.make_tensor_value_info(name, kind, [None] * axes if told else None)
        for name, (axes, kind) in kinds.items()
    ]


def _model(graph: onnx.GraphProto, versions: Mapping[str, int]) -> onnx.ModelProto:
    used = {node.domain for node in every_node(graph.node)} - {"ai.onnx"} | {""}
    opsets = [helper.make_opsetid(domain, versions.get(domain, 1)) for domain in sorted(used)]
    version = helper.find_min_ir_version_for(opsets, ignore_unknown=True)
    return helper.make_model(graph, opset_imports=opsets, ir_version=version)


def not_kept_of(node: onnx.NodeProto) -> str | None:
    """Why neither a node nor one inside of it may run as the file has it; None where all may."""
    return next((why for why in map(not_kept, every_node([node])) if why is not None), None)


_RANDOM = frozenset(
    {"RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Multinomial", "Bernoulli", "Dropout"}
)
"""What gives another result every time."""

_TELLING = frozenset({"LSTM", "GRU", "RNN", "Loop", "Scan", "If"})
"""Operators that a piece may be called after."""
