"""Nonlinearities with a number or a tensor of their own, and smooth ones: clip, leaky ReLU, PReLU, GELU, SiLU, erf."""

import copy
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor, nn

from penjing.layer_graph import WeightKind
from penjing.model.modules import Clip, Erf
from penjing.model.operators import integer_kernels
from penjing.model.operators.onnx_writer import OnnxWriter
from penjing.model.operators.reading import Activation, Array, AtenNode, Draft, OnnxNode, Reading, tensor
from penjing.model.operators.table import Attributes, Elementwise, Shape, parameter, register


@register
class ClipRow(Elementwise):
    """y = min(max(x, low), high); a bound may be infinite."""

    kind = "clip"
    modules = (Clip,)
    integer = integer_kernels.CLIP
    reads = ("Clip",)
    reads_aten = ("hardtanh", "clamp", "clamp_min", "clamp_max")

    def read(self, node: OnnxNode) -> Reading:
        """A Clip to anything but 0..6, which is ReLU6."""
        return self._clip(node.activation().name, node.number("min", 1, -math.inf), node.number("max", 2, math.inf))

    def read_aten(self, node: AtenNode) -> Reading:
        """Hardtanh or clamp to anything but 0..6."""
        if node.op == "hardtanh":
            bounds = (node.get("min_val", -1.0), node.get("max_val", 1.0))
        else:
            bounds = (node.get("min", -math.inf), node.get("max", math.inf))
        return self._clip(node.activation().name, float(bounds[0]), float(bounds[1]))

    def _clip(self, name: str, low: float, high: float) -> Reading:
        if (low, high) == (0, 6):
            return None
        if low == 0 and high > _FLOAT_MAX:
            return (Draft(kind="relu", inputs=(name,)),)
        return (Draft(kind=self.kind, inputs=(name,), attributes={"low": low, "high": high}),)

    def build(self, attributes: Attributes, tensors: Mapping[str, Tensor]) -> nn.Module:
        """Attributes: low, high."""
        return Clip(float(attributes["low"]), float(attributes["high"]))

    def attributes(self, module: nn.Module) -> Attributes:
        """The bounds."""
        assert isinstance(module, Clip)
        return {"low": module.low, "high": module.high}

    def write(self, attributes: Attributes, writer: OnnxWriter) -> None:
        """A Clip whose infinite bounds are left out."""
        bounds = [
            writer.constant(part, np.array(attributes[key], np.float32)) if math.isfinite(attributes[key]) else ""
            for part, key in (("min", "low"), ("max", "high"))
        ]
        writer.result("Clip", writer.inputs[0], *bounds)


@register
class LeakyRelu(Elementwise):
    """y = x if x ≥ 0, else slope · x."""

    kind = "leaky_relu"
    modules = (nn.LeakyReLU,)
    integer = integer_kernels.TABLE
    reads = ("LeakyRelu",)
    reads_aten = ("leaky_relu",)

    def read(self, node: OnnxNode) -> Reading:
        """One layer."""
        return self._leaky(node.activation().name, node.number("alpha", None, 0.01))

    def read_aten(self, node: AtenNode) -> Reading:
        """One layer."""
        return self._leaky(node.activation().name, float(node.get("negative_slope", 0.01)))

    def _leaky(self, name: str, slope: float) -> Reading:
        return (Draft(kind=self.kind, inputs=(name,), attributes={"slope": slope}),)

    def build(self, attributes: Attributes, tensors: Mapping[str, Tensor]) -> nn.Module:
        """Attributes: slope."""
        return nn.LeakyReLU(float(attributes["slope"]))

    def attributes(self, module: nn.Module) -> Attributes:
        """The slope for negative values."""
        assert isinstance(module, nn.LeakyReLU)
        return {"slope": module.negative_slope}

    def write(self, attributes: Attributes, writer: OnnxWriter) -> None:
        """One node."""
        writer.result("LeakyRelu", writer.inputs[0], alpha=float(attributes["slope"]))


@register
class PRelu(Elementwise):
    """y = x if x ≥ 0, else w · x; w is one number or one a channel (axis 1)."""

    kind = "prelu"
    modules = (nn.PReLU,)
    integer = integer_kernels.SLOPES
    reads = ("PRelu",)
    reads_aten = ("prelu", "_prelu_kernel")

    def read(self, node: OnnxNode) -> Reading:
        """Slopes that are stored for each channel, broadcast over the positions."""
        value, slope = node.activation(), node.needed(1)
        rank = len(value.shape)
        shape = (1,) * (rank - slope.ndim) + slope.shape
        if slope.size != 1 and (rank < 2 or shape != (1, value.shape[1], *(1,) * (rank - 2))):
            raise node.unsupported(f"slopes of shape {list(slope.shape)} for a tensor of shape {list(value.shape)}")
        return self._prelu(value, slope, node.origin(1))

    def read_aten(self, node: AtenNode) -> Reading:
        """The same."""
        return self._prelu(node.activation(), node.needed("weight"), node.origin("weight"))

    def _prelu(self, value: Activation, slope: Array, origin: str) -> Reading:
        tensors = {"weight": tensor(slope.reshape(-1))}
        return (Draft(kind=self.kind, inputs=(value.name,), tensors=tensors, weight=origin),)

    def shape(self, module: nn.Module, inputs: tuple[Shape, ...]) -> Shape | None:
        """Torch knows whether its slopes fit the channels."""
        return None

    def build(self, attributes: Attributes, tensors: Mapping[str, Tensor]) -> nn.Module:
        """No attributes: the weight says everything."""
        module = nn.PReLU(tensors["weight"].numel())
        module.weight = parameter(tensors["weight"])
        return module

    def write(self, attributes: Attributes, writer: OnnxWriter) -> None:
        """One node; the slopes get an axis for every axis after the channels."""
        slope = writer.tensor("weight")
        axes = len(writer.output_shape) - 2
        if axes:
            shape = writer.constant("shape", np.array((-1, *(1,) * axes), np.int64))
            slope = writer.part("Reshape", slope, shape)
        writer.result("PRelu", writer.inputs[0], slope)

    def weight_kind(self, module: nn.Module) -> WeightKind:
        """One value a channel, or one for all."""
        assert isinstance(module, nn.PReLU)
        return "affine" if module.num_parameters > 1 else "other"

    def select(self, module: nn.Module, *, outputs: Tensor | None, inputs: Tensor | None) -> nn.Module:
        """Fewer channels; one slope for all stays."""
        assert isinstance(module, nn.PReLU)
        result: Any = copy.deepcopy(module)
        if outputs is not None and module.num_parameters > 1:
            result.weight = parameter(result.weight[outputs])
            result.num_parameters = len(outputs)
        return result  # type: ignore[no-any-return]


