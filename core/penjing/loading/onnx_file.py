"""Reads an ONNX file into module form: limits first, then node after node through the operator table."""

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import onnx

from penjing.errors import UserError
from penjing.loading import limits
from penjing.loading.assembly import Assembly
from penjing.loading.looped import looped
from penjing.loading.onnx_detours import Detours
from penjing.loading.onnx_floats import FLOATS
from penjing.loading.onnx_folding import FOLDED, folded
from penjing.loading.onnx_header import domains_of, opset_of, texts
from penjing.loading.onnx_inputs import Inputs
from penjing.loading.onnx_known import check_known
from penjing.loading.onnx_names import LayerNames
from penjing.loading.onnx_nested import check_nesting, with_own_names
from penjing.loading.onnx_patterns import joined
from penjing.loading.onnx_qdq import NODES, ON_CODES, Roundings, clipped, unmade, with_grid
from penjing.loading.onnx_qoperators import spelled_out
from penjing.loading.onnx_regions import Piece, Waiting, settled, takes_two
from penjing.loading.onnx_slips import mended
from penjing.loading.onnx_stored import FILLED, Stored, extents
from penjing.loading.onnx_tensors import attribute_of
from penjing.loading.rearranging import MOVING, plainly, rearranged
from penjing.loading.recurrences import recurrence
from penjing.model.model import Model
from penjing.model.nested import captured, graphs_of
from penjing.model.operators.reading import Activation, Codes, Constant, OnnxNode, Pending, Reading, Value
from penjing.model.operators.table import Operator


def read_onnx(path: Path, *, example_shapes: Sequence[Sequence[int]] | None = None) -> Model:
    """The network of an ONNX file; `example_shapes` (without the batch) fill extents that the file leaves open.

    Raises:
        UserError: `load.…`, `model.…`: what is wrong with the file, and where.
    """
    limits.check_file(path)
    proto = onnx.ModelProto()
    try:
        proto.ParseFromString(path.read_bytes())
    except Exception as error:  # protobuf's own errors have no common public base class
        raise UserError("load.not_onnx", path=path.name) from error
    if not all(isinstance(text, str) for text in texts(proto)):
        raise UserError("load.not_text", where=path.name)
    mended(proto)
    spelled_out(proto)
    joined(proto, path.parent)
    return _Reader(proto, path, example_shapes).read()


