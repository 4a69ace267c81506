"""Ways round the order of axes that an exporter chose, so that weights stay in layers of their own.

A matrix product works along the last axis, whatever stands before it; a recurrent layer only needs time to stand
somewhere. Where a value waits for its batch to come first, these nodes need not wait with it: the layer is put
before what moves the axes, and the moving goes on behind it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import onnx

from penjing.errors import UserError
from penjing.loading.onnx_regions import Waiting
from penjing.model.operators.reading import Activation, Constant, Pending, Value
from penjing.model.recurrent import GATES

_Step = tuple[str, Mapping[str, Any], tuple[int, ...] | None]
"""Operator, attributes, and the shape that it is told, if one."""


class _Layers(Protocol):
    def __call__(
        self, node: onnx.NodeProto, inputs: Sequence[Value | None], attributes: Mapping[str, Any]
    ) -> Mapping[str, Activation]: ...


class _Settled(Protocol):
    def __call__(self, value: Pending, *, alone: bool) -> Activation | None: ...


class Detours:
    """What `onnx_file` tries before a node waits.

    Args:
        values: The file's values so far, by name; values that no file has are added.
        waiting: The nodes that wait.
        layers: Puts a node into the network.
        settled: The layer that makes a value which waits; None where it has none.
    """

    def __init__(self, values: dict[str, Value], waiting: Waiting, *, layers: _Layers, settled: _Settled) -> None:
        self.values, self.waiting = values, waiting
        self._layers, self._settled = layers, settled

    def layer(
        self, node: onnx.NodeProto, inputs: Sequence[Value | None], attributes: Mapping[str, Any]
    ) -> Mapping[str, Value] | None:
        """The result of a product or sum with something stored, or of a product of two, its layer in the network."""
        if node.op_type == "MatMul" and len(inputs) == 2 and all(isinstance(entry, Pending) for entry in inputs):
            return self._products_wait(node, [entry for entry in inputs if isinstance(entry, Pending)], attributes)
        beside = [entry for entry in inputs if not isinstance(entry, Pending | Activation)]
        if node.op_type not in _STORED or len(beside) + 1 != len(inputs):
            return None
        if not all(_is_along_the_last(node, entry) for entry in beside):
            return None
        return self._order_waits(node, inputs, attributes) or self._rows_wait(node, inputs, attributes)

    def wider(
        self, node: onnx.NodeProto, inputs: Sequence[Value | None], attributes: Mapping[str, Any], why: UserError
    ) -> Mapping[str, Value] | None:
        """A sum or product of which one side has more axes, all of extent 1, as steps in time unrolled have."""
        if node.op_type not in _ELEMENTWISE or len(inputs) != 2:
            return None
        stored = next((entry for entry in inputs if isinstance(entry, Constant)), None)
        values = [entry for entry in inputs if isinstance(entry, Activation)]
        if stored is not None and len(values) == 1:
            return self._with_wider_constant(node, inputs, attributes, stored, why)
        if len(values) != 2:
            return None
        few, many = sorted(values, key=lambda entry: len(entry.shape))
        more = len(many.shape) - len(few.shape)
        if more <= 0 or many.shape[: more + 1] != (1,) * (more + 1) or few.shape[0] != 1:
            return None  # which axis is the batch is open where all are 1: the first one, as everywhere
        shape = Constant(np.array((1,) * more + few.shape, np.int64))
        reshape = onnx.helper.make_node("Reshape", [node.input[0], ""], [f"{node.output[0]}{_INNER}wide"])
        (wide,) = self._layers(reshape, [few, shape], {}).values()
        return self._layers(node, [wide if entry is few else entry for entry in inputs], attributes)

    def _with_wider_constant(
        self,
        node: onnx.NodeProto,
        inputs: Sequence[Value | None],
        attributes: Mapping[str, Any],
        stored: Constant,
        why: UserError,
    ) -> Mapping[str, Value] | None:
        """The layer without the axes, which are put before its result."""
        value = next(entry for entry in inputs if isinstance(entry, Activation))
        more = stored.array.ndim - len(value.shape)
        if more <= 0 or any(extent != 1 for extent in stored.array.shape[:more]):
            return None
        plain = replace(stored, array=stored.array.reshape(stored.array.shape[more:]))
        (result,) = self._layers(node, [plain if entry is stored else entry for entry in inputs], attributes).values()
        steps: list[_Step] = [("Reshape", {}, ((1,) * more + (-1, *result.shape[1:])))]
        return self._again(node, result, steps, why)

    def node(self, node: onnx.NodeProto, inputs: Sequence[Value | None]) -> onnx.NodeProto:
        """The node, reading something simpler.

        Before a recurrent node that reads another's result time first, the batch is put first; a Gather of one place
        of joined values reads the part that has the place.
        """
        value = inputs[0] if inputs else None
        if not isinstance(value, Pending):
            return node
        if node.op_type == "Gather":
            return self._of_one_part(node, value, inputs[1])
        return self._time_waits(node, value) if node.op_type.lower() in GATES else node

    def _of_one_part(self, node: onnx.NodeProto, value: Pending, place: Value | None) -> onnx.NodeProto:
        joined = self.waiting.joined(value)
        if joined is None or not isinstance(place, Constant) or place.array.size != 1:
            return node
        axis, parts = joined
        if next((entry.i for entry in node.attribute if entry.name == "axis"), 0) % value.array.ndim != axis:
            return node
        index = int(place.array.reshape(-1)[0]) % value.array.shape[axis]
        for name in parts:
            part = self.values.get(name)
            if not isinstance(part, Pending):
                return node
            if index < part.array.shape[axis]:
                again = onnx.NodeProto()
                again.CopyFrom(node)
                again.input[0], again.input[1] = name, f"{node.output[0]}{_INNER}place"
                self.values[again.input[1]] = Constant(np.full(place.array.shape, index, np.int64))
                return again
            index -= part.array.shape[axis]
        return node

    def _order_waits(
        self, node: onnx.NodeProto, inputs: Sequence[Value | None], attributes: Mapping[str, Any]
    ) -> Mapping[str, Value] | None:
        """What works along the last axis does not mind in which order the others stand: the order waits on alone."""
        (pending,) = (entry for entry in inputs if isinstance(entry, Pending))
        order, source = self.waiting.moved(pending)
        before = self._settled(source, alone=False) if isinstance(source, Pending) else source
        if not isinstance(before, Activation) or order[-1:] != (len(order) - 1,):
            return None
        ready = [before if entry is pending else entry for entry in inputs]
        (result,) = self._layers(node, ready, attributes).values()
        return self._again(node, result, [("Transpose", {"perm": order}, None)], pending.why)

    def _time_waits(self, node: onnx.NodeProto, value: Pending) -> onnx.NodeProto:
        order: _Step = ("Transpose", {"perm": (1, 0, 2)}, None)
        if value.array.ndim != 3:
            return node
        name = f"{value.name}{_INNER}"
        before = self._settled(self._steps(f"{name}batch", value, [order], value.why), alone=False)
        if before is None:
            return node
        again = onnx.NodeProto()
        again.CopyFrom(node)
        self.values[f"{name}time"] = self._steps(f"{name}time", before, [order], value.why)
        again.input[0] = f"{name}time"
        return again

    def _rows_wait(
        self, node: onnx.NodeProto, inputs: Sequence[Value | None], attributes: Mapping[str, Any]
    ) -> Mapping[str, Value] | None:
        """Nor does it mind in which rows the examples stand: they are put apart for it, and together again."""
        (pending,) = (entry for entry in inputs if isinstance(entry, Pending))
        piece = self.waiting.piece(pending) if pending.array.ndim == 2 and node.op_type != "Add" else None
        if piece is None or not piece.feeds or piece.decides or self._settled(pending, alone=False) is not None:
            return None
        rows, width = pending.array.shape
        each = rows // piece.feeds[0].shape[0]
        swapped = ("Transpose", {"perm": (1, 0, 2)}, None)
        for alone in (False, True):
            for first, back in (
                ([("Reshape", {}, (-1, each, width))], []),
                ([("Reshape", {}, (each, -1, width)), swapped], [swapped]),
            ):
                apart = self._steps(f"{node.output[0]}{_INNER}{len(first)}", pending, first, pending.why)
                before = self._settled(apart, alone=alone)
                if before is not None:
                    ready = [before if entry is pending else entry for entry in inputs]
                    (result,) = self._layers(node, ready, attributes).values()
                    steps = [*back, ("Reshape", {}, (-1, result.shape[-1]))]
                    return self._again(node, result, steps, pending.why)
        return None

    def _products_wait(
        self, node: onnx.NodeProto, sides: Sequence[Pending], attributes: Mapping[str, Any]
    ) -> Mapping[str, Value] | None:
        """Products of matrices of which every example has several, all in one row: as heads of attention often are."""
        pieces = [self.waiting.piece(side) for side in sides]
        batches = {feed.shape[0] for piece in pieces if piece is not None for feed in piece.feeds}
        counts = {side.array.shape[0] for side in sides if side.array.ndim == 3}
        if len(batches) != 1 or len(counts) != 1 or any(side.array.ndim != 3 for side in sides) or None in pieces:
            return None
        (batch,), (count,) = batches, counts
        if count % batch or any(self._settled(side, alone=False) is not None for side in sides):
            return None
        each = count // batch
        for alone in (False, True):
            ready: list[Activation | None] = []
            for side in sides:
                shape = (-1, each, *side.array.shape[1:])
                apart = self._steps(f"{side.name}{_INNER}each", side, [("Reshape", {}, shape)], side.why)
                ready.append(self._settled(apart, alone=alone))
            if all(entry is not None for entry in ready):
                (result,) = self._layers(node, ready, attributes).values()
                steps: list[_Step] = [("Reshape", {}, (-1, *result.shape[2:]))]
                return self._again(node, result, steps, sides[0].why)
        return None

    def _again(
        self, node: onnx.NodeProto, result: Activation, steps: Sequence[_Step], why: UserError
    ) -> Mapping[str, Value]:
        """The node's result, made of what its layer makes."""
        return {node.output[0]: self._steps(node.output[0], result, steps, why)}

    def _steps(self, name: str, value: Activation | Pending, steps: Sequence[_Step], why: UserError) -> Pending:
        """Nodes that no file has, one after another; the last one's result has the name."""
        known = self.values.get(name)
        if isinstance(known, Pending):
            return known
        source = f"{name}{_INNER}in"
        self.values[source] = value
        if isinstance(value, Pending):
            source = value.name
        for place, (op, attributes, shape) in enumerate(steps):
            made = name if place == len(steps) - 1 else f"{name}{_INNER}{place}"
            feeds = [source]
            if shape is not None:
                feeds.append(f"{made}{_INNER}shape")
                self.values[feeds[1]] = Constant(np.array(shape, np.int64))
            proto = onnx.helper.make_node(op, feeds, [made], **attributes)
            self.values.update(self.waiting.put(proto, why))
            source = made
        result = self.values[name]
        assert isinstance(result, Pending)
        return result


def _is_along_the_last(node: onnx.NodeProto, value: Value | None) -> bool:
    """Whether a stored side is a matrix that multiplies, or one value a feature that is added."""
    return isinstance(value, Constant) and value.array.ndim in _STORED[node.op_type]


_STORED: Mapping[str, tuple[int, ...]] = {"MatMul": (2,), "Add": (1,), "Gemm": (1, 2)}
"""By operator: how many axes what is stored may have."""

_ELEMENTWISE = frozenset({"Add", "Sub", "Mul", "Div"})

_INNER = "#inner"
"""Ends the names of values that no node of the file has."""
