"""Data and networks for tests of quantization: a data set of given inputs, quantized networks."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from penjing.compression.quantize import quantize
from penjing.model.model import Model
from penjing.plan import Plan
from tests.support.networks import sample_input


class Unlabelled:
    """A split of so many samples without classes."""

    y = None

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count


def dataset_of(inputs: Tensor) -> Any:
    """What calibration needs of a data set: a training split and its batches."""

    def batch(split: object, indices: slice | np.ndarray[Any, Any]) -> Tensor:
        assert split is found.train
        return inputs[indices] if isinstance(indices, slice) else inputs[torch.from_numpy(indices)]

    found = SimpleNamespace(train=Unlabelled(len(inputs)), batch=batch)
    return found


def quantized(model: Model, *, count: int = 48, **defaults: object) -> Model:
    """The network calibrated on random inputs; 8 bits everywhere unless `defaults` say otherwise."""
    plan = Plan().with_defaults(**{"weight_bits": 8, "activation_bits": 8, **defaults})
    data = dataset_of(sample_input(model, count=count, seed=2)) if len(model.inputs) == 1 else None
    return quantize(model, plan, data)
