"""Puts a network in module form together, node after node: names, shapes and tensors of what a reader found."""

import dataclasses
import functools
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import torch

from penjing.errors import Note, UserError, note
from penjing.layer_graph import NetworkInput, NetworkOutput
from penjing.loading import limits
from penjing.loading.build import build, layer_shapes
from penjing.loading.grids import fitting, merged, with_grids
from penjing.loading.names import SafeNames
from penjing.loading.reasons import reason
from penjing.loading.turning import fewer_transposes
from penjing.model.model import Model, Quantizer
from penjing.model.opaque import from_text, operators_of
from penjing.model.operators.reading import EARLIER, PREVIOUS, Activation, Draft, Reading, SourceNode
from penjing.model.operators.table import Operator, operators
from penjing.model.spec import NetworkSpec, NodeSpec

_BAD_DATA = (AttributeError, IndexError, KeyError, OverflowError, RuntimeError, TypeError, ValueError)
"""What a row may stumble over when a file's attributes are not of the type that the operator says."""


class Assembly:
    """A network that grows while a file is read.

    Shapes are followed at the file's own batch, so that its shape arithmetic stays right; they come from running
    each layer on torch's meta device, which computes nothing.
    """

    def __init__(self, where: str) -> None:
        self.where = where
        self.warnings: list[Note] = []
        self._names = SafeNames()
        self._inputs: list[NetworkInput] = []
        self._nodes: dict[str, NodeSpec] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._weights: dict[str, str] = {}
        self._weight_grids: dict[str, Quantizer] = {}
        self._roundings: dict[str, Quantizer] = {}

    def warn(self, code: str, **values: object) -> None:
        """Tell something of the file, once."""
        told = note(code, **values)
        if told not in self.warnings:
            self.warnings.append(told)

    def input(self, source_name: str, shape: Sequence[int]) -> Activation:
        """One more input of the network, with the batch axis first."""
        extents = limits.check_shape(shape, where=source_name, most=limits.MAX_VALUES)
        if len(extents) < 2 or min(extents) < 1:
            raise UserError("load.input_shape", input=source_name, shape=list(extents))
        name = self._names.make(re.sub(r"[./:]+", "_", source_name[:1000]))  # an input has no folder
        self._inputs.append(NetworkInput(name=name, source_name=source_name, shape=(1, *extents[1:])))
        self._shapes[name] = extents
        return Activation(name, extents)

    def read(
        self, node: SourceNode, reading: Callable[[Operator], Reading], *, wanted: str, first: str, own: str = ""
    ) -> Activation:
        """The layers of one node, made by the first row that knows it; `first` is what the node's first input is.

        `wanted` names the layer unless a stored weight does; `own` is the file's name of the node, if it has one.

        Raises:
            UserError: `load.unsupported_form`, `load.bad_node`, `load.too_big`, `load.not_finite`.
        """
        return self.put(self._drafts(node, reading), node, wanted=wanted, first=first, own=own)

    def put(self, drafts: Sequence[Draft], node: SourceNode, *, wanted: str, first: str, own: str = "") -> Activation:
        """Layers that are already drafted, each fed by the one before; names as for `read`."""
        earlier = first
        for index, draft in enumerate(drafts):
            inputs = tuple({PREVIOUS: first, EARLIER: earlier}.get(name, name) for name in draft.inputs)
            last = index == len(drafts) - 1
            label = _owner(draft.weight) or wanted
            source = own or label
            part = label if last else f"{label}_{draft.kind}"
            earlier, first = first, self._add(dataclasses.replace(draft, inputs=inputs), part, source, node)
        return Activation(first, self._shapes[first])

    def rounded(self, value: Activation, grid: Quantizer, node: SourceNode) -> Activation:
        """The value rounded to a grid, as a file does that is already quantized."""
        draft = Draft(kind="identity", inputs=(value.name,))
        result = self.put((draft,), node, wanted=f"{value.name}.rounded", first=value.name)
        self._roundings[result.name] = grid
        return result

    def finish(self, outputs: Sequence[tuple[str, str]], *, opset: int | None = None) -> Model:
        """The model; `outputs` are (the file's own name, layer).

        Raises:
            UserError: `load.batch_mixed` where the batch does not stay first; else what `build` raises.
        """
        ends = {layer for _, layer in outputs}
        if not outputs or not ends <= set(self._nodes):
            raise UserError("load.no_layers", where=self.where)
        nodes, moved = fewer_transposes(tuple(self._nodes.values()), frozenset(ends), self._names.make)
        outputs = [(name, moved.get(layer, layer)) for name, layer in outputs]
        nodes, moved = _with_absorbed_biases(nodes, {layer for _, layer in outputs})
        outputs = [(name, moved.get(layer, layer)) for name, layer in outputs]
        nodes, moved, grids = merged(nodes, {layer for _, layer in outputs}, self._roundings)
        outputs = [(name, moved.get(layer, layer)) for name, layer in outputs]
        ends = {layer for _, layer in outputs}
        if not ends <= {node.name for node in nodes}:
            raise UserError("load.no_layers", where=self.where)
        needed = _needed(nodes, ends)
        for weight, count in Counter(self._weights[node.name] for node in needed if node.name in self._weights).items():
            if count > 1:
                self.warn("load.shared_weight", weight=weight)
        kept = [node.attributes["graph"] for node in needed if node.kind == "opaque"]
        if kept:
            operators = dict.fromkeys(name for text in kept for name in operators_of(from_text(text)))
            self.warn("load.kept_whole", operators=", ".join(operators))
        spec = NetworkSpec(
            inputs=tuple(self._inputs),
            nodes=needed,
            outputs=tuple(NetworkOutput(source_name=name, layer=layer, shape=()) for name, layer in outputs),
            opset=opset,
            warnings=tuple(self.warnings),
        )
        model = build(spec)
        _check_batch(model)
        return with_grids(model, self._weight_grids, grids)

    def _drafts(self, node: SourceNode, reading: Callable[[Operator], Reading]) -> tuple[Draft, ...]:
        for row in rows_for(node):
            try:
                drafts = reading(row)
            except _BAD_DATA as error:
                detail = f"{type(error).__name__}: {reason(error)}"
                raise UserError("load.bad_node", layer=node.name or node.op, operator=node.op, detail=detail) from error
            if drafts is not None:
                return drafts
        raise node.unsupported("its inputs are not of a kind that a layer can take")

    def _add(self, draft: Draft, wanted: str, source: str, node: SourceNode) -> str:
        limits.check(len(self._nodes) + 1, limits.MAX_NODES, what="layers", where=self.where)
        for key, tensor in draft.tensors.items():
            if not bool(torch.isfinite(tensor).all()):
                raise UserError("load.not_finite", layer=source, tensor=draft.weight or key)
        name = self._names.make(wanted)
        if draft.weight:
            self._weights[name] = draft.weight
        spec = NodeSpec(
            name=name,
            source_name=source,
            kind=draft.kind,
            inputs=draft.inputs,
            attributes=draft.attributes,
            tensors=draft.tensors,
        )
        if node.grids and "weight" in draft.tensors:
            self._put_on_grid(name, draft, source, node.grids)
        self._shapes[name] = self._shape(spec, node)
        self._nodes[name] = spec
        return name

    def _put_on_grid(self, name: str, draft: Draft, source: str, grids: Sequence[Quantizer]) -> None:
        grid = fitting(draft.tensors["weight"], grids)
        if grid is None:
            self.warn("load.grid_lost", layer=source)
        else:
            self._weight_grids[name] = grid

    def _shape(self, spec: NodeSpec, node: SourceNode) -> tuple[int, ...]:
        light = {key: tensor.to("meta") for key, tensor in spec.tensors.items()}
        feeds = [torch.empty(self._shapes[name], device="meta") for name in spec.inputs]
        try:
            with torch.device("meta"), torch.no_grad():
                module = operators()[spec.kind].build(spec.attributes, light).eval()
                shape = tuple(module(*feeds).shape)
        except _BAD_DATA as error:
            shapes = ", ".join(str(list(self._shapes[name])) for name in spec.inputs)
            detail = reason(error)
            raise UserError("model.bad_shape", layer=spec.source_name, shapes=shapes, detail=detail) from error
        if shape[:1] != feeds[0].shape[:1] or min(shape) < 1:
            raise node.unsupported(f"its result has the shape {list(shape)}")
        limits.check_shape(shape, where=spec.source_name, most=limits.MAX_VALUES)
        return shape


