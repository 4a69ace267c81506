"""Turns a functional aten graph, from memory or from a `.pt2` file, into module form."""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from penjing.errors import Note, UserError
from penjing.loading import limits
from penjing.loading.assembly import Assembly, known
from penjing.loading.aten_moving import MOVING, PARTS, Moved, Stacked, batch_first, moved, settled
from penjing.loading.aten_quantized import OPERATORS, Rounded
from penjing.loading.aten_recurrent import CELLS, backwards, recurrent, sequence
from penjing.loading.reasons import reason
from penjing.model.model import Model
from penjing.model.operators.reading import Activation, AtenNode, Constant, Value


@dataclass(frozen=True)
class Ref:
    """An argument that is another call's result, an input or a stored tensor."""

    name: str


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call: operator without overload, arguments by name, the names of its results."""

    op: str
    name: str
    wanted: str
    arguments: Mapping[str, Any]
    results: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Program:
    """A whole graph; `inputs` are (name, the name people know, shape), `outputs` are (name people know, value)."""

    where: str
    inputs: tuple[tuple[str, str, tuple[int, ...]], ...]
    constants: Mapping[str, Constant]
    calls: tuple[Call, ...]
    outputs: tuple[tuple[str, str], ...]
    warnings: tuple[Note, ...] = ()


def to_model(program: Program) -> Model:
    """The network in module form.

    Raises:
        UserError: `load.unknown_operator` with all that no row reads, and what `Assembly` raises.
    """
    limits.check(len(program.calls), limits.MAX_NODES, what="nodes", where=program.where)
    assembly = Assembly(program.where)
    assembly.warnings.extend(program.warnings)
    budget = limits.Budget(program.where)
    rounded = Rounded(assembly)
    values: dict[str, Any] = dict(program.constants)
    for name, source_name, shape in program.inputs:
        values[name] = assembly.input(source_name, shape)
    _check_known(program, values)
    viewed: set[str] = set()
    for call in program.calls:
        if not call.results or call.op in _ASSERTIONS:
            continue
        arguments = {key: _resolved(entry, values, call) for key, entry in call.arguments.items()}
        in_place = call.op.endswith("_") and not call.op.startswith("__")
        target = call.arguments.get("self", call.arguments.get("input"))
        if in_place and isinstance(target, Ref) and target.name in viewed:
            raise _node(call, arguments).unsupported("it changes a tensor that shares its memory with another")
        result = _result(call, arguments, assembly, rounded)
        budget.spend(result.array.size if isinstance(result, Constant) else 0)
        if isinstance(result, tuple) and len(call.results) > 1:
            values.update(zip(call.results, result, strict=False))
        else:
            values[call.results[0]] = result
        if isinstance(target, Ref):
            if in_place:
                values[target.name] = result
            if call.op in _VIEWS:
                viewed.update((target.name, call.results[0]))
    outputs = []
    for source_name, name in program.outputs:
        value = values.get(name)
        if isinstance(value, Moved):
            value = settled(value, AtenNode(op="output", name=name, arguments={}), assembly, wanted=name)
        if not isinstance(value, Activation):
            raise UserError("load.constant_output", output=source_name)
        outputs.append((source_name, value.name))
    return assembly.finish(outputs)


_ASSERTIONS = ("_assert_tensor_metadata", "_assert_scalar", "sym_constrain_range_for_size")
"""What says something of a tensor and computes nothing."""

_VIEWS = {"alias", "detach", "expand", "flatten", "permute", "reshape", "select", "slice", "squeeze", "t"} | {
    "transpose",
    "unsqueeze",
    "view",
}

_INTEGERS: Mapping[str, Callable[[int, int], int]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "floordiv": operator.floordiv,
}

_SHAPING = {"cat", "expand", "flatten", "permute", "reshape", "select", "slice", "squeeze", "t", "transpose"}
_ARITHMETIC = {"add", "div", "exp", "mul", "neg", "reciprocal", "rsqrt", "sqrt", "sub", "unsqueeze", "view"}
_COPYING = {"alias", "clone", "contiguous", "detach", "lift_fresh_copy", "to", "_to_copy"}
_FOLDED = _SHAPING | _ARITHMETIC | _COPYING
"""What may be computed from stored tensors while loading."""


def _check_known(program: Program, values: Mapping[str, Any]) -> None:
    folded = set(program.constants)
    unknown: dict[str, str] = {}
    for call in program.calls:
        op = _base(call.op)
        refs = list(_refs(tuple(call.arguments.values())))
        if op in _FOLDED and refs and set(refs) <= folded:
            folded.update(call.results)
        elif (
            op in ("sym_size", *_ASSERTIONS, "getitem", "zeros", *CELLS, *MOVING, *OPERATORS)
            or call.op in _INTEGERS
            or known(AtenNode, op)
        ):
            continue
        else:
            unknown.setdefault(op, call.name)
    if unknown:
        first = next(iter(unknown.values()))
        raise UserError("load.unknown_operator", operator=", ".join(sorted(unknown)), layer=first)


def _result(call: Call, arguments: Mapping[str, Any], assembly: Assembly, rounded: Rounded) -> Any:
    op, node = _base(call.op), _node(call, arguments)
    whole = arguments.get("self")
    if op == "zeros":
        return Constant(np.zeros(limits.check_shape(node.integers("size"), where=call.name), np.float32))
    if op == "sym_size":
        shape = whole.shape if isinstance(whole, Moved) else node.activation().shape
        return shape[int(node.get("dim", 0))]
    if op == "getitem":
        if isinstance(whole, tuple):
            return whole[int(node.get("index", 0))]
        if arguments.get("index") != 0:
            raise node.unsupported("a result other than the first")
        return whole
    if isinstance(whole, Stacked):
        return whole.taken(node)
    numbers = list(arguments.values())
    if op in _INTEGERS and len(numbers) == 2 and all(type(number) is int for number in numbers):
        return _INTEGERS[op](*numbers)
    if op in MOVING and (isinstance(whole, Moved) or (op in PARTS and isinstance(whole, Activation))):
        return moved(node)
    if op in CELLS:
        return _recurrent(node, assembly, call.wanted)
    if op == "linear" and isinstance(arguments.get("input"), Moved):
        beside = _beside_order(node, assembly, call.wanted)
        if beside is not None:
            return beside
    arguments = {key: _settled(entry, node, assembly, call.wanted) for key, entry in arguments.items()}
    node = _node(call, arguments)
    if op in OPERATORS:
        return rounded.read(node, call.wanted)
    tensors = [entry for entry in _flat(tuple(arguments.values())) if isinstance(entry, Activation | Constant)]
    if tensors and all(isinstance(entry, Constant) for entry in tensors):
        return _folded(op, node, arguments)
    first = next((entry.name for entry in tensors if isinstance(entry, Activation)), None)
    if first is None:
        raise node.unsupported("it depends on nothing")
    try:
        return assembly.read(node, lambda row: row.read_aten(node), wanted=call.wanted, first=first)
    except UserError as error:
        if op not in MOVING or not isinstance(whole, Activation) or error.code != "load.unsupported_form":
            raise
    return moved(node)


def _settled(entry: Any, node: AtenNode, assembly: Assembly, wanted: str) -> Any:
    """An argument, every moved value in it a layer's."""
    if isinstance(entry, Moved):
        return settled(entry, node, assembly, wanted=f"{wanted}.order")
    return tuple(_settled(part, node, assembly, wanted) for part in entry) if isinstance(entry, tuple) else entry