@register
class Gelu(Elementwise):
    """y = x Φ(x); approximate "tanh" takes Φ(x) ≈ (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2 (Hendrycks 2016)."""

    kind = "gelu"
    modules = (nn.GELU,)
    integer = integer_kernels.TABLE
    reads = ("Gelu",)
    reads_aten = ("gelu",)

    def read(self, node: OnnxNode) -> Reading:
        """One layer (opset 20 and newer)."""
        return self._gelu(node.activation().name, str(node.attributes.get("approximate", "none")))

    def read_aten(self, node: AtenNode) -> Reading:
        """One layer."""
        return self._gelu(node.activation().name, str(node.get("approximate", "none")))

    def _gelu(self, name: str, approximate: str) -> Reading:
        return (Draft(kind=self.kind, inputs=(name,), attributes={"approximate": approximate}),)

    def build(self, attributes: Attributes, tensors: Mapping[str, Tensor]) -> nn.Module:
        """Attributes: approximate, none or tanh."""
        if attributes["approximate"] not in ("none", "tanh"):
            raise ValueError(f"approximate is {attributes['approximate']!r}")
        return nn.GELU(approximate=attributes["approximate"])

    def attributes(self, module: nn.Module) -> Attributes:
        """Which form of Φ."""
        assert isinstance(module, nn.GELU)
        return {"approximate": module.approximate}

    def write(self, attributes: Attributes, writer: OnnxWriter) -> None:
        """From operators that opset 18 has already."""
        value = writer.inputs[0]

        def number(part: str, amount: float) -> str:
            return writer.constant(part, np.array(amount, np.float32))

        one, half = number("one", 1), number("half", 0.5)
        if attributes["approximate"] == "none":
            inner = writer.part("Erf", writer.part("Div", value, number("root", math.sqrt(2))))
        else:
            cube = writer.part("Mul.cubic", writer.part("Pow", value, number("three", 3)), number("cubic", 0.044715))
            scaled = writer.part(
                "Mul.scale", writer.part("Add.cubic", value, cube), number("factor", math.sqrt(2 / math.pi))
            )
            inner = writer.part("Tanh", scaled)
        writer.result("Mul", writer.part("Mul", value, writer.part("Add", inner, one)), half)


@register
class Silu(Elementwise):
    """y = x / (1 + exp(-x))."""

    kind = "silu"
    modules = (nn.SiLU,)
    integer = integer_kernels.TABLE
    reads_aten = ("silu",)

    def build(self, attributes: Attributes, tensors: Mapping[str, Tensor]) -> nn.Module:
        """Nothing to set."""
        return nn.SiLU()

    def read_aten(self, node: AtenNode) -> Reading:
        """One layer."""
        return (Draft(kind=self.kind, inputs=(node.activation().name,)),)

    def write(self, attributes: Attributes, writer: OnnxWriter) -> None:
        """The product of x and its sigmoid."""
        writer.result("Mul", writer.inputs[0], writer.part("Sigmoid", writer.inputs[0]))


@register
class ErfRow(Elementwise):
    """y = erf x."""

    kind = "erf"
    modules = (Erf,)
    integer = integer_kernels.TABLE
    reads = ("Erf",)
    reads_aten = ("erf",)

    def build(self, attributes: Attributes, tensors: Mapping[str, Tensor]) -> nn.Module:
        """Nothing to set."""
        return Erf()

    def read(self, node: OnnxNode) -> Reading:
        """One layer."""
        return (Draft(kind=self.kind, inputs=(node.activation().name,)),)

    def read_aten(self, node: AtenNode) -> Reading:
        """One layer."""
        return (Draft(kind=self.kind, inputs=(node.activation().name,)),)

    def write(self, attributes: Attributes, writer: OnnxWriter) -> None:
        """One node."""
        writer.result("Erf", writer.inputs[0])


_FLOAT_MAX = 3.4e38
"""A bound beyond this cuts nothing in float32; some exporters write the largest float for "no bound"."""