def rows_for(node: SourceNode) -> tuple[Operator, ...]:
    """The rows that may know a node, in the table's order."""
    return _readers(type(node).__name__).get(node.op, ())


def known(kind: type[SourceNode], op: str) -> bool:
    """Whether any row reads this operator."""
    return op in _readers(kind.__name__)


@functools.cache
def _readers(node_type: str) -> Mapping[str, tuple[Operator, ...]]:
    found: dict[str, tuple[Operator, ...]] = {}
    for row in operators().values():
        for op in row.reads if node_type == "OnnxNode" else row.reads_aten:
            found[op] = (*found.get(op, ()), row)
    return found


def _owner(weight: str) -> str:
    """The module that a stored weight belongs to: `layer1.0.conv1.weight` → `layer1.0.conv1`."""
    owner, dot, last = weight.rpartition(".")
    return owner if dot and last in ("weight", "running_mean", "kernel") else ""


def _with_absorbed_biases(
    nodes: tuple[NodeSpec, ...], outputs: set[str]
) -> tuple[tuple[NodeSpec, ...], Mapping[str, str]]:
    """Sums with a constant become the bias of the layer before them, where nothing else reads that layer.

    Returns the nodes that are left, and which layer stands for each that went.
    """
    readers = Counter(name for node in nodes for name in node.inputs)
    result: dict[str, NodeSpec] = {}
    moved: dict[str, str] = {}
    for node in nodes:
        feeds = tuple(moved.get(name, name) for name in node.inputs)
        current = dataclasses.replace(node, inputs=feeds)
        before = result.get(feeds[0]) if node.kind == "add_constant" else None
        if before is not None and readers[node.inputs[0]] == 1 and node.inputs[0] not in outputs:
            tensors = operators()[before.kind].absorb_bias(before.tensors, node.tensors["value"])
            if tensors is not None:
                result[before.name] = dataclasses.replace(before, tensors=tensors)
                moved[node.name] = before.name
                readers[before.name] = readers[node.name]
                continue
        result[node.name] = current
    return tuple(result.values()), moved


def _needed(nodes: Sequence[NodeSpec], outputs: set[str]) -> tuple[NodeSpec, ...]:
    """The nodes that an output depends on."""
    wanted = set(outputs)
    kept = []
    for node in reversed(nodes):
        if node.name in wanted:
            kept.append(node)
            wanted.update(node.inputs)
    return tuple(reversed(kept))


def _check_batch(model: Model) -> None:
    """Module form takes any batch: what a file does to the batch axis alone must not change a result's first extent."""
    three = tuple(
        NetworkInput(name=entry.name, source_name=entry.source_name, shape=(3, *entry.shape[1:]))
        for entry in model.inputs
    )
    one, many = layer_shapes(model), layer_shapes(dataclasses.replace(model, inputs=three))
    for name, shape in one.items():
        if many[name] != (3, *shape[1:]):
            raise UserError("load.batch_mixed", layer=model.source_names.get(name, name), shape=list(shape))
