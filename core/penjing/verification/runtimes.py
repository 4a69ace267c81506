"""Reopens an exported file in a runtime that shares nothing with what wrote it; formats register here by id."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import onnxruntime
import torch
from torch import Tensor

from penjing.compression.simulation import simulate
from penjing.loading.penjingnet import read_penjingnet

Run = Callable[[Sequence[Tensor]], tuple[Tensor, ...]]
"""Inputs to outputs, both in the network's order."""
Promise = Literal["screen", "float"]
"""What a format promises to compute: what was on screen, or the float network with its quantized weights."""


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """One way to run a file; `variant` says how, where a format has several."""

    variant: str
    run: Run
    optimised: bool = False
    """Its result may differ from an unoptimised one's only by the runtime's own doing."""


OpenFile = Callable[[str, Path], tuple[Runtime, ...]]
"""(format, path) → the ways to run the file."""


@dataclass(frozen=True, kw_only=True)
class Format:
    """How the files of one format are reopened."""

    promise: Promise
    integers: bool
    """Whether it computes in integers, where ties may round either way."""
    open: Callable[[Path], tuple[Runtime, ...]]


def open_onnx(path: Path) -> tuple[Runtime, ...]:
    """onnxruntime, first exactly as the file says, then with all its graph optimisations."""
    return (
        Runtime(variant="without optimisation", run=onnx_session(path.read_bytes(), optimised=False)),
        Runtime(variant="with optimisation", run=onnx_session(path.read_bytes(), optimised=True), optimised=True),
    )


def onnx_session(content: bytes, *, optimised: bool) -> Run:
    """A network in onnxruntime, on one thread."""
    options: Any = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    levels = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if optimised else levels.ORT_DISABLE_ALL
    session: Any = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    names = [entry.name for entry in session.get_inputs()]

    def run(inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        feeds = {name: tensor.numpy() for name, tensor in zip(names, inputs, strict=True)}
        return tuple(torch.from_numpy(array) for array in session.run(None, feeds))

    return run


def open_pt2(path: Path) -> tuple[Runtime, ...]:
    """torch.export's own loader; only for files that were just written here or whose hash is in the manifest."""
    module = torch.export.load(path).module()

    def run(inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        with torch.no_grad():
            answer = module(*inputs)
        return tuple(answer) if isinstance(answer, tuple | list) else (answer,)

    return (Runtime(variant="", run=run),)


def open_penjingnet(path: Path) -> tuple[Runtime, ...]:
    """Read back and simulated as the screen does it."""
    return (Runtime(variant="", run=running(simulate(read_penjingnet(path)))),)


def running(predict: Callable[..., Any]) -> Run:
    """A `Run` from a function of tensors that answers with one tensor or a tuple."""

    def run(inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        answer = predict(*inputs)
        return answer if isinstance(answer, tuple) else (answer,)

    return run


FORMATS: Mapping[str, Format] = {
    "onnx-int8": Format(promise="screen", integers=True, open=open_onnx),
    "penjingnet": Format(promise="screen", integers=False, open=open_penjingnet),
    "onnx": Format(promise="float", integers=False, open=open_onnx),
    "pt2": Format(promise="float", integers=False, open=open_pt2),
}
"""By the catalogue's ids; the first that an export has gives the verdict its accuracy."""


def open_exported(format: str, path: Path) -> tuple[Runtime, ...]:
    """The ways to run a file that was written just now, or whose hash says so."""
    return FORMATS[format].open(path)
