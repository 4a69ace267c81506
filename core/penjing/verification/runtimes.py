"""Reopens an exported file in a runtime that shares nothing with what wrote it; formats register here by id."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from penjing.compression.integer import run as run_reference
from penjing.compression.lowering import lower
from penjing.compression.simulation import simulate
from penjing.exporting.c99.cmsis_nn import FORMAT as CMSIS_NN
from penjing.loading.penjingnet import read_penjingnet
from penjing.model.c_kernels.parts import Rounding
from penjing.model.model import Model
from penjing.model.onnx_runtime import onnxruntime
from penjing.verification.c99.board import SAMPLES, BoardRun
from penjing.verification.c99.boards import BOARDS
from penjing.verification.c99.cmsis_nn import is_here
from penjing.verification.c99.code import Answer, Code, read_code
from penjing.verification.c99.host import host_answer
from penjing.verification.c99.tools import ARM

C99 = "c99"
CMSIS_NN_CORE = "cortex-m4"
"""Where CMSIS-NN is tried for a device with another core than Arm's."""
REFERENCE_SAMPLES = 64
"""numpy's integers are slow; the compiled code runs on all of the test data."""

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
    limit: int | None = None
    """It is too slow for more samples than this."""
    code: Code | None = None
    """Exported C …"""
    answer: Callable[[Code], Answer] | None = None
    """… and how any other is run like it."""
    rounding: Rounding = "single"
    """With `double` its results are not the screen's, but those of the integer reference that rounds so."""
    board: BoardRun | None = None
    """An emulated board, with what was counted on it."""


OpenFile = Callable[[str, Path], tuple[Runtime, ...]]
"""(format, path) → the ways to run the file."""


@dataclass(frozen=True, kw_only=True)
class Format:
    """How the files of one format are reopened."""

    promise: Promise
    integers: bool
    """Whether it computes in integers, where ties may round either way."""
    exact: bool = False
    """Whether every code must be the screen's own; its results come as rows, channels last."""
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
    entries = session.get_inputs()
    names = [entry.name for entry in entries]
    alone = any(entry.shape[:1] == [1] for entry in entries)

    def run(inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        if alone and len(inputs[0]) > 1:
            rows = [run([tensor[place : place + 1] for tensor in inputs]) for place in range(len(inputs[0]))]
            return tuple(torch.cat(parts) for parts in zip(*rows, strict=True))
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


def open_c99(path: Path, cores: Sequence[str] = ()) -> tuple[Runtime, ...]:
    """Compiled for this machine, and for cores that are emulated; only for C whose hash is known."""
    code = read_code(path)
    limit = None if code.rounding == "single" else REFERENCE_SAMPLES
    run = _c_run(code, host_answer(code))
    host = Runtime(variant="host compiler", run=run, code=code, answer=host_answer, limit=limit, rounding=code.rounding)
    return (host, *(_on_board(code, core) for core in cores))


def open_cmsis_nn(path: Path, cores: Sequence[str] = ()) -> tuple[Runtime, ...]:
    """The source that calls CMSIS-NN on emulated Arm cores, with the library that the user has given.

    Without one it is one runtime, whose answer raises `ToolMissing`.
    """
    code = read_code(path, calls_cmsis_nn=True)
    on = [core for core in cores if BOARDS[core].compiler == ARM] or [CMSIS_NN_CORE]
    return tuple(_on_board(code, core) for core in (on if is_here() else on[:1]))


def _on_board(code: Code, core: str) -> Runtime:
    run = BoardRun(board=BOARDS[core])
    return Runtime(
        variant=run.board.title,
        run=_c_run(code, run.answer(code)),
        limit=SAMPLES,
        code=code,
        answer=run.answer,
        board=run,
        rounding=code.rounding,
    )


def _c_run(code: Code, answer: Answer) -> Run:
    return lambda inputs: code.run(inputs, answer)


def reference(model: Model, *, rounding: Rounding = "single") -> Runtime:
    """The integer reference in numpy."""
    graph = lower(model)

    def run(inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        answers = run_reference(graph, *(tensor.numpy() for tensor in inputs), rounding=rounding)
        return tuple(rows(torch.from_numpy(answer)) for answer in answers)

    return Runtime(variant="integer reference", run=run, limit=REFERENCE_SAMPLES)


def rows(values: Tensor) -> Tensor:
    """[n, c, …] as [n, values], channels last."""
    return (values.movedim(1, -1) if values.dim() > 2 else values).reshape(len(values), -1)


def as_shaped(values: Tensor, shape: Sequence[int], axes: str | None = None) -> Tensor:
    """The way back from `rows`, or from rows with the axes in another order, to this shape, whatever its batch is."""
    if len(shape) < 3:
        return values
    order = tuple(map(int, axes)) if axes is not None else (0, *range(2, len(shape)), 1)
    rows = values.reshape(len(values), *(shape[axis] for axis in order[1:]))
    return rows.permute(tuple(order.index(axis) for axis in range(len(shape))))


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
    C99: Format(promise="screen", integers=True, exact=True, open=open_c99),
    CMSIS_NN: Format(promise="screen", integers=True, exact=True, open=open_cmsis_nn),
    "penjingnet": Format(promise="screen", integers=False, open=open_penjingnet),
    "onnx": Format(promise="float", integers=False, open=open_onnx),
    "pt2": Format(promise="float", integers=False, open=open_pt2),
}
"""By the catalogue's ids; the first that an export has gives the verdict its accuracy."""


def opener(cores: Sequence[str]) -> OpenFile:
    """The ways to run a file that was written just now, or whose hash says so; C on these emulated cores, too."""

    def open_file(format: str, path: Path) -> tuple[Runtime, ...]:
        of_cores = {C99: open_c99, CMSIS_NN: open_cmsis_nn}.get(format)
        return FORMATS[format].open(path) if of_cores is None else of_cores(path, cores)

    return open_file
