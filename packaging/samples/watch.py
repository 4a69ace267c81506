"""Makes the sample `watch` from nothing but PyPI packages: seven shoulder exercises seen by a smartwatch.

Example:
    python packaging/samples/watch.py             # data, training, figures
    python packaging/samples/watch.py --data-only
"""

import argparse
import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from sample_folder import SAMPLES, Split, clustered_interval, say, write_card, write_data, write_network
from seglearn.datasets import load_watch
from torch import Tensor, nn
from training import Batch, Recipe, predict, train

FOLDER = SAMPLES / "watch"
SUBJECTS = {"train": range(1, 7), "val": range(7, 9), "test": range(9, 11)}
WINDOW = 100
STRIDES = {"train": 25, "val": WINDOW, "test": WINDOW}
STEPS_PER_UNIT = np.array([4096, 4096, 4096, 1024, 1024, 1024])
"""What one g or one rad/s is in the stored int16: finer than the sensor's noise, and 29 rad/s still fits."""
CLASSES = {
    "PEN": "pendulum",
    "ABD": "abduction",
    "FEL": "forward elevation",
    "IR": "internal rotation",
    "ER": "external rotation",
    "TRAP": "trapezius extension",
    "ROW": "upright row",
}
RECIPE = Recipe(steps=4000)


