"""Networks that benchmarks measure on: the samples, two trained here on the digits, and a large untrained one."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from penjing.loading.data import open_data
from penjing.loading.dataset import Dataset
from penjing.loading.module import from_module
from penjing.loading.open import open_model
from penjing.model.model import Model

EPOCHS = 6
BATCH = 50


class Residual(nn.Module):
    """Two 3x3 convolutions and what goes around them; a 1x1 convolution there where the shape changes."""

    def __init__(self, taken: int, made: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(taken, made, 3, stride, 1, bias=False), nn.BatchNorm2d(made)
        self.conv2, self.bn2 = nn.Conv2d(made, made, 3, 1, 1, bias=False), nn.BatchNorm2d(made)
        self.around = nn.Identity() if taken == made else _norm(nn.Conv2d(taken, made, 1, stride, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """[n, taken, h, w] → [n, made, h / stride, w / stride]."""
        inner = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(inner)) + self.around(x))


class Bottleneck(nn.Module):
    """ResNet-50's block: 1x1, 3x3, 1x1 convolutions, the last four times as wide (He 2015, arXiv:1512.03385)."""

    def __init__(self, taken: int, inner: int, stride: int) -> None:
        super().__init__()
        made = 4 * inner
        self.conv1, self.bn1 = nn.Conv2d(taken, inner, 1, bias=False), nn.BatchNorm2d(inner)
        self.conv2, self.bn2 = nn.Conv2d(inner, inner, 3, stride, 1, bias=False), nn.BatchNorm2d(inner)
        self.conv3, self.bn3 = nn.Conv2d(inner, made, 1, bias=False), nn.BatchNorm2d(made)
        self.around: nn.Module = nn.Identity()
        if taken != made or stride != 1:
            self.around = _norm(nn.Conv2d(taken, made, 1, stride, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """[n, taken, h, w] → [n, 4 inner, h / stride, w / stride]."""
        inner = F.relu(self.bn1(self.conv1(x)))
        inner = F.relu(self.bn2(self.conv2(inner)))
        return F.relu(self.bn3(self.conv3(inner)) + self.around(x))


def residual_network() -> nn.Module:
    """ResNet-20: three stages of three blocks, 16 to 64 channels; a stem that halves the 28x28 pixels."""
    blocks = []
    for taken, made, stride in ((16, 16, 1), (16, 32, 2), (32, 64, 2)):
        blocks += [Residual(taken, made, stride), Residual(made, made, 1), Residual(made, made, 1)]
    stem = [nn.Conv2d(1, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def depthwise_network() -> nn.Module:
    """Seven depthwise-separable blocks, 16 to 64 channels (Howard 2017, arXiv:1704.04861)."""
    layers: list[nn.Module] = [nn.Conv2d(1, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    for taken, made, stride in _SEPARABLE:
        layers += [nn.Conv2d(taken, taken, 3, stride, 1, groups=taken, bias=False), nn.BatchNorm2d(taken), nn.ReLU()]
        layers += [nn.Conv2d(taken, made, 1, bias=False), nn.BatchNorm2d(made), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


_SEPARABLE = ((16, 32, 1), (32, 32, 1), (32, 48, 2), (48, 48, 1), (48, 64, 2), (64, 64, 1), (64, 64, 1))
"""(channels in, channels out, stride) of each block."""


def fully_connected_network() -> nn.Module:
    """LeNet-300-100 (LeCun 1998)."""
    layers = [nn.Flatten(), nn.Linear(784, 300), nn.ReLU(), nn.Linear(300, 100), nn.ReLU(), nn.Linear(100, 10)]
    return nn.Sequential(*layers)


def large_network(*, width: int = 64, classes: int = 1000) -> nn.Module:
    """ResNet-50 with random weights: 25.6 million parameters at width 64, about with the square of the width."""
    torch.manual_seed(0)
    layers: list[nn.Module] = [nn.Conv2d(3, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    layers.append(nn.MaxPool2d(3, 2, 1))
    taken = width
    for inner, count, stride in ((width, 3, 1), (2 * width, 4, 2), (4 * width, 6, 2), (8 * width, 3, 2)):
        for index in range(count):
            layers.append(Bottleneck(taken, inner, stride if index == 0 else 1))
            taken = 4 * inner
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(taken, classes))


def trained(network: nn.Module, data: Dataset, *, epochs: int = EPOCHS) -> Model:
    """The network in module form after a short training with seed 0; images are moved by up to two pixels."""
    random = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.reset_parameters()
    images = data.batch(data.train, slice(None))
    assert data.train.y is not None
    labels = torch.from_numpy(data.train.y)
    steps = epochs * (len(images) // BATCH)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4, nesterov=True)
    pace = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=steps, pct_start=0.2)
    network.train()
    for _ in range(epochs):
        order = torch.randperm(len(images), generator=random)
        for chosen in torch.split(order, BATCH):
            if len(chosen) < BATCH:
                continue
            moved = torch.roll(images[chosen], torch.randint(-2, 3, (2,), generator=random).tolist(), (2, 3))
            optimizer.zero_grad()
            loss = F.cross_entropy(network(moved), labels[chosen], label_smoothing=0.05)
            torch.autograd.backward(loss)
            optimizer.step()
            pace.step()
    return from_module(network.eval(), images[:2])


NAMES = ("watch", "digits", "resnet20", "depthwise")


def subjects(names: Sequence[str] | None = None) -> dict[str, tuple[Model, Dataset]]:
    """Four trained networks with their data, by name; or some of them, and the fully connected one."""
    wanted = NAMES if names is None else names
    networks = {"resnet20": residual_network, "depthwise": depthwise_network, "connected": fully_connected_network}
    found: dict[str, tuple[Model, Dataset]] = {}
    for name in wanted:
        sample = "digits" if name in networks else name
        model = open_model(f"sample:{sample}")
        data = open_data(f"sample:{sample}", model=model)
        found[name] = (trained(networks[name](), data) if name in networks else model), data
    return found


def _norm(conv: nn.Conv2d) -> nn.Module:
    return nn.Sequential(conv, nn.BatchNorm2d(conv.out_channels))
