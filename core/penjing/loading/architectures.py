"""The architectures that files of tensors can be read into by name.

>>> from penjing.loading.architectures import lenet5
>>> [name for name, module, feeds in lenet5().layers()][:3]
['conv1', 'relu1', 'pool1']
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from penjing.loading.module import from_module
from penjing.model.model import Model


def lenet5(*, seed: int = 0) -> Model:
    """LeNet-5 in module form with random weights, the same for the same seed; [n, 1, 28, 28] → [n, 10]."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return from_module(*_lenet5())


def _lenet5() -> tuple[nn.Module, tuple[Tensor, ...]]:
    """LeCun 1998 with ReLU and max pooling: 61,706 parameters."""
    layers = OrderedDict[str, nn.Module](
        conv1=nn.Conv2d(1, 6, 5, padding=2),
        relu1=nn.ReLU(),
        pool1=nn.MaxPool2d(2),
        conv2=nn.Conv2d(6, 16, 5),
        relu2=nn.ReLU(),
        pool2=nn.MaxPool2d(2),
        flatten=nn.Flatten(),
        fc1=nn.Linear(400, 120),
        relu3=nn.ReLU(),
        fc2=nn.Linear(120, 84),
        relu4=nn.ReLU(),
        fc3=nn.Linear(84, 10),
    )
    return nn.Sequential(layers), (torch.zeros(1, 1, 28, 28),)


ARCHITECTURES: Mapping[str, Callable[[], tuple[nn.Module, tuple[Tensor, ...]]]] = {"lenet5": _lenet5}
"""By name: a module and an example of what it takes."""
