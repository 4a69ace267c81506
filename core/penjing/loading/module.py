"""A network in memory, any `nn.Module`, becomes module form.

>>> import torch
>>> from penjing.loading.module import from_module
>>> model = from_module(torch.nn.Sequential(torch.nn.Linear(4, 2)), torch.zeros(1, 4))
>>> [name for name, module, feeds in model.layers()]
['n_0']
"""

import copy
import operator
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn
from torch.export import ExportedProgram

from penjing.errors import Note, UserError, note
from penjing.loading.aten import Call, Program, Ref, to_model
from penjing.loading.reasons import reason
from penjing.model.model import Model
from penjing.model.operators.reading import Constant


def from_module(
    module: nn.Module,
    example: Tensor | tuple[Tensor, ...],
    *,
    input_names: Sequence[str] = (),
    where: str = "module",
) -> Model:
    """The module, traced by torch.export in evaluation mode, in module form; the module itself is not changed.

    `example` are tensors as the module takes them, the batch axis first; any batch size.

    Raises:
        UserError: `load.not_traced` where torch.export fails, and what `to_model` raises.
    """
    given = example if isinstance(example, tuple) else (example,)
    traced = copy.deepcopy(module).eval().to(dtype=torch.float32, device="cpu")
    changed = sorted({str(entry.dtype).removeprefix("torch.") for entry in _other_floats(module)})
    notes = tuple(note("load.dtype_changed", dtype=dtype) for dtype in changed)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            program = torch.export.export(traced, tuple(tensor.to(torch.float32) for tensor in given))
    except Exception as error:  # whatever a tracer meets in someone else's code
        detail = reason(error)
        raise UserError("load.not_traced", where=where, detail=detail) from error
    return to_model(_program(program, input_names, where, notes))


def _other_floats(module: nn.Module) -> list[Tensor]:
    tensors = [*module.parameters(), *module.buffers()]
    return [tensor for tensor in tensors if tensor.is_floating_point() and tensor.dtype != torch.float32]


def _program(program: ExportedProgram, names: Sequence[str], where: str, notes: tuple[Note, ...]) -> Program:
    signature = program.graph_signature
    stored: Mapping[str, Any] = {**program.state_dict, **program.constants}
    owners = {
        **signature.inputs_to_parameters,
        **signature.inputs_to_buffers,
        **signature.inputs_to_lifted_tensor_constants,
    }
    inputs: list[tuple[str, str, tuple[int, ...]]] = []
    constants: dict[str, Constant] = {}
    calls: list[Call] = []
    for node in program.graph.nodes:
        if node.op == "placeholder" and node.name in owners:
            constants[node.name] = Constant(_array(stored[owners[node.name]]), owners[node.name])
        elif node.op == "placeholder":
            value = node.meta.get("val")
            if not isinstance(value, Tensor):
                raise UserError("load.not_traced", where=where, detail=f"the input {node.name} is no tensor")
            known = names[len(inputs)] if len(inputs) < len(names) else node.name
            inputs.append((node.name, known, tuple(int(extent) for extent in value.shape)))
        elif node.op == "call_function":
            calls.append(_call(node))
    outputs = tuple((str(name), str(name)) for name in signature.user_outputs)
    return Program(
        where=where,
        inputs=tuple(inputs),
        constants=constants,
        calls=tuple(calls),
        outputs=outputs,
        warnings=notes,
    )


def _call(node: fx.Node) -> Call:
    target = node.target
    if target is operator.getitem:
        op, names = "getitem", ["self", "index"]
    elif isinstance(target, torch._ops.OpOverload):
        op, names = target._schema.name.rpartition("::")[2], [entry.name for entry in target._schema.arguments]
    else:
        op, names = str(getattr(target, "__name__", target)), [str(place) for place in range(len(node.args))]
    arguments = dict(zip(names, node.args, strict=False)) | dict(node.kwargs)
    return Call(
        op=op,
        name=node.name,
        wanted=scope(list(node.meta.get("nn_module_stack", {}).values()), op),
        arguments={key: _plain(value) for key, value in arguments.items()},
        results=(node.name,),
    )


def scope(stack: Sequence[tuple[str, Any]], op: str) -> str:
    """A layer's name from the modules it was called in: the last module's if it is torch's, else the operator in it."""
    path, kind = stack[-1] if stack else ("", "")
    path = path.removeprefix("L['self'].").removeprefix("L['self']")
    kind = kind if isinstance(kind, str) else f"{kind.__module__}.{kind.__qualname__}"
    if path and kind.startswith("torch.nn.modules.") and "container" not in kind:
        return path
    return f"{path}.{op.strip('_')}" if path else op.strip("_")


def _plain(value: Any) -> Any:
    if isinstance(value, fx.Node):
        return Ref(value.name)
    return tuple(_plain(entry) for entry in value) if isinstance(value, list | tuple) else value


def _array(tensor: Tensor) -> np.ndarray[Any, Any]:
    floating = tensor.detach().cpu()
    return (floating.to(torch.float32) if floating.is_floating_point() else floating).contiguous().numpy()
