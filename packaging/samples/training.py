"""Trains a small classifier the same way for every sample: AdamW, warm-up, cosine, averaged weights."""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a network is trained; every value was chosen on validation data (README.md)."""

    steps: int
    batch_size: int = 64
    learning_rate: float = 3e-3
    warm_up: int = 100
    weight_decay: float = 0.02
    label_smoothing: float = 0.1
    average: float = 0.98
    """Decay per step of the running average of the weights, which is what is shipped."""


def train(network: nn.Module, recipe: Recipe, *, draw: Callable[[int], Batch]) -> nn.Module:
    """Returns the averaged network in evaluation mode; `draw(n)` gives n augmented, normalised examples."""
    averaged = copy.deepcopy(network)
    # Neither biases nor batch norm are decayed: decay there only fights the data.
    decayed = [parameter for parameter in network.parameters() if parameter.dim() > 1]
    others = [parameter for parameter in network.parameters() if parameter.dim() <= 1]
    groups = [
        {"params": decayed, "weight_decay": recipe.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=recipe.learning_rate)
    network.train()
    for step in range(recipe.steps):
        for group in optimizer.param_groups:
            group["lr"] = _learning_rate(recipe, step)
        examples, labels = draw(recipe.batch_size)
        loss = F.cross_entropy(network(examples), labels, label_smoothing=recipe.label_smoothing)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        # Early on the average must forget the random start faster than its final decay would.
        _follow(averaged, network, decay=min(recipe.average, (1 + step) / (10 + step)))
    return averaged.eval()


def predict(network: nn.Module, examples: Tensor) -> Tensor:
    """Logits [n, classes] of normalised examples."""
    network.eval()
    with torch.no_grad():
        return torch.cat([network(part) for part in examples.split(256)])


def _learning_rate(recipe: Recipe, step: int) -> float:
    rise = min(1.0, (step + 1) / recipe.warm_up)
    return recipe.learning_rate * rise * 0.5 * (1 + math.cos(math.pi * step / recipe.steps))


@torch.no_grad()
def _follow(averaged: nn.Module, network: nn.Module, *, decay: float) -> None:
    for mean, value in zip(averaged.state_dict().values(), network.state_dict().values(), strict=True):
        if mean.is_floating_point():
            mean.lerp_(value, 1 - decay)
        else:
            mean.copy_(value)
