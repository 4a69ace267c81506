"""The one place that makes graphs: a list of nodes becomes a network in module form."""

import dataclasses
from collections import Counter

import msgspec
import torch
from torch import Tensor, fx, nn

from penjing.errors import UserError, lacks_memory
from penjing.layer_graph import NetworkInput
from penjing.loading.names import is_safe
from penjing.loading.reasons import reason
from penjing.model.model import Model
from penjing.model.operators.table import operator_of, operators
from penjing.model.spec import NetworkSpec, NodeSpec

Shape = tuple[int, ...]


def build(spec: NetworkSpec) -> Model:
    """A model from nodes; every name is checked again here, whoever made the spec.

    Raises:
        UserError: `model.unsafe_name`, `model.unknown_operator`, `model.bad_node`, `model.unknown_input`,
            `model.bad_shape`, `model.no_layers`.
    """
    _check_names(spec)
    root, graph = nn.Module(), fx.Graph()
    values = {entry.name: graph.placeholder(entry.name) for entry in spec.inputs}
    for node in spec.nodes:
        missing = [name for name in node.inputs if name not in values]
        if missing:
            raise UserError("model.unknown_input", layer=node.source_name, input=missing[0])
        _put(root, node.name, _module(node))
        values[node.name] = graph.call_module(node.name, tuple(values[name] for name in node.inputs))
    missing = [output.layer for output in spec.outputs if output.layer not in values]
    if missing or not spec.outputs or not spec.nodes:
        raise UserError("model.no_layers")
    results = tuple(values[output.layer] for output in spec.outputs)
    graph.output(results[0] if len(results) == 1 else results)
    module = fx.GraphModule(root, graph).eval()
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    model = Model(
        module=module,
        inputs=spec.inputs,
        outputs=spec.outputs,
        source_names={node.name: node.source_name for node in spec.nodes},
        opset=spec.opset,
        warnings=spec.warnings,
    )
    shapes = layer_shapes(model)
    outputs = tuple(msgspec.structs.replace(output, shape=shapes[output.layer]) for output in spec.outputs)
    return dataclasses.replace(model, outputs=outputs)


def layer_shapes(model: Model) -> dict[str, Shape]:
    """The shape of every input's and layer's result at batch 1; nothing is computed for it.

    Raises:
        UserError: `model.bad_shape` where a layer refuses what feeds it.
    """
    shapes = {entry.name: entry.shape for entry in model.inputs}
    for name, module, feeds in model.layers():
        given = tuple(shapes[feed] for feed in feeds)
        try:
            shapes[name] = operator_of(module).shape(module, given) or _shape_by_torch(module, given)
        except (RuntimeError, TypeError, ValueError, IndexError, ArithmeticError) as error:
            told = ", ".join(str(list(shape)) for shape in given)
            layer = model.source_names.get(name, name)
            raise UserError("model.bad_shape", layer=layer, shapes=told, detail=reason(error)) from error
    return shapes


def _shape_by_torch(module: nn.Module, given: tuple[Shape, ...]) -> Shape:
    tensors = {key: tensor.to("meta") for key, tensor in _state(module).items()}
    with torch.no_grad():
        feeds = tuple(torch.empty(shape, device="meta") for shape in given)
        result: Tensor = torch.func.functional_call(module, tensors, feeds)
    return tuple(result.shape)


def _state(module: nn.Module) -> dict[str, Tensor]:
    return dict(module.named_parameters()) | dict(module.named_buffers())


def _check_names(spec: NetworkSpec) -> None:
    names = [entry.name for entry in spec.inputs] + [node.name for node in spec.nodes]
    unsafe = [name for name in names if not is_safe(name)]
    # An input becomes a parameter of the function that fx writes: it has no folder.
    unsafe += [entry.name for entry in spec.inputs if "." in entry.name]
    if unsafe:
        raise UserError("model.unsafe_name", name=unsafe[0])
    twice = [name for name, count in Counter(name.replace(".", "_") for name in names).items() if count > 1]
    if twice:
        raise UserError("model.unsafe_name", name=twice[0])


def _module(node: NodeSpec) -> nn.Module:
    row = operators().get(node.kind)
    if row is None:
        raise UserError("model.unknown_operator", layer=node.source_name, operator=node.kind)
    try:
        return row.build(node.attributes, node.tensors)
    except (KeyError, TypeError, ValueError, IndexError, RuntimeError, OverflowError) as error:
        if lacks_memory(error):
            raise MemoryError(str(error)) from error  # nothing is wrong with the file
        detail = f"{type(error).__name__}: {reason(error)}"
        raise UserError("model.bad_node", layer=node.source_name, operator=node.kind, detail=detail) from error


def _put(root: nn.Module, path: str, module: nn.Module) -> None:
    *folders, last = path.split(".")
    for folder in folders:
        if folder not in root._modules:
            root.add_module(folder, nn.Module())
        found = root._modules[folder]
        assert found is not None
        root = found
    root.add_module(last, module)


def batch_one(entry: NetworkInput) -> Tensor:
    """A tensor of zeros that the network takes, batch 1."""
    return torch.zeros(entry.shape)