class Residual(nn.Module):
    """y = relu(f(x) + s(x)): two convolutions f, and s the identity or a 1×1 convolution where shapes differ."""

    def __init__(self, channels_in: int, channels_out: int, *, kernel: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(channels_in, channels_out, kernel, stride, kernel // 2, bias=False)
        self.norm1 = nn.BatchNorm1d(channels_out)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv1d(channels_out, channels_out, kernel, 1, kernel // 2, bias=False)
        self.norm2 = nn.BatchNorm1d(channels_out)
        self.projected = stride != 1 or channels_in != channels_out
        if self.projected:
            self.conv3 = nn.Conv1d(channels_in, channels_out, 1, stride, bias=False)
            self.norm3 = nn.BatchNorm1d(channels_out)
        self.relu2 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """[n, in, time] → [n, out, time / stride]."""
        inner = self.norm2(self.conv2(self.relu1(self.norm1(self.conv1(x)))))
        outer = self.norm3(self.conv3(x)) if self.projected else x
        return self.relu2(inner + outer)


class WatchNet(nn.Module):
    """A small 1-D residual network; [n, 6, 100] → [n, 7]."""

    def __init__(self, *, widths: tuple[int, int, int, int] = (64, 64, 80, 96), kernel: int = 3) -> None:
        super().__init__()
        stem, first, second, third = widths
        self.conv = nn.Conv1d(6, stem, 7, 2, 3, bias=False)
        self.norm = nn.BatchNorm1d(stem)
        self.relu = nn.ReLU()
        self.block1 = Residual(stem, first, kernel=kernel, stride=1)
        self.block2 = Residual(first, second, kernel=kernel, stride=2)
        self.block3 = Residual(second, third, kernel=kernel, stride=2)
        self.fc = nn.Linear(third, len(CLASSES))

    def forward(self, x: Tensor) -> Tensor:
        """Logits of normalised windows."""
        x = self.relu(self.norm(self.conv(x)))
        return self.fc(self.block3(self.block2(self.block1(x))).mean(-1))


@dataclass(frozen=True, kw_only=True)
class Recording:
    """One set of repetitions: samples [time, 6] as stored, its exercise, who did it, and its number."""

    samples: NDArray[np.int16]
    label: int
    subject: int
    number: int


def main() -> None:
    """Splits, trains, looks at the test subjects once, and writes the folder."""
    parser = argparse.ArgumentParser(description="Make the sample `watch`.")
    parser.add_argument("--data-only", action="store_true", help="write data.npz and stop")
    data_only: bool = parser.parse_args().data_only
    torch.set_num_threads(1)
    recordings = read_recordings()
    splits = {name: windows(recordings, name) for name in SUBJECTS}
    write_data(FOLDER, splits)
    if data_only:
        return
    values = splits["train"].x
    mean = [round(float(value), 2) for value in values.mean(axis=(0, 2))]
    std = [round(float(value), 2) for value in values.std(axis=(0, 2))]
    torch.manual_seed(0)
    seen = [recording for recording in recordings if recording.subject in SUBJECTS["train"]]
    network = train(WatchNet(), RECIPE, draw=Augmentation(seen, mean=mean, std=std).draw)
    finish(network, splits, mean, std)


def finish(network: nn.Module, splits: dict[str, Split], mean: list[float], std: list[float]) -> None:
    """Figures on validation and test, then the network and its card."""
    figures: dict[str, object] = {}
    for name in ("val", "test"):
        examples, truth = splits[name].normalised(mean, std)
        correct = (predict(network, examples).argmax(1) == truth).numpy()
        low, high = clustered_interval(correct, splits[name].group)
        figures[name] = {
            "accuracy": round(float(correct.mean()), 4),
            "n": len(correct),
            "recordings": len(np.unique(splits[name].group)),
            "low": round(low, 4),
            "high": round(high, 4),
        }
        say(f"{name}: {correct.mean():.2%} of {len(correct)} windows (95 % by recording {low:.2%} … {high:.2%})")
    write_network(FOLDER, network, example=splits["val"].normalised(mean, std)[0][:2], input_name="motion")
    write_card(FOLDER, card(mean, std, figures))


def read_recordings() -> list[Recording]:
    """The 140 recordings of seglearn: ten subjects, seven exercises, both arms, 50 Hz."""
    source = load_watch()
    if list(source["y_labels"]) != list(CLASSES):
        raise SystemExit(f"seglearn's exercises are {source['y_labels']}, expected {list(CLASSES)}: use version 1.2.5")
    columns = zip(source["X"], source["y"], source["subject"], strict=True)
    return [
        Recording(
            samples=np.rint(samples * STEPS_PER_UNIT).astype(np.int16),
            label=int(label),
            subject=int(subject),
            number=number,
        )
        for number, (samples, label, subject) in enumerate(columns)
    ]


def windows(recordings: list[Recording], split: str) -> Split:
    """Windows [n, 6, 100] of the subjects of one split; only training windows overlap."""
    chosen = [
        (recording, start)
        for recording in recordings
        if recording.subject in SUBJECTS[split]
        for start in range(0, len(recording.samples) - WINDOW + 1, STRIDES[split])
    ]
    return Split(
        x=np.stack([recording.samples[start : start + WINDOW].T for recording, start in chosen]),
        y=np.array([recording.label for recording, _ in chosen], dtype=np.uint8),
        group=np.array([recording.number for recording, _ in chosen], dtype=np.int16),
    )


class Augmentation:
    """Draws windows from anywhere in the training recordings as another wearer might have made them."""

    TEMPO, ANGLE, GAIN, NOISE = 0.2, math.radians(10), 0.1, 0.03
    # The other arm is a mirror image across the watch's x axis; angular velocity is an axial vector, so it flips the
    # other two components.
    OTHER_ARM = (-1.0, 1.0, 1.0, 1.0, -1.0, -1.0)

    def __init__(self, recordings: list[Recording], *, mean: list[float], std: list[float]) -> None:
        lengths = [len(recording.samples) for recording in recordings]
        self.length = torch.tensor(lengths)
        self.start = torch.cumsum(self.length, 0) - self.length
        self.samples = torch.from_numpy(np.concatenate([recording.samples for recording in recordings])).float()
        self.labels = torch.tensor([recording.label for recording in recordings])
        self.unit = torch.from_numpy(STEPS_PER_UNIT).float()
        self.mean, self.std = torch.tensor(mean)[:, None], torch.tensor(std)[:, None]
        self.random = torch.Generator().manual_seed(1)

    def draw(self, count: int) -> Batch:
        """`count` normalised windows; every recording is as likely as any other, so the exercises are balanced."""
        chosen = torch.randint(len(self.length), (count,), generator=self.random)
        tempo = self._factor(count, self.TEMPO)
        values = self._read(chosen, tempo) / self.unit[:, None]
        # A faster exercise turns faster, too: angular velocity grows with the tempo.
        acceleration = values[:, :3] * self._factor(count, self.GAIN)[:, None, None]
        velocity = values[:, 3:] * (self._factor(count, self.GAIN) * tempo)[:, None, None]
        turn = self._rotation(count)
        values = torch.cat([turn @ acceleration, turn @ velocity], dim=1)
        mirrored = torch.rand(count, generator=self.random) < 0.5
        values[mirrored] *= torch.tensor(self.OTHER_ARM)[:, None]
        values = (values * self.unit[:, None] - self.mean) / self.std
        return values + torch.randn(values.shape, generator=self.random) * self.NOISE, self.labels[chosen]

    def _read(self, chosen: Tensor, tempo: Tensor) -> Tensor:
        """[n, 6, 100] at a random place, played at `tempo` by linear interpolation."""
        room = self.length[chosen] - 2 - tempo * (WINDOW - 1)
        first = torch.rand(len(chosen), generator=self.random) * room
        position = first[:, None] + tempo[:, None] * torch.arange(WINDOW)
        before = position.floor()
        part = (position - before)[:, :, None]
        index = before.long() + self.start[chosen][:, None]
        return (self.samples[index] * (1 - part) + self.samples[index + 1] * part).transpose(1, 2)

    def _rotation(self, count: int) -> Tensor:
        """[n, 3, 3] about random axes (Rodrigues' formula): a watch sits differently on every wrist."""
        x, y, z = F.normalize(torch.randn(3, count, generator=self.random), dim=0)
        zero = torch.zeros(count)
        cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=1).reshape(count, 3, 3)
        angle = (torch.randn(count, generator=self.random) * self.ANGLE)[:, None, None]
        return torch.eye(3) + angle.sin() * cross + (1 - angle.cos()) * cross @ cross

    def _factor(self, count: int, spread: float) -> Tensor:
        return torch.exp(torch.randn(count, generator=self.random).clamp(-2.5, 2.5) * spread)


def card(mean: list[float], std: list[float], figures: dict[str, object]) -> dict[str, object]:
    """What dataset.toml says."""
    return {
        "title": "Shoulder exercises on a smartwatch",
        "classes": list(CLASSES.values()),
        "layout": "NCL",
        "mean": mean,
        "std": std,
        "metric": "top1",
        "split": "by subject: train 1-6, validate 7-8, test 9-10",
        "sample": {
            "description": "A residual network tells seven rehabilitation exercises apart from two seconds of motion.",
            "device": "nrf52840",
            "flash": "64KiB",
            "ram": "32KiB",
            "source": "seglearn 1.2.5 (PyPI), seglearn.datasets.load_watch; study: arXiv:1802.01489",
            "licence": "BSD-3-Clause",
            "model": "model.penjingnet",
            "data": "data.npz",
            "figures": figures,
        },
        # Flash and RAM fit, and a little accuracy is lost: the sliders start at a point worth looking at.
        "plan": {
            "schema_version": 1,
            "defaults": {"filters": 0.1, "weight_bits": 4, "activation_bits": 8},
            "distillation": {"soft_label": 0.7, "temperature": 4.0, "epochs": 5},
        },
    }


if __name__ == "__main__":
    main()