class _Reader:
    def __init__(self, proto: onnx.ModelProto, path: Path, example_shapes: Sequence[Sequence[int]] | None) -> None:
        self.graph, self.folder, self.where = proto.graph, path.parent, path.name
        self.opset = opset_of(proto, path.name)
        self.values: dict[str, Value] = {}
        self.assembly = Assembly(path.name)
        self.stored = Stored(path.parent, self.assembly)
        self.inputs = Inputs(self.assembly, self.stored, example_shapes)
        self.types = self.inputs.types
        self.waiting = Waiting(self.opset, self.values, self.types, domains_of(proto))
        self.detours = Detours(self.values, self.waiting, layers=self._layers, settled=self._settled)
        self.roundings = Roundings(self.assembly, settled=self._settled, opset=self.opset)
        self.settled: dict[str, Activation] = {}
        self.deciding: dict[str, None] = {}
        self.names = LayerNames(self.graph.node, (entry.name for entry in self.graph.initializer))

    def read(self) -> Model:
        graph = self.graph
        check_nesting(graph, self.where)
        check_known(graph)
        for tensor in graph.initializer:
            self.values[tensor.name] = self.stored.tensor(tensor, tensor.name)
        stored = len(self.values)
        for entry in graph.input:
            if entry.name not in self.values:
                self.values[entry.name] = self.inputs.read(entry, len(self.values) - stored)
        for node in graph.node:
            self._node(plainly(node))
        outputs = []
        for entry in graph.output:
            value = self.values.get(entry.name)
            if isinstance(value, Pending):
                value = self._settled(value, alone=True) or self._refuse(value)
            if not isinstance(value, Activation):
                raise UserError("load.constant_output", output=entry.name)
            outputs.append((entry.name, value.name))
        if self.deciding:
            self.assembly.warn("load.one_by_one", operators=", ".join(self.deciding))
        return self.assembly.finish(outputs, opset=self.opset)

    def _node(self, node: onnx.NodeProto) -> None:
        if not node.output:
            raise UserError("load.bad_node", layer=node.name, operator=node.op_type, detail="it has no result")
        if any(True for _ in graphs_of(node)):
            self._with_graphs(node)
            return
        inputs = [self._value(name, node) if name else None for name in node.input]
        if node.op_type == "Constant":
            self.values[node.output[0]] = self.stored.constant(node)
            return
        if node.op_type == FILLED and len(inputs) == 1 and isinstance(inputs[0], Constant):
            self.values[node.output[0]] = self.stored.filled(node, inputs[0])
            return
        if node.op_type in ("Shape", "Size") and inputs and inputs[0] is not None:
            self.values[node.output[0]] = Constant(extents(node, inputs[0]))
            return
        if node.op_type in FOLDED and not any(isinstance(value, Activation | Pending | Codes) for value in inputs):
            arrays = [value.array if isinstance(value, Constant) else None for value in inputs]
            origin = _origin(node, inputs)
            for name, array in zip(
                (name for name in node.output if name), folded(node, arrays, self.opset), strict=True
            ):
                self.stored.spend(array.size)
                self.values[name] = with_grid(array, inputs, origin, node.op_type)
            return
        attributes = {entry.name: attribute_of(entry, self.folder) for entry in node.attribute}
        made = self.roundings.read(node, inputs, attributes) if node.op_type in NODES else None
        if made is None and any(isinstance(value, Codes) for value in inputs):
            made = self._on_codes(node, inputs, attributes)
            inputs = [self._value(name, node) if name else None for name in node.input]
        if made is not None:
            self.values.update(made)
            return
        if any(isinstance(value, Pending) for value in inputs):
            found = self._after_pending(node, inputs, attributes)
            self.values.update(found)
            return
        try:
            self.values.update(self._layers(node, inputs, attributes))
        except UserError as error:
            if error.code not in _KEEPABLE:
                raise
            wider = self.detours.wider(node, inputs, attributes, error)
            self.values.update(self.waiting.put(node, error) if wider is None else wider)

    def _with_graphs(self, node: onnx.NodeProto) -> None:
        """A branch that is known to be taken is read in the node's place; all else waits, and runs as it is."""
        for name in (*node.input, *captured(node)):
            if name:
                self._value(name, node)
        made = with_own_names(node, self._take)
        condition = self.values.get(node.input[0]) if node.op_type == "If" and node.input else None
        if isinstance(condition, Constant) and condition.array.size == 1:
            self._branch(made, "then_branch" if bool(condition.array.reshape(())) else "else_branch")
            return
        self._rounded_apart({name: self.values[name] for name in (*made.input, *captured(made)) if name})
        layer = node.name or next(iter(node.output), "")
        self.values.update(self.waiting.put(made, UserError("load.graph_not_kept", operator=node.op_type, layer=layer)))

    def _branch(self, node: onnx.NodeProto, taken: str) -> None:
        graph = next((entry.g for entry in node.attribute if entry.name == taken), onnx.GraphProto())
        if len(graph.output) != len(node.output):
            raise UserError("load.graph_not_kept", operator=node.op_type, layer=node.name or node.output[0])
        for inner in graph.node:
            self._node(plainly(inner))
        for entry, name in zip(graph.output, node.output, strict=True):
            self._node(onnx.helper.make_node("Identity", [entry.name], [name]))

    def _take(self, tensor: onnx.TensorProto) -> None:
        """Puts what a graph in a node stores among the file's values."""
        self.values[tensor.name] = self.stored.tensor(tensor, tensor.name)

    def _layers(
        self, node: onnx.NodeProto, inputs: Sequence[Value | None], attributes: Mapping[str, Any]
    ) -> Mapping[str, Activation]:
        """The node through the operator table, by result; of most operators only the first is ever read."""
        first = next((value.name for value in inputs if isinstance(value, Activation)), None)
        wanted = self.names.wanted(node)
        made: dict[str, Activation] = {}
        for place, name in enumerate(node.output if node.op_type == "Split" else node.output[:1]):
            source = OnnxNode(
                op=node.op_type,
                name=node.name or name,
                opset=self.opset,
                inputs=tuple(inputs),
                attributes=attributes,
                result=place,
                results=len(node.output),
            )
            if first is None:
                raise source.unsupported("it does not depend on the network's input")
            if any(feed in self.types for feed in node.input) and node.op_type not in _OF_NUMBERS:
                raise source.unsupported("arithmetic with whole numbers")
            reading = functools.partial(_read_by, source)
            made[name] = self.assembly.read(source, reading, wanted=wanted, first=first, own=node.name)
            self._keep_type(node, name)
        return made

    def _keep_type(self, node: onnx.NodeProto, name: str) -> None:
        """What is made of whole numbers is whole numbers in the file, though module form has floats throughout."""
        if node.op_type == "Cast":
            kind = next((entry.i for entry in node.attribute if entry.name == "to"), onnx.TensorProto.FLOAT)
        elif node.op_type == "Gather":
            return  # what its places take is of another type
        else:
            kind = next((self.types[feed] for feed in node.input if feed in self.types), onnx.TensorProto.FLOAT)
        if kind not in (onnx.TensorProto.FLOAT, *FLOATS):
            self.types[name] = kind

    def _on_codes(
        self, node: onnx.NodeProto, inputs: Sequence[Value | None], attributes: Mapping[str, Any]
    ) -> Mapping[str, Value] | None:
        """A node between codes: it moves them, or has fewer bits; before anything else the rounding waits, too."""
        first, *rest = inputs
        if isinstance(first, Codes) and all(isinstance(entry, Constant | None) for entry in rest):
            if node.op_type in ON_CODES:
                moved = self._moved(node, first, rest, attributes)
                return {name: Codes(real, first.grid, first.unsigned, node) for name, real in moved.items()}
            narrow = clipped(first, rest, node) if node.op_type == "Clip" else None
            if narrow is not None:
                return {node.output[0]: narrow}
        self._rounded_apart({name: value for name, value in zip(node.input, inputs, strict=True) if value is not None})
        return None

    def _rounded_apart(self, values: Mapping[str, Value]) -> None:
        """Lets the roundings wait that make codes of these: what reads the codes does not know them as codes."""
        for name, value in values.items():
            if isinstance(value, Codes):
                why = UserError(
                    "load.unsupported_form",
                    operator=value.node.op_type,
                    layer=value.node.name or name,
                    detail="its codes are read by an operator that Penjing does not know",
                )
                for maker in unmade(value, self.values):
                    for result in maker.output:
                        self.values.pop(result, None)
                    self.values.update(self.waiting.put(maker, why))

    def _moved(
        self, node: onnx.NodeProto, codes: Codes, rest: Sequence[Value | None], attributes: Mapping[str, Any]
    ) -> Mapping[str, Activation | Pending]:
        """What a node that moves codes makes of the real values; where these wait, they were rounded before."""
        if isinstance(codes.real, Activation):
            try:
                return self._layers(node, [codes.real, *rest], attributes)
            except UserError as error:
                if error.code not in _KEEPABLE:
                    raise
                real: Value = self.roundings.rounded(codes, codes.real, node)
                why = error
        else:
            real, why = codes.real, codes.real.why
        source = f"{node.input[0]}#real"
        self.values[source] = real
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        copy.input[0] = real.name if isinstance(real, Pending) else source
        for place, name in enumerate(node.output):
            copy.output[place] = f"{name}#real" if name else ""
        made = self._after_pending(copy, [real, *rest], attributes) if isinstance(real, Pending) else None
        made = self.waiting.put(copy, why) if made is None else made
        self.values.update(made)
        moved = ((name, value) for name, value in made.items() if isinstance(value, Activation | Pending))
        return {name.removesuffix("#real"): value for name, value in moved}

    def _after_pending(
        self, node: onnx.NodeProto, inputs: Sequence[Value | None], attributes: Mapping[str, Any]
    ) -> Mapping[str, Value]:
        """A node that reads values no row made: they become layers where they can, else the node waits with them."""
        inputs = [self._same_places(node, value) for value in inputs]
        pending = [value for value in inputs if isinstance(value, Pending)]
        if not pending:
            return self._layers(node, inputs, attributes)
        found = self.detours.layer(node, inputs, attributes)
        if found is not None:
            return found
        node = self.detours.node(node, inputs)
        alone_in_it = sum(not isinstance(value, Constant) for value in inputs) == 1
        if node.op_type in MOVING and alone_in_it and self.waiting.repeats(pending[0]):
            return self.waiting.put(node, pending[0].why)  # repeated values are told from others once they lie apart
        for alone in (False, True):
            made = {value.name: self._settled(value, alone=alone) for value in pending}
            if all(made.values()):
                ready = [made[value.name] if isinstance(value, Pending) else value for value in inputs]
                try:
                    return self._layers(node, ready, attributes)
                except UserError as error:
                    if error.code not in _KEEPABLE:
                        raise
                    wider = self.detours.wider(node, ready, attributes, error)
                    if wider is not None:
                        return wider
        return self.waiting.put(node, pending[0].why)

    def _same_places(self, node: onnx.NodeProto, value: Value | None) -> Value | None:
        """What numbers of rows were before a file made those below 0 count from the end: a Gather does that itself."""
        table = self.values.get(node.input[0]) if node.op_type == "Gather" else None
        if not isinstance(value, Pending) or not isinstance(table, Constant) or not table.array.ndim:
            return value
        axis, rank = next((entry.i for entry in node.attribute if entry.name == "axis"), 0), table.array.ndim
        if not -rank <= axis < rank:
            return value
        return self.waiting.same_places(value, table.array.shape[axis]) or value

    def _settled(self, value: Pending, *, alone: bool) -> Activation | None:
        """The layer that makes a value which waits, put into the network once; None where it has none."""
        known = self.settled.get(value.name)
        if known is None:
            piece = self.waiting.piece(value)
            if piece is None:
                return None
            alone = alone and (piece.decides or not self._mixes(piece))
            drafts = rearranged(piece, value, alone=alone)
            drafts = recurrence(piece, value) if drafts is None else drafts
            drafts = looped(piece, value) if drafts is None else drafts
            whole = None if drafts is not None else settled(piece, value, alone=alone)
            drafts = drafts if whole is None else (whole,)
            if drafts is None:
                return None
            node = OnnxNode(op=", ".join(piece.operators), name=value.name, opset=self.opset, inputs=(), attributes={})
            first = piece.feeds[0].name
            told = piece.teller is not None and "/" in piece.teller.name  # else a name that only numbers the nodes
            wanted = self.names.wanted(piece.teller) if told and piece.teller else value.name
            known = self.assembly.put(drafts, node, wanted=wanted, first=first)
            if whole is not None and piece.decides:
                self.deciding.update(dict.fromkeys(piece.operators))
            self.settled[value.name] = known
        return known

    def _mixes(self, piece: Piece) -> bool:
        """Whether a piece that does not keep examples apart may meet several: a file for batches of 1 never does."""
        return self.inputs.any_batch and takes_two(piece)

    def _refuse(self, value: Pending) -> NoReturn:
        piece = self.waiting.piece(value) if value.array.dtype.kind == "f" and value.array.shape[:1] == (1,) else None
        if piece is not None and piece.feeds and self._mixes(piece):
            raise UserError("load.batch_mixed", layer=value.name, shape=list(value.array.shape)) from value.why
        raise value.why

    def _value(self, name: str, node: onnx.NodeProto) -> Value:
        if name not in self.values:
            raise UserError("model.unknown_input", layer=node.name or node.op_type, input=name)
        return self.values[name]


def _origin(node: onnx.NodeProto, inputs: Sequence[Value | None]) -> str:
    """The stored name that a folded tensor goes by: its own where exporters share equal tensors, else its source's."""
    if node.op_type == "Identity" and "." in node.output[0]:
        return str(node.output[0])
    source = inputs[0] if inputs else None
    return source.origin if node.op_type in _SAME and isinstance(source, Constant) else ""


def _read_by(source: OnnxNode, row: Operator) -> Reading:
    return row.read(source)


_KEEPABLE = ("load.unsupported_form", "load.unknown_operator")
"""Refusals of a row after which a node may still run as it is."""

_OF_NUMBERS = (*MOVING, "Cast")
"""What layers do with whole numbers: the rows of a table that they name, their order, floats of the same value."""

_SAME = ("Identity", "Cast", "Transpose", "Reshape", "Squeeze", "Unsqueeze")
