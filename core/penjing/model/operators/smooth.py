"""Smooth relatives of ReLU that bend exponentially: ELU, SELU, CELU and Mish."""

from collections.abc import Mapping

import numpy as np
from torch import Tensor, nn

from penjing.model.operators import integer_kernels
from penjing.model.operators.onnx_writer import OnnxWriter
from penjing.model.operators.reading import AtenNode, Draft, OnnxNode, Reading, SourceNode
from penjing.model.operators.table import Attributes, Elementwise, register

_SELU = {"alpha": 1.6732632423543772, "gamma": 1.0507009873554805}
"""The two numbers that keep mean and variance (Klambauer 2017)."""


@register
class Smooth(Elementwise):
    """ELU (Clevert 2015), SELU (Klambauer 2017), CELU (Barron 2017), or Mish = x tanh(ln(1 + eˣ)) (Misra 2019)."""

    kind = "smooth"
    modules = (nn.ELU, nn.SELU, nn.CELU, nn.Mish)
    reads = ("Elu", "Selu", "Celu", "Mish")
    reads_aten = ("elu", "selu", "celu", "mish")
    integer = integer_kernels.TABLE

    def read(self, node: OnnxNode) -> Reading:
        """One layer; a SELU must have its usual numbers."""
        usual = all(np.isclose(float(node.attributes.get(key, value)), value) for key, value in _SELU.items())
        if node.op == "Selu" and not usual:
            raise node.unsupported("numbers of its own")
        return self._draft(node, node.activation().name, node.op.lower(), float(node.attributes.get("alpha", 1.0)))

    def read_aten(self, node: AtenNode) -> Reading:
        """The same."""
        if node.get("scale", 1) != 1 or node.get("input_scale", 1) != 1:
            raise node.unsupported("another slope")
        return self._draft(node, node.activation().name, node.op, float(node.get("alpha", 1.0)))

    def _draft(self, node: SourceNode, name: str, function: str, alpha: float) -> Reading:
        if function == "celu" and not alpha:
            raise node.unsupported("an alpha of 0, by which it divides")
        attributes = {"function": function} | ({"alpha": alpha} if function in ("elu", "celu") else {})
        return (Draft(kind=self.kind, inputs=(name,), attributes=attributes),)

    def build(self, attributes: Attributes, tensors: Mapping[str, Tensor]) -> nn.Module:
        """Attributes: function; alpha of ELU and CELU."""
        match attributes["function"]:
            case "elu":
                return nn.ELU(float(attributes["alpha"]))
            case "celu":
                return nn.CELU(float(attributes["alpha"]))
            case "selu":
                return nn.SELU()
            case "mish":
                return nn.Mish()
        raise ValueError(f"the function {attributes['function']!r}")

    def attributes(self, module: nn.Module) -> Attributes:
        """Which function, and what it bends to."""
        name = type(module).__name__.lower()
        return {"function": name} | ({"alpha": module.alpha} if isinstance(module, nn.ELU | nn.CELU) else {})

    def write(self, attributes: Attributes, writer: OnnxWriter) -> None:
        """One node; a Mish, which older versions do not know, as what it is made of."""
        value, function = writer.inputs[0], str(attributes["function"])
        if function == "mish":
            writer.result("Mul", value, writer.part("Tanh", writer.part("Softplus", value)))
        elif function == "selu":
            writer.result("Selu", value)
        else:
            writer.result(function.capitalize(), value, alpha=float(attributes["alpha"]))