def _beside_order(node: AtenNode, assembly: Assembly, wanted: str) -> Any:
    """A linear layer does not mind in which order the axes before the last stand: the order goes on behind it."""
    found = batch_first(node.arguments["input"])
    if found is None:
        return None
    value, axis = found
    given = {**node.arguments, "input": settled(value, node, assembly, wanted=f"{wanted}.order")}
    ready = AtenNode(op=node.op, name=node.name, arguments=given)
    first = given["input"].name
    result = assembly.read(ready, lambda row: row.read_aten(ready), wanted=wanted, first=first)
    count = torch.Size(result.shape).numel()
    places = torch.arange(count).reshape(result.shape).movedim(0, axis)
    return Moved(result, places.reshape(*node.arguments["input"].shape[:-1], -1))


def _recurrent(node: AtenNode, assembly: Assembly, wanted: str) -> Any:
    """Layers with the batch first, whatever order the call has."""
    time_first, value = not node.get("batch_first", False), node.arguments["input"]
    if not isinstance(value, Activation | Moved):
        raise node.unsupported("it depends on nothing")
    value = sequence(value) if time_first else value
    back = isinstance(value, Moved) and _goes_back(value)
    value = backwards(value) if back else value
    given = {**node.arguments, "input": _settled(value, node, assembly, wanted), "batch_first": True}
    ready = AtenNode(op=node.op, name=node.name, arguments=given)
    all_, *states = recurrent(ready, assembly, wanted=wanted, back=back)
    all_ = backwards(all_) if back else all_
    return (sequence(all_) if time_first else all_, *states)


def _goes_back(value: Moved) -> bool:
    """Whether a sequence [n, time, …] begins with the last step."""
    steps = value.places[0].reshape(value.shape[1], -1) if len(value.shape) > 1 else value.places
    return len(steps) > 1 and bool((steps[1:] < steps[:-1]).all())


def _folded(op: str, node: AtenNode, arguments: Mapping[str, Any]) -> Constant:
    if op not in _FOLDED:
        raise node.unsupported("it is computed from stored tensors alone")
    origins = [entry.origin for entry in arguments.values() if isinstance(entry, Constant)]
    function = getattr(torch.ops.aten, op)
    try:
        shape = function(**_tensors(arguments, "meta")).shape
        limits.check_shape(shape, where=node.name)
        result = function(**_tensors(arguments, "cpu"))
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        raise UserError("load.bad_node", layer=node.name, operator=op, detail=reason(error)) from error
    return Constant(result.detach().contiguous().numpy(), origins[0] if len(origins) == 1 else "")


def _tensors(value: Any, device: str) -> Any:
    if isinstance(value, Constant):
        return torch.from_numpy(value.array.copy()).to(device)
    if isinstance(value, Mapping):
        return {key: _tensors(entry, device) for key, entry in value.items()}
    return [_tensors(entry, device) for entry in value] if isinstance(value, tuple) else value


def _node(call: Call, arguments: Mapping[str, Any]) -> AtenNode:
    return AtenNode(op=_base(call.op), name=call.name, arguments=arguments)


def _base(op: str) -> str:
    return op[:-1] if op.endswith("_") and not op.endswith("__") else op


def _resolved(entry: Any, values: Mapping[str, Any], call: Call) -> Any:
    if isinstance(entry, Ref):
        if entry.name not in values:
            raise UserError("model.unknown_input", layer=call.name, input=entry.name)
        found: Value | int = values[entry.name]
        return found
    return tuple(_resolved(part, values, call) for part in entry) if isinstance(entry, tuple | list) else entry


def _flat(entry: Any) -> list[Any]:
    return [part for each in entry for part in _flat(each)] if isinstance(entry, tuple | list) else [entry]


def _refs(entry: Any) -> list[str]:
    return [part.name for part in _flat(entry) if isinstance(part, Ref)]
