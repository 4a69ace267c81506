"""Reads `.pt2` files of torch.export: the program's JSON, never torch's own loader, becomes module form."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from penjing.errors import Note, UserError, note
from penjing.loading import limits
from penjing.loading.aten import Call, Program, Ref, to_model
from penjing.loading.aten_quantized import NAMESPACE
from penjing.loading.example_shapes import filled
from penjing.loading.module import scope
from penjing.loading.pt2_archive import BAD_JSON, read_archive
from penjing.loading.reasons import reason
from penjing.model.model import Model
from penjing.model.operators.reading import Constant


def read_pt2(path: Path, *, example_shapes: Sequence[Sequence[int]] | None = None) -> Model:
    """The network of a `.pt2` file; `example_shapes` (without the batch) fill extents that the file leaves open.

    Raises:
        UserError: what `read_archive` and `to_model` raise; `load.symbolic_shape`.
    """
    program, tensors, changed = read_archive(path)
    notes = tuple(note("load.dtype_changed", dtype=dtype) for dtype in changed)
    try:
        read = _program(program, tensors, path.name, example_shapes, notes)
    except BAD_JSON as error:
        detail = f"{type(error).__name__}: {reason(error)}"
        raise UserError("load.bad_pt2", where=path.name, detail=detail) from error
    return to_model(read)


def _program(
    program: Mapping[str, Any],
    tensors: Mapping[str, Constant],
    where: str,
    example_shapes: Sequence[Sequence[int]] | None,
    notes: tuple[Note, ...],
) -> Program:
    graph, signature = program["graph_module"]["graph"], program["graph_module"]["signature"]
    limits.check(len(graph["nodes"]), limits.MAX_NODES, what="nodes", where=where)
    inputs: list[tuple[str, str, tuple[int, ...]]] = []
    constants = {}
    for spec in signature["input_specs"]:
        ((kind, entry),) = spec.items()
        if kind == "user_input":
            name = entry["arg"]["as_tensor"]["name"]
            inputs.append(
                (name, name, _shape(name, graph["tensor_values"][name]["sizes"], example_shapes, len(inputs)))
            )
        elif kind in _STORED:
            constants[entry["arg"]["name"]] = tensors[entry[_STORED[kind]]]
        else:
            raise UserError("load.bad_pt2", where=where, detail=f"an input of kind {kind}")
    outputs = []
    for spec in signature["output_specs"]:
        if "user_output" in spec:
            name = spec["user_output"]["arg"]["as_tensor"]["name"]
            outputs.append((name, name))
    return Program(
        where=where,
        inputs=tuple(inputs),
        constants=constants,
        calls=tuple(_call(node) for node in graph["nodes"]),
        outputs=tuple(outputs),
        warnings=notes,
    )


_STORED = {"parameter": "parameter_name", "buffer": "buffer_name", "tensor_constant": "tensor_constant_name"}
"""By kind of input: what names its tensor."""


def _shape(
    name: str, sizes: Sequence[Any], example_shapes: Sequence[Sequence[int]] | None, place: int
) -> tuple[int, ...]:
    """The shape of an input: a batch that is left open is 1, other open extents come from the example."""
    shape = [size.get("as_int", -1) for size in sizes]
    if all(type(extent) is int for extent in shape):
        shape = filled(shape, example_shapes, place) if shape else shape
    if shape and shape[0] < 0:
        shape[0] = 1
    if any(type(extent) is not int or extent < 1 for extent in shape):
        raise UserError("load.symbolic_shape", input=name, shape=["?" if extent == -1 else extent for extent in shape])
    return tuple(shape)


def _call(node: Mapping[str, Any]) -> Call:
    target = str(node["target"])
    namespace, _, rest = target.removeprefix("torch.ops.").partition(".")
    op = rest.partition(".")[0]
    if namespace == NAMESPACE:
        op = f"{NAMESPACE}.{op}"
    elif not target.startswith("torch.ops.aten."):
        op = rest if namespace in ("_operator", "operator") else target
    stack = str(node.get("metadata", {}).get("nn_module_stack", "")).split(";")[-1].split(",")
    scopes = [(",".join(stack[1:-1]), stack[-1])] if len(stack) > 2 else []
    arguments = {}
    for place, entry in enumerate(node["inputs"]):
        name = str(entry["name"])
        arguments[name if name and name not in arguments else str(place)] = _argument(entry["arg"])
    if op == "getitem":
        arguments = dict(zip(("self", "index"), arguments.values(), strict=True))
    results = tuple(name for entry in node["outputs"] for name in _results(entry))
    return Call(
        op=op,
        name=str(node.get("name") or results[0]),
        wanted=scope(scopes, op),
        arguments=arguments,
        results=results,
    )


def _argument(argument: Mapping[str, Any]) -> Any:
    ((kind, value),) = argument.items()
    if kind == "as_tensor":
        return Ref(str(value["name"]))
    if kind in ("as_tensors", "as_optional_tensors"):
        return tuple(
            _argument(entry) if "as_tensor" in entry or "as_none" in entry else Ref(str(entry["name"]))
            for entry in value
        )
    if kind == "as_sym_int":
        return _symbolic(value)
    if kind == "as_sym_ints":
        return tuple(_symbolic(entry) for entry in value)
    if kind in ("as_int", "as_float", "as_bool", "as_string"):
        return float(value) if kind == "as_float" else value
    if kind in ("as_ints", "as_floats", "as_bools", "as_strings"):
        return tuple(value)
    if kind in ("as_none", "as_device", "as_scalar_type", "as_memory_format", "as_layout"):
        return None  # module form has one device, one type and one order in memory
    raise ValueError(f"an argument of kind {kind}")


def _symbolic(entry: Mapping[str, Any]) -> Any:
    return Ref(str(entry["as_name"])) if "as_name" in entry else entry["as_int"]


def _results(entry: Mapping[str, Any]) -> tuple[str, ...]:
    ((kind, value),) = entry.items()
    if kind == "as_tensors":
        return tuple(str(part["name"]) for part in value)
    return (str(value["name"] if kind == "as_tensor" else value["as_name"]),)
