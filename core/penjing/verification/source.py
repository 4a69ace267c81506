"""Whether Penjing reads the user's own file as an independent runtime does: nothing else would notice a misreading."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from penjing.compression.simulation import simulate
from penjing.exporting.samples import steps_of
from penjing.model.model import Model
from penjing.model.onnx_runtime import onnxruntime
from penjing.results import Rung
from penjing.verification.comparison import Comparison
from penjing.verification.rungs import Texts

NAME = "source: parity"
SAMPLES = 64
HALVES = 2.0**-7
"""Parity with a file in float16, which rounds to 11 bits at every layer: as sixteen roundings of the largest answer."""


def source_rung(source: Path, model: Model, inputs: Sequence[Tensor], *, language: str = "en") -> Rung | None:
    """The network as loaded against onnxruntime on the file it was loaded from; None for other kinds of files.

    Args:
        source: The file that the user named.
        model: What was read from it, before any compression.
        inputs: One tensor a network input; the first 64 rows are taken.
        language: Of the rung's detail.
    """
    if source.suffix.lower() != ".onnx" or not source.is_file():
        return None
    texts, rows = Texts(language), [tensor[:SAMPLES] for tensor in inputs]
    try:
        given, theirs = _answers(source, rows)
    except Exception as error:  # onnxruntime raises a type of its own for each of its reasons
        return Rung(name=NAME, passed=None, detail=texts("not_run", error=str(error).splitlines()[0]))
    halves = any(tensor.dtype == torch.float16 for tensor in theirs)
    answers = simulate(model)(*(tensor.float() for tensor in given))
    ours = [tensor[: len(theirs[0])] for tensor in (answers if isinstance(answers, tuple) else (answers,))]
    quantized = bool(model.activation_quantizers)
    comparison = Comparison(steps=steps_of(model) if quantized else [None] * len(ours))
    try:
        comparison.add(ours, theirs)
    except ValueError as error:
        return Rung(name=NAME, passed=False, detail=str(error))
    detail = texts(
        "source",
        n=comparison.samples,
        difference=f"{comparison.largest_difference:.3g}",
        largest=f"{comparison.largest_value:.3g}",
    )
    passed = comparison.within_integer_bound if quantized else comparison.within_float_bound
    if halves and not quantized:
        passed = comparison.finite and comparison.largest_difference <= HALVES * comparison.largest_value
    return Rung(name=NAME, passed=passed, detail=detail)


def _answers(source: Path, rows: Sequence[Tensor]) -> tuple[list[Tensor], tuple[Tensor, ...]]:
    """The rows in the types that the file takes, and its answers."""
    options: Any = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session: Any = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    entries = session.get_inputs()
    kinds = {"tensor(double)": torch.float64, "tensor(float16)": torch.float16}
    kinds |= {"tensor(int64)": torch.int64, "tensor(int32)": torch.int32, "tensor(uint8)": torch.uint8}
    given = [tensor.to(kinds.get(entry.type, torch.float32)) for entry, tensor in zip(entries, rows, strict=True)]
    # A batch that the file fixes is fed so many rows at a time, any other one row: what is quantized while it runs
    # takes its range from all rows together.
    fixed = entries[0].shape[0] if entries[0].shape and isinstance(entries[0].shape[0], int) else 0
    size = fixed or 1
    answers = []
    for start in range(0, len(rows[0]) - size + 1, size):
        part = {entry.name: t[start : start + size].numpy() for entry, t in zip(entries, given, strict=True)}
        answers.append([torch.from_numpy(array) for array in session.run(None, part)])
    return given, tuple(torch.cat(parts) for parts in zip(*answers, strict=True))
