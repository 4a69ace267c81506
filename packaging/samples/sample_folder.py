"""Writes a sample's folder under resources/samples: data.npz, dataset.toml and the network."""

import io
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tomli_w
import torch
from numpy.typing import NDArray
from penjing.layer_graph import NetworkInput, NetworkOutput
from penjing.model.model import Model
from safetensors.torch import save_file
from torch import Tensor, fx, nn

SAMPLES = Path(__file__).resolve().parents[2] / "resources" / "samples"


@dataclass(frozen=True, kw_only=True)
class Split:
    """One part of a sample's data: arrays as stored, labels, and which recording each example is from."""

    x: NDArray[np.generic]
    y: NDArray[np.uint8]
    group: NDArray[np.int16] | None = None

    def normalised(self, mean: list[float], std: list[float]) -> tuple[Tensor, Tensor]:
        """What the network takes, (x - mean) / std per channel (axis 1), and the labels."""
        shape = (1, -1) + (1,) * (self.x.ndim - 2)
        stored = torch.from_numpy(self.x.astype(np.float32))
        values = (stored - torch.tensor(mean).reshape(shape)) / torch.tensor(std).reshape(shape)
        return values, torch.from_numpy(self.y.astype(np.int64))


def write_data(folder: Path, splits: Mapping[str, Split]) -> None:
    """data.npz with x_, y_ and, where there are recordings, group_ of every split; the same bytes every time."""
    arrays: dict[str, NDArray[np.generic]] = {}
    for name, split in splits.items():
        arrays[f"x_{name}"] = split.x
        arrays[f"y_{name}"] = split.y
        if split.group is not None:
            arrays[f"group_{name}"] = split.group
    packed = io.BytesIO()
    np.savez_compressed(packed, **arrays)  # type: ignore[arg-type]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "data.npz").write_bytes(packed.getvalue())


def write_card(folder: Path, card: Mapping[str, object]) -> None:
    """dataset.toml: what the reader of data sets and the list of samples need to know."""
    (folder / "dataset.toml").write_text(tomli_w.dumps(card), encoding="utf-8")


def write_weights(path: Path, network: nn.Module) -> None:
    """The trained tensors by name, without batch norm's counters."""
    tensors = {name: tensor for name, tensor in network.state_dict().items() if tensor.is_floating_point()}
    save_file(tensors, path)


def as_model(network: nn.Module, *, shape: tuple[int, ...], classes: int) -> Model:
    """The network in module form; every step of its `forward` is a module already."""
    module = fx.symbolic_trace(network.eval())
    last = next(node for node in reversed(module.graph.nodes) if node.op == "call_module")
    return Model(
        module=module,
        inputs=(NetworkInput(name="x", source_name="x", shape=shape),),
        outputs=(NetworkOutput(source_name="logits", layer=str(last.target), shape=(1, classes)),),
    )


def clustered_interval(
    correct: NDArray[np.bool_], groups: NDArray[np.integer] | None = None, *, draws: int = 20_000, seed: int = 0
) -> tuple[float, float]:
    """95 % percentile bootstrap of the accuracy that draws whole recordings, or single examples without groups."""
    units = np.arange(len(correct)) if groups is None else np.unique(groups, return_inverse=True)[1]
    sizes = np.bincount(units)
    hits = np.bincount(units, weights=correct)
    random = np.random.default_rng(seed)
    counts = random.multinomial(len(sizes), np.full(len(sizes), 1 / len(sizes)), size=draws)
    low, high = np.percentile(counts @ hits / (counts @ sizes), [2.5, 97.5])
    return float(low), float(high)


def say(line: str) -> None:
    """One line of progress, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
