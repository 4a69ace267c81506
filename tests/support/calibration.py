"""Data and networks for tests of quantization: a data set of given inputs, quantized networks."""

from torch import Tensor

from penjing.compression.quantize import quantize
from penjing.loading.dataset import Dataset, Split
from penjing.model.model import Model
from penjing.plan import Plan
from tests.support.networks import sample_input


def dataset_of(inputs: Tensor) -> Dataset:
    """A training split of these inputs, without labels; nothing to validate or test."""
    nothing = Split(x=inputs[:0].numpy())
    return Dataset(train=Split(x=inputs.numpy()), val=nothing, test=nothing, metric="agreement")


def quantized(model: Model, *, count: int = 48, **defaults: object) -> Model:
    """The network calibrated on random inputs; 8 bits everywhere unless `defaults` say otherwise."""
    plan = Plan().with_defaults(**{"weight_bits": 8, "activation_bits": 8, **defaults})
    data = dataset_of(sample_input(model, count=count, seed=2)) if len(model.inputs) == 1 else None
    return quantize(model, plan, data)
