"""What becomes of one network from one source: opened, compared, estimated, compressed, exported and verified."""

import math
import tempfile
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator
from torch import Tensor

from penjing.compression.simulation import simulate
from penjing.errors import UserError
from penjing.inspection.graph import layer_graph
from penjing.layer_graph import LayerGraph
from penjing.loading.data import open_data
from penjing.loading.open import open_model
from penjing.model.model import Model
from penjing.pipeline.estimate import estimate_plan
from penjing.pipeline.job import Job, compress_job
from penjing.plan import Distillation, Plan
from penjing.results import RunResult
from tests.support.sources import Source, inputs
from tests.support.zoo import ZOO, example, made

Arrays = list[NDArray[np.float64]]
Judge = Callable[[tuple[Tensor, ...]], Arrays]

COUNTS = (1, 3)
SMALLEST = 1e-3
"""Answers below it are compared as if they were as large."""
EXAMPLES = {"train": 64, "val": 16, "test": 16}


def _plan(pipeline: tuple[str, ...], **settings: float) -> Plan:
    plan = Plan().with_defaults(sparsity=0.3, filters=0.25, **settings)
    return msgspec.structs.replace(plan, pipeline=pipeline, distillation=Distillation(epochs=1, batch_size=32))


WHOLE = _plan(("prune", "bn_reestimate", "quantize", "distill"), weight_bits=8, activation_bits=8)


@dataclass(frozen=True, kw_only=True)
class Work:
    """A plan and the formats that it is exported to."""

    plan: Plan
    formats: tuple[str, ...]
    learns: bool = False
    may_refuse: bool = False
    """The format does not carry every network; the reason that it gives is the answer."""


WORKS = {
    "taught, to ONNX in 8 bits": Work(plan=WHOLE, formats=("onnx-int8", "penjingnet"), learns=True),
    "pruned, to ONNX": Work(plan=_plan(("prune",)), formats=("onnx", "penjingnet")),
    "pruned, to pt2": Work(plan=_plan(("prune",)), formats=("pt2",)),
    "in 8 bits, to C99": Work(
        plan=_plan(("prune", "quantize"), weight_bits=8, activation_bits=8), formats=("c99",), may_refuse=True
    ),
}
"""By what is done."""


@dataclass(kw_only=True)
class Trial:
    """What was found of one file."""

    network: str
    source: str
    judge: str = ""
    """What ran the file as it is."""
    within: float = 0.0
    differences: dict[int, float] = field(default_factory=dict)
    """By how many examples a batch had: the largest, relative to the largest answer."""
    layers: int = 0
    compressible: int = 0
    groups: int = 0
    estimated: bool = False
    size_error: float = 0.0
    """Of the worst file that was exported: real bytes over estimated ones - 1."""
    passed: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    """By what was to be done, the reason."""
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def opened(self) -> bool:
        """Whether there are layers to show."""
        return self.layers > 0


def tried(name: str, title: str, source: Source, path: Path, *, works: Sequence[str]) -> Trial:
    """The file at `path` from the beginning to the end; what goes wrong is told, never raised."""
    trial = Trial(network=name, source=title, within=source.within)
    shapes = ZOO[name].shapes if source.open_extents else None
    try:
        model = open_model(path, example_shapes=shapes)
        graph = layer_graph(model)
        trial.layers, trial.groups = len(graph.layers), len(graph.groups)
        trial.compressible = len(graph.compressible)
        _compare(trial, model, path, source)
    except Exception as error:
        trial.failed["open"] = _told(error)
        return trial
    with tempfile.TemporaryDirectory(prefix="penjing-breadth-") as folder:
        for title in works:
            _work(trial, title, model, graph, path, Path(folder))
    try:
        estimate_plan(model, WHOLE, None)
        trial.estimated = True
    except Exception as error:
        trial.failed["estimate"] = _told(error)
    return trial


# ------------------------------------------------------------------------------------------------------------ parity


def _compare(trial: Trial, model: Model, path: Path, source: Source) -> None:
    trial.judge, judge = _judge(trial.network, path)
    screen = simulate(model)
    for count in COUNTS:
        values = inputs(trial.network, count, dtype=source.dtype, seed=count)
        got, wanted = _arrays(screen(*(one.float() for one in values))), judge(values)
        trial.differences[count] = far(got, wanted)
    worst = max(trial.differences.values())
    if not worst <= source.within:
        trial.failed["parity"] = f"{worst:.2g} away from {trial.judge}"


def far(one: Arrays, other: Arrays) -> float:
    """The largest difference, relative to the largest answer; infinite where shapes differ or one is no number."""
    if [part.shape for part in one] != [part.shape for part in other]:
        return math.inf
    worst = max(float(np.abs(a - b).max() / max(np.abs(b).max(), SMALLEST)) for a, b in zip(one, other, strict=True))
    return worst if all(np.isfinite(part).all() for part in (*one, *other)) else math.inf


def _judge(name: str, path: Path) -> tuple[str, Judge]:
    """What runs a file as it is: its own runtime, else onnx's reference, else the network that it was made from."""
    if path.suffix == ".pt2":
        program = torch.export.load(path).module()
        return "torch.export", _one_by_one(lambda values: _arrays(program(*values)), alone=True)
    network = made(name)
    for title, start in (("onnxruntime", _in_onnxruntime), ("onnx's reference", _in_reference)):
        try:
            judge = start(path)
            judge(inputs(name, dtype=_dtype(path)))
        except Exception:  # whatever a runtime raises, it has no answer to compare with
            continue
        return title, judge
    return "torch", lambda values: _arrays(
        network(*(one.float() if one.is_floating_point() else one for one in values))
    )


