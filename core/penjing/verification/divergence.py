"""Finds the first layer at which a file computes something else than what was on screen."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import Tensor, fx

from penjing.compression.integer import run_all
from penjing.compression.quantizers import NARROW
from penjing.compression.simulation import trace
from penjing.errors import UserError
from penjing.exporting.c99.program import program_of
from penjing.model.model import Model, Quantizer
from penjing.verification.c99.code import Code
from penjing.verification.c99.tapped import tapped
from penjing.verification.c99.tools import ToolMissing
from penjing.verification.comparison import ABSOLUTE, MOST_TIES, RELATIVE
from penjing.verification.runtimes import Runtime, onnx_session
from penjing.verification.trial import Trial


@dataclass(frozen=True, kw_only=True)
class Divergence:
    """The first layer that differs, with the statistics of both of its tensors in words."""

    layer: str
    source_name: str
    file: str
    screen: str


def first_divergence(model: Model, path: Path, inputs: Sequence[Tensor], trial: Trial) -> Divergence | None:
    """The first layer, in execution order, whose values differ; None where the format does not show them."""
    if trial.runtime.code is not None:
        return _first_in_c(model, trial.runtime.code, inputs, trial.runtime)
    if path.suffix != ".onnx":
        return None
    screen = trace(model, *inputs) if trial.promise == "screen" else _float_values(model, inputs)
    try:
        file = _onnx_values(model, path, inputs, optimised=trial.runtime.optimised)
    except Exception:
        # The search is a help on top of a failure that is already told; it must not hide that failure.
        return None
    for name, _, _ in model.layers():
        grid = model.activation_quantizers.get(name) if trial.promise == "screen" else None
        if name in file and name in screen and not _same(file[name], screen[name], grid):
            source = model.source_names.get(name, name)
            return Divergence(
                layer=name, source_name=source, file=_statistics(file[name]), screen=_statistics(screen[name])
            )
    return None


def _first_in_c(model: Model, code: Code, inputs: Sequence[Tensor], runtime: Runtime) -> Divergence | None:
    """In exported C every code counts."""
    try:
        program = program_of(model)
        with tempfile.TemporaryDirectory(prefix="penjing-") as folder:
            found = tapped(code, program, Path(folder))
            if found is None:
                return None
            assert runtime.answer is not None
            file = found.run(inputs, runtime.answer(found.code))
    except (ToolMissing, UserError, OSError, RuntimeError, ValueError):
        return None  # as below: a help that must not hide the failure
    values = (tensor.numpy().astype(np.float32) for tensor in inputs)
    screen = run_all(program.graph, *values, rounding=runtime.rounding)
    for placed, own in zip(found.nodes, file, strict=True):
        wanted = screen[placed.node.name]
        if np.array_equal(own, wanted.reshape(own.shape)):
            continue
        codes, layer = placed.node.output, placed.node.layers[0]
        sides = (torch.from_numpy(codes.decode(one.reshape(wanted.shape) - codes.zero_point)) for one in (own, wanted))
        told_file, told_screen = (_statistics(side) for side in sides)
        source = model.source_names.get(layer, layer)
        return Divergence(layer=layer, source_name=source, file=told_file, screen=told_screen)
    return None


class _Recorder(fx.Interpreter):
    """Keeps every layer's result."""

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.values: dict[str, Tensor] = {}

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        if n.op == "call_module":
            self.values[str(n.target)] = result
        return result


def _float_values(model: Model, inputs: Sequence[Tensor]) -> Mapping[str, Tensor]:
    recorder = _Recorder(model.module)
    with torch.no_grad():
        recorder.run(*inputs)
    return recorder.values


def _onnx_values(model: Model, path: Path, inputs: Sequence[Tensor], *, optimised: bool) -> Mapping[str, Tensor]:
    """Every layer's value in the file: the tensors that carry a layer's name become outputs, too."""
    proto = onnx.load_model(path)
    given = [entry.name for entry in proto.graph.output]
    made = {name for node in proto.graph.node for name in node.output}
    shown = dict(_tensors(model, given, made))
    for name in shown.values():
        if name not in given:
            proto.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    order = [entry.name for entry in proto.graph.output]
    values = onnx_session(proto.SerializeToString(), optimised=optimised)(inputs)
    return {layer: values[order.index(name)] for layer, name in shown.items()}


def _tensors(model: Model, given: Sequence[str], made: set[str]) -> Iterator[tuple[str, str]]:
    outputs = {output.layer: name for output, name in zip(model.outputs, given, strict=True)}
    for layer, _, _ in model.layers():
        if layer in made:
            yield layer, layer
        elif layer in outputs:
            yield layer, outputs[layer]


def _same(file: Tensor, screen: Tensor, grid: Quantizer | None) -> bool:
    if file.shape != screen.shape or not bool(torch.isfinite(file).all()):
        return False
    difference = (file.double() - screen.double()).abs()
    if grid is None or grid.bits > NARROW:
        return bool(difference.max() <= RELATIVE * screen.abs().max() + ABSOLUTE)
    apart = torch.round(difference / grid.scale)
    return bool(apart.max() <= 1) and float((apart > 0).double().mean()) <= MOST_TIES


def _statistics(values: Tensor) -> str:
    return (
        f"{list(values.shape)} min {float(values.min()):.4g} mean {float(values.mean()):.4g} "
        f"max {float(values.max()):.4g}"
    )
