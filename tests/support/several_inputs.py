"""A network of two inputs, a picture and three facts."""

from torch import nn

from penjing.layer_graph import NetworkInput, NetworkOutput
from penjing.loading.build import build
from penjing.model.model import Model
from penjing.model.modules import Concat
from penjing.model.operators.table import operator_of
from penjing.model.spec import NetworkSpec, NodeSpec
from tests.support.networks import randomised


def two_inputs(*, outputs: int = 2, seed: int = 0) -> Model:
    """[1, 4, 4] through a convolution beside [3] through a linear layer, then one of both."""
    nodes: tuple[tuple[str, nn.Module, tuple[str, ...]], ...] = (
        ("conv", nn.Conv2d(1, 4, 3, padding=1), ("picture",)),
        ("relu", nn.ReLU(), ("conv",)),
        ("flatten", nn.Flatten(), ("relu",)),
        ("side", nn.Linear(3, 6), ("facts",)),
        ("side_relu", nn.ReLU(), ("side",)),
        ("both", Concat(1), ("flatten", "side_relu")),
        ("fc", nn.Linear(70, outputs), ("both",)),
    )
    specs = tuple(
        NodeSpec(
            name=name,
            source_name=name,
            kind=operator_of(module).kind,
            inputs=feeds,
            attributes=operator_of(module).attributes(module),
            tensors=operator_of(module).tensors(module),
        )
        for name, module, feeds in nodes
    )
    inputs = (
        NetworkInput(name="picture", source_name="picture", shape=(1, 1, 4, 4)),
        NetworkInput(name="facts", source_name="facts", shape=(1, 3)),
    )
    made = (NetworkOutput(source_name="y", layer="fc", shape=()),)
    return randomised(build(NetworkSpec(inputs=inputs, nodes=specs, outputs=made)), seed)