def _in_onnxruntime(path: Path) -> Judge:
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [entry.name for entry in session.get_inputs()]
    alone = any(entry.shape[:1] == [1] for entry in session.get_inputs())

    def run(values: tuple[Tensor, ...]) -> Arrays:
        feeds = {name: value.numpy() for name, value in zip(names, values, strict=True)}
        return [np.asarray(one, np.float64) for one in session.run(None, feeds)]

    return _one_by_one(run, alone=alone)


def _in_reference(path: Path) -> Judge:
    evaluator = ReferenceEvaluator(str(path))
    alone = any(_batch(entry) == 1 for entry in _entries(path))

    def run(values: tuple[Tensor, ...]) -> Arrays:
        feeds = {name: value.numpy() for name, value in zip(evaluator.input_names, values, strict=True)}
        return [np.asarray(one, np.float64) for one in evaluator.run(None, feeds)]

    return _one_by_one(run, alone=alone)


def _one_by_one(run: Judge, *, alone: bool) -> Judge:
    """Of a file whose batch is one example: the answers to several, one behind the other."""

    def every(values: tuple[Tensor, ...]) -> Arrays:
        rows = [run(tuple(value[place : place + 1] for value in values)) for place in range(len(values[0]))]
        return [np.concatenate(parts) for parts in zip(*rows, strict=True)]

    return every if alone else run


def _entries(path: Path) -> list[onnx.ValueInfoProto]:
    return list(onnx.load(path, load_external_data=False).graph.input)


def _batch(entry: onnx.ValueInfoProto) -> int:
    return int(entry.type.tensor_type.shape.dim[0].dim_value)


def _dtype(path: Path) -> torch.dtype:
    kinds = {entry.type.tensor_type.elem_type for entry in _entries(path)}
    if onnx.TensorProto.DOUBLE in kinds:
        return torch.float64
    return torch.float16 if onnx.TensorProto.FLOAT16 in kinds else torch.float32


def _arrays(found: Tensor | Sequence[Tensor]) -> Arrays:
    parts = (found,) if isinstance(found, Tensor) else found
    return [one.detach().double().numpy() for one in parts]


# -------------------------------------------------------------------------------------------------------- whole jobs


def _work(trial: Trial, title: str, model: Model, graph: LayerGraph, path: Path, folder: Path) -> None:
    work = WORKS[title]
    try:
        source = data_file(trial.network, model, folder) if work.learns else None
        job = Job(
            model=model,
            plan=work.plan,
            data=None if source is None else open_data(source, model=model),
            model_source=str(path),
            data_source=None if source is None else str(source),
            formats=work.formats,
        )
        found = compress_job(job, folder / "export")
        wrong = _wrong(found, graph, folder / "export", work)
    except UserError as error:
        told = trial.refused if work.may_refuse else trial.failed
        told[title] = _told(error)
        return
    except Exception as error:
        traceback.print_exc(limit=-4)
        trial.failed[title] = _told(error)
        return
    trial.size_error = max(trial.size_error, found.verdict.size_error or 0.0, key=abs)
    if wrong:
        trial.failed[title] = "; ".join(wrong)
    else:
        trial.passed.append(title)


def _wrong(found: RunResult, graph: LayerGraph, folder: Path, work: Work) -> list[str]:
    """What a job did not do of what was asked for."""
    wrong = [f"{rung.name}: {rung.detail}" for rung in found.verdict.rungs if rung.passed is False]
    before, after = found.baseline, found.compressed
    if not found.verdict.passed and not wrong:
        wrong.append("nothing was verified")
    if graph.groups and not after.params < before.params:
        wrong.append(f"no filter was cut of {before.params} parameters")
    if not after.nonzero < after.params:
        wrong.append("no weight was pruned")
    if after.accuracy is not None and after.accuracy.blank:
        wrong.append(f"{after.accuracy.blank} answers are no numbers")
    if "quantize" in work.plan.pipeline and (file := next(iter(folder.glob("*.penjingnet")), None)):
        left = set(one.name for one in graph.compressible) - set(open_model(file).weight_quantizers)
        wrong += [f"not quantized: {', '.join(sorted(left))}"] if left else []
    return wrong


def data_file(name: str, model: Model, folder: Path) -> Path:
    """Random inputs with what the network itself answers: its choices, or its numbers with some noise."""
    path = folder / "data.npz"
    stored: dict[str, Any] = {}
    chance = np.random.default_rng(1)
    for seed, (split, count) in enumerate(EXAMPLES.items()):
        values = [one.float() for one in example(name, count, seed=seed)]
        for place, value in enumerate(values):
            stored[f"x{place + 1 if place else ''}_{split}"] = value.numpy()
        answers = _arrays(model(*values))[0]
        if answers.ndim == 2 and answers.shape[1] > 1:
            stored[f"y_{split}"] = answers.argmax(1)
        else:
            flat = answers.reshape(count, -1)
            stored[f"y_{split}"] = (flat + chance.normal(0, 0.05, flat.shape)).astype(np.float32)
    np.savez(path, **stored)
    return path


def _told(error: Exception) -> str:
    if isinstance(error, UserError):
        return f"{error.code}: {error.message().splitlines()[0]}"
    return f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0][:200]}"
