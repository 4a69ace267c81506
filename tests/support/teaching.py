"""A small real problem for training tests: which quarter of a noisy 8 × 8 image is bright."""

import dataclasses

import numpy as np
import torch
from torch import nn

from penjing.loading.dataset import Dataset, Split
from penjing.model.model import Model
from tests.support.networks import network

CLASSES = 4


def quarters(train: int = 192, val: int = 96, *, seed: int = 0, labels: bool = True) -> Dataset:
    """Images [n, 1, 8, 8] in float32 with four classes; noise makes some of them hard."""
    random = np.random.default_rng(seed)

    def split(count: int) -> Split:
        truth = np.arange(count, dtype=np.int64) % CLASSES
        images = random.normal(0, 0.9, (count, 1, 8, 8)).astype(np.float32)
        for image, quarter in zip(images, truth, strict=True):
            row, column = divmod(int(quarter), 2)
            image[0, row * 4 : row * 4 + 4, column * 4 : column * 4 + 4] += 1
        return Split(x=images, y=truth if labels else None)

    metric = "top1" if labels else "agreement"
    return Dataset(train=split(train), val=split(val), test=split(CLASSES), classes=("a", "b", "c", "d"), metric=metric)


def convolutional(width: int = 6, *, seed: int = 0, batch_norm: bool = True, dropout: float = 0.0) -> Model:
    """An untrained network for `quarters`."""
    nodes: list[tuple[str, nn.Module, str]] = [("conv1", nn.Conv2d(1, width, 3, padding=1), "")]
    nodes += [("bn1", nn.BatchNorm2d(width), "")] if batch_norm else []
    nodes += [
        ("relu1", nn.ReLU(), ""),
        ("pool1", nn.MaxPool2d(2), ""),
        ("conv2", nn.Conv2d(width, width, 3, padding=1), ""),
        ("relu2", nn.ReLU(), ""),
        ("flat", nn.Flatten(), ""),
    ]
    nodes += [("drop", nn.Dropout(dropout), "")] if dropout else []
    model = network((1, 8, 8), [*nodes, ("fc", nn.Linear(width * 16, CLASSES), "")], seed=seed)
    for _, module, _ in model.layers():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
        elif isinstance(module.bias if hasattr(module, "bias") else None, nn.Parameter):
            module.bias.data.zero_()
    return model


def with_mask(model: Model, layer: str, *, seed: int = 0) -> Model:
    """The model with half of a layer's weights pruned at random."""
    weight = model.weight(layer)
    mask = torch.rand(weight.shape, generator=torch.Generator().manual_seed(seed)) < 0.5
    result = model.copy()
    result.weight(layer).mul_(mask)
    return dataclasses.replace(result, masks={**model.masks, layer: mask})


def tensors(model: Model) -> dict[str, torch.Tensor]:
    """Every tensor of a model by name, copied."""
    return {name: tensor.clone() for name, tensor in model.module.state_dict().items()}


def same(one: Model, other: Model) -> bool:
    """Whether two models have bitwise the same tensors and scales."""
    left, right = tensors(one), tensors(other)
    if left.keys() != right.keys() or not all(torch.equal(left[name], right[name]) for name in left):
        return False
    return all(
        torch.equal(quantizer.scale, found[name].scale)
        for own, found in (
            (one.weight_quantizers, other.weight_quantizers),
            (one.activation_quantizers, other.activation_quantizers),
        )
        for name, quantizer in own.items()
    )
