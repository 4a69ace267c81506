"""Real inputs and the answers that were on screen, written beside an export so that anyone can try the files."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from penjing.model.model import Model

FILE = "samples.npz"
COUNT = 16

Predict = Callable[..., Tensor | tuple[Tensor, ...]]


def random_inputs(model: Model, count: int, *, seed: int = 0) -> tuple[Tensor, ...]:
    """Standard normal inputs, one tensor a network input, for when there is no data."""
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(count, *entry.shape[1:], generator=generator) for entry in model.inputs)


def write_samples(folder: Path, predict: Predict, inputs: Sequence[Tensor]) -> Path:
    """`samples.npz`: float32 arrays `input_K` and `output_K`, one for each input and output of the network.

    Args:
        folder: The export's folder.
        predict: What was on screen, for example `compression.simulation.simulate(model)`.
        inputs: One tensor a network input, in the network's layout, normalised; the first 16 rows are taken.
    """
    taken = [tensor[:COUNT] for tensor in inputs]
    answer = predict(*taken)
    outputs = answer if isinstance(answer, tuple) else (answer,)
    arrays = {f"input_{k}": tensor.numpy() for k, tensor in enumerate(taken)}
    arrays |= {f"output_{k}": tensor.detach().numpy() for k, tensor in enumerate(outputs)}
    path = folder / FILE
    np.savez_compressed(path, allow_pickle=False, **arrays)
    return path


def read_samples(folder: Path) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Inputs and recorded outputs; raises OSError, ValueError or KeyError for a file that is not one of ours."""
    with np.load(folder / FILE, allow_pickle=False) as archive:
        found = {name: torch.from_numpy(archive[name].astype(np.float32)) for name in archive.files}
    inputs = tuple(found[f"input_{k}"] for k in range(sum(name.startswith("input_") for name in found)))
    outputs = tuple(found[f"output_{k}"] for k in range(sum(name.startswith("output_") for name in found)))
    return inputs, outputs
