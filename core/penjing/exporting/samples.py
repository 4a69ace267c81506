"""Real inputs and the answers that were on screen, written beside an export so that anyone can try the files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from penjing.compression.placement import drawn_inputs
from penjing.compression.quantizers import NARROW
from penjing.compression.simulation import simulate
from penjing.model.model import Model

FILE = "samples.npz"
COUNT = 16


def random_inputs(model: Model, count: int, *, seed: int = 0) -> tuple[Tensor, ...]:
    """Inputs for when there is no data, one tensor a network input: standard normal, or numbers of rows."""
    return drawn_inputs(model, count, seed=seed)


@dataclass(frozen=True, kw_only=True)
class Samples:
    """Inputs and the answers that were on screen, and what the float network with quantized weights answers."""

    inputs: tuple[Tensor, ...]
    screen: tuple[Tensor, ...]
    float_network: tuple[Tensor, ...]
    steps: tuple[float | None, ...]
    """By output: the quantization step of the screen's answers, if they lie on a grid."""


def write_samples(folder: Path, model: Model, inputs: Sequence[Tensor]) -> Path:
    """`samples.npz`: float32 arrays `input_K`, `output_K`, `float_K` and `step_K` (nan: none) by input and output.

    Args:
        folder: The export's folder.
        model: What was on screen.
        inputs: One tensor a network input, in the network's layout, normalised; the first 16 rows are taken.
    """
    taken = [tensor[:COUNT] for tensor in inputs]
    arrays = _numbered("input", taken)
    arrays |= _numbered("output", _tuple(simulate(model)(*taken))) | _numbered("float", _tuple(model(*taken)))
    steps = [float("nan") if step is None else step for step in steps_of(model)]
    arrays |= _numbered("step", [torch.tensor(step) for step in steps])
    path = folder / FILE
    np.savez_compressed(path, allow_pickle=False, **arrays)
    return path


def steps_of(model: Model) -> tuple[float | None, ...]:
    """By output: the step of the grid that its values lie on; None where it is float, or as good as float.

    Between 16-bit codes runtimes compute in float32, whose own error reaches a step or two of a grid that fine.
    """
    quantizers = [model.activation_quantizers.get(output.layer) for output in model.outputs]
    return tuple(None if one is None or one.bits > NARROW else float(one.scale) for one in quantizers)


def read_samples(folder: Path) -> Samples:
    """The samples of an export.

    Raises:
        OSError, ValueError, KeyError, zipfile.BadZipFile: For a file that is missing or not one of ours.
    """
    with np.load(folder / FILE, allow_pickle=False) as archive:
        arrays = {name: torch.from_numpy(archive[name].astype(np.float32)) for name in archive.files}

    def listed(part: str) -> tuple[Tensor, ...]:
        return tuple(arrays[f"{part}_{k}"] for k in range(sum(name.startswith(f"{part}_") for name in arrays)))

    steps = tuple(float(step) if torch.isfinite(step) else None for step in listed("step"))
    found = Samples(inputs=listed("input"), screen=listed("output"), float_network=listed("float"), steps=steps)
    if not found.inputs or not found.screen or not len(found.screen) == len(found.float_network) == len(steps):
        raise ValueError("the samples are incomplete")
    return found


def _tuple(answer: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return answer if isinstance(answer, tuple) else (answer,)


def _numbered(part: str, tensors: Sequence[Tensor]) -> dict[str, NDArray[Any]]:
    return {f"{part}_{k}": tensor.detach().numpy() for k, tensor in enumerate(tensors)}
