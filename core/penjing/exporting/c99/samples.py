"""Sixteen inputs and the integer reference's answers, as the bytes that a device reads and writes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from penjing.compression.integer import run_all
from penjing.compression.integer_graph import Codes
from penjing.exporting.c99.program import Program
from penjing.model.c_kernels.parts import Rounding

COUNT = 16


def write_code_samples(
    folder: Path, program: Program, inputs: Sequence[Tensor], *, rounding: Rounding
) -> tuple[Path, ...]:
    """`input_K.bin` and `output_K.bin` in a new folder; `inputs` are real, [16, …] each in the network's layout."""
    folder.mkdir()
    values = [tensor.numpy().astype(np.float32) for tensor in inputs]
    graph = program.graph
    tensors = run_all(graph, *values, rounding=rounding)
    given = [stored(port.codes, one, port.text.axes) for port, one in zip(program.inputs, values, strict=True)]
    pairs = zip(program.outputs, graph.outputs, strict=True)
    answers = [in_order(tensors[output.layer], port.text.axes) for port, output in pairs]
    paths = []
    for kind, rows in (("input", np.hstack(given)), ("output", np.hstack(answers))):
        for number, row in enumerate(rows[:COUNT]):
            path = folder / f"{kind}_{number}.bin"
            path.write_bytes(row.astype(np.int8).tobytes())
            paths.append(path)
    return tuple(paths)


def stored(codes: Codes, values: NDArray[np.float32], axes: str | None = None) -> NDArray[np.int8]:
    """The codes of real values [n, …] as a device holds them: [n, values], by default channels last."""
    made = codes.encode(values) + codes.zero_point
    return channels_last_rows(made) if axes is None else in_order(made, axes)


def in_order(codes: NDArray[np.int64], axes: str) -> NDArray[np.int8]:
    """Codes [n, …] as rows with their axes in this order."""
    return codes.transpose(tuple(map(int, axes))).reshape(len(codes), -1).astype(np.int8)


def channels_last_rows(codes: NDArray[np.int64]) -> NDArray[np.int8]:
    """Codes [n, c, …] as rows with the channels last."""
    turned = np.moveaxis(codes, 1, -1) if codes.ndim > 2 else codes
    return turned.reshape(len(codes), -1).astype(np.int8)
