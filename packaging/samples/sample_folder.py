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
from torch import Tensor, nn

from penjing.loading.module import from_module
from penjing.loading.penjingnet import from_bytes
from penjing.model.penjingnet_format import encode

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


def write_network(folder: Path, network: nn.Module, *, example: Tensor, input_name: str) -> None:
    """model.penjingnet, read back and compared before anyone relies on it."""
    model = from_module(network, example, input_names=(input_name,))
    packed = encode(model)
    if not torch.equal(from_bytes(packed)(example), network(example).detach()):
        raise SystemExit(f"{folder.name}: the network that was written is not the one that was trained")
    (folder / "model.penjingnet").write_bytes(packed)


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
