"""One output for two classes: z tells them apart by its sign, as the scores 0 and z do.

The cross-entropy of the scores [0, z] is the binary one of z, and softmax([0, z]) is [1 - σ(z), σ(z)]; so whatever is
written for classes holds for a single output, too.

>>> import torch
>>> scores_of_both(torch.tensor([[-2.0], [3.0]])).argmax(dim=1).tolist()
[0, 1]
"""

import math

import torch
from torch import Tensor

from penjing.model.model import Model
from penjing.model.operators.table import operator_of

CHANCES = frozenset({"sigmoid", "hard_sigmoid"})
"""Operators that make a score z a chance, one half of z = 0."""
EVEN = 0.5
_MOVING = frozenset({"flatten", "reshape", "identity", "slice", "transpose"})


def border_of(model: Model) -> float:
    """Above which value of a single output it says the second class: ½ of a chance, 0 of a score, and of any other."""
    return 0.0 if chance_layer(model) is None else EVEN


def chance_layer(model: Model) -> str | None:
    """The layer that makes the single output a chance; None where it is a score, or there are more outputs."""
    layers = {name: (operator_of(module).kind, feeds) for name, module, feeds in model.layers()}
    name = model.outputs[0].layer
    while name in layers and layers[name][0] in _MOVING:
        name = layers[name][1][0]
    ends = name in layers and layers[name][0] in CHANCES
    return name if ends and math.prod(model.outputs[0].shape[1:]) == 1 else None


def scores_of_both(scores: Tensor) -> Tensor:
    """[n, classes] as they are, a single score [n, 1] as those of both classes [n, 2]."""
    return torch.cat([torch.zeros_like(scores), scores], dim=1) if scores.shape[1] == 1 else scores


def chances_of_both(chances: Tensor) -> Tensor:
    """[n, classes] as they are, the single chance [n, 1] of the second class as those of both [n, 2]."""
    return torch.cat([1 - chances, chances], dim=1) if chances.shape[1] == 1 else chances
