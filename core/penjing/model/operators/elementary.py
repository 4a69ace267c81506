"""Elementary functions, value by value: what decomposed norms and activations are made of."""

from collections.abc import Mapping

import numpy as np
from torch import Tensor, nn

from penjing.model.modules import FUNCTIONS, Elementary, Power
from penjing.model.operators import integer_kernels
from penjing.model.operators.onnx_writer import OnnxWriter
from penjing.model.operators.reading import AtenNode, Constant, Draft, OnnxNode, Reading
from penjing.model.operators.table import Attributes, Elementwise, register

_ONNX = {name: name.capitalize() for name in FUNCTIONS}


@register
class ElementaryRow(Elementwise):
    """y = f(x): exponential, logarithm, root, sine and the like."""

    kind = "elementary"
    modules = (Elementary,)
    integer = integer_kernels.TABLE
    reads = tuple(_ONNX.values())
    reads_aten = tuple(FUNCTIONS)

    def read(self, node: OnnxNode) -> Reading:
        """One layer."""
        attributes = {"function": node.op.lower()}
        return (Draft(kind=self.kind, inputs=(node.activation().name,), attributes=attributes),)

    def read_aten(self, node: AtenNode) -> Reading:
        """One layer."""
        if node.get("beta", 1) != 1 or node.get("threshold", 20) != 20:
            raise node.unsupported("a softplus of another slope")
        return (Draft(kind=self.kind, inputs=(node.activation().name,), attributes={"function": node.op}),)

    def build(self, attributes: Attributes, tensors: Mapping[str, Tensor]) -> nn.Module:
        """Attributes: function."""
        return Elementary(str(attributes["function"]))

    def attributes(self, module: nn.Module) -> Attributes:
        """The function."""
        assert isinstance(module, Elementary)
        return {"function": module.function}

    def title(self, module: nn.Module) -> str:
        """The function."""
        assert isinstance(module, Elementary)
        return module.function.capitalize()

    def write(self, attributes: Attributes, writer: OnnxWriter) -> None:
        """One node."""
        writer.result(_ONNX[str(attributes["function"])], writer.inputs[0])


@register
class PowerRow(Elementwise):
    """y = x ^ p."""

    kind = "power"
    modules = (Power,)
    integer = integer_kernels.TABLE
    reads = ("Pow",)
    reads_aten = ("pow", "rsqrt", "square")

    def read(self, node: OnnxNode) -> Reading:
        """A stored exponent that is the same for all values."""
        exponent = node.value(1)
        if not isinstance(exponent, Constant) or exponent.array.size != 1:
            return None
        return self._to(node.activation().name, float(exponent.array.reshape(-1)[0]))

    def read_aten(self, node: AtenNode) -> Reading:
        """The same; the reciprocal root is a power, too."""
        exponent = {"rsqrt": -0.5, "square": 2.0}.get(node.op, node.get("exponent"))
        return self._to(node.activation().name, float(exponent)) if isinstance(exponent, int | float) else None

    def _to(self, name: str, exponent: float) -> Reading:
        return (Draft(kind=self.kind, inputs=(name,), attributes={"exponent": exponent}),)

    def build(self, attributes: Attributes, tensors: Mapping[str, Tensor]) -> nn.Module:
        """Attributes: exponent."""
        return Power(float(attributes["exponent"]))

    def attributes(self, module: nn.Module) -> Attributes:
        """The exponent."""
        assert isinstance(module, Power)
        return {"exponent": module.exponent}

    def write(self, attributes: Attributes, writer: OnnxWriter) -> None:
        """One node."""
        exponent = writer.constant("exponent", np.array(float(attributes["exponent"]), np.float32))
        writer.result("Pow", writer.inputs[0], exponent)
