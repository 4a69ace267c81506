"""Elementwise nonlinearities."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from penjing.model.operators import integer_kernels
from penjing.model.operators.channels import Channels, Flow
from penjing.model.operators.onnx_writer import OnnxWriter
from penjing.model.operators.reading import PREVIOUS, AtenNode, Draft, OnnxNode, Reading, from_front
from penjing.model.operators.table import Attributes, Elementwise, Shape, register

_FLOATS = (1, 10, 11, 16)  # float, float16, double and bfloat16 as ONNX numbers them


class _Plain(Elementwise):
    """A nonlinearity without attributes."""

    onnx: ClassVar[str]
    onnx_attributes: ClassVar[Mapping[str, Any]] = {}

    def read(self, node: OnnxNode) -> Reading:
        """One layer."""
        return (Draft(kind=self.kind, inputs=(node.activation().name,)),)

    def read_aten(self, node: AtenNode) -> Reading:
        """One layer."""
        return (Draft(kind=self.kind, inputs=(node.activation().name,)),)

    def build(self, attributes: Attributes, tensors: Mapping[str, Tensor]) -> nn.Module:
        """Nothing to set."""
        return self.modules[0]()

    def write(self, attributes: Attributes, writer: OnnxWriter) -> None:
        """One node."""
        writer.result(self.onnx, writer.inputs[0], **self.onnx_attributes)


@register
class Relu(_Plain):
    """y = max(x, 0)."""

    kind = "relu"
    modules = (nn.ReLU,)
    reads = ("Relu",)
    reads_aten = ("relu",)
    integer = integer_kernels.RELU
    onnx = "Relu"


@register
class Relu6(_Plain):
    """y = min(max(x, 0), 6)."""

    kind = "relu6"
    modules = (nn.ReLU6,)
    reads = ("Clip",)
    reads_aten = ("relu6", "hardtanh", "clamp")
    integer = integer_kernels.RELU6

    def read(self, node: OnnxNode) -> Reading:
        """A Clip to 0..6."""
        bounds = (node.number("min", 1, -math.inf), node.number("max", 2, math.inf))
        return super().read(node) if bounds == (0, 6) else None

    def read_aten(self, node: AtenNode) -> Reading:
        """Relu6, or what clips to 0..6."""
        bounds = {"hardtanh": ("min_val", "max_val"), "clamp": ("min", "max")}.get(node.op)
        clips = bounds is None or (node.get(bounds[0]) == 0 and node.get(bounds[1]) == 6)
        return super().read_aten(node) if clips else None

    def write(self, attributes: Attributes, writer: OnnxWriter) -> None:
        """A Clip to 0..6."""
        bounds = (writer.constant("min", np.array(0, np.float32)), writer.constant("max", np.array(6, np.float32)))
        writer.result("Clip", writer.inputs[0], *bounds)


@register
class Sigmoid(_Plain):
    """y = 1 / (1 + exp(-x))."""

    kind = "sigmoid"
    modules = (nn.Sigmoid,)
    reads = ("Sigmoid",)
    reads_aten = ("sigmoid",)
    integer = integer_kernels.TABLE
    onnx = "Sigmoid"


@register
class Tanh(_Plain):
    """y = tanh x."""

    kind = "tanh"
    modules = (nn.Tanh,)
    reads = ("Tanh",)
    reads_aten = ("tanh",)
    integer = integer_kernels.TABLE
    onnx = "Tanh"


@register
class HardSigmoid(_Plain):
    """y = min(max(x / 6 + 1/2, 0), 1)."""

    kind = "hard_sigmoid"
    modules = (nn.Hardsigmoid,)
    reads = ("HardSigmoid",)
    reads_aten = ("hardsigmoid",)
    integer = integer_kernels.TABLE
    onnx = "HardSigmoid"
    onnx_attributes: ClassVar[Mapping[str, Any]] = {"alpha": 1 / 6, "beta": 0.5}

    def read(self, node: OnnxNode) -> Reading:
        """One layer if its slope is 1/6; Keras's 0.2 becomes a product, a sum and a clip."""
        slope, offset = node.number("alpha", None, 0.2), node.number("beta", None, 0.5)
        if abs(slope - 1 / 6) < 1e-6 and offset == 0.5:
            return super().read(node)
        name = node.activation().name
        return (
            Draft(kind="multiply_constant", inputs=(name,), tensors={"value": torch.tensor(slope)}),
            Draft(kind="add_constant", inputs=(PREVIOUS,), tensors={"value": torch.tensor(offset)}),
            Draft(kind="clip", inputs=(PREVIOUS,), attributes={"low": 0.0, "high": 1.0}),
        )


@register
class HardSwish(_Plain):
    """y = x · min(max(x / 6 + 1/2, 0), 1)."""

    kind = "hard_swish"
    modules = (nn.Hardswish,)
    reads = ("HardSwish",)
    reads_aten = ("hardswish",)
    integer = integer_kernels.TABLE
    onnx = "HardSwish"


@register
class Identity(_Plain):
    """y = x; what dropout is outside training."""

    kind = "identity"
    modules = (nn.Identity,)
    reads = ("Identity", "Cast")
    reads_aten = ("alias", "clone", "contiguous", "detach", "lift_fresh_copy", "_to_copy", "to")
    integer = integer_kernels.IDENTITY
    alias = True
    onnx = "Identity"

    def read(self, node: OnnxNode) -> Reading:
        """Nothing: what reads its result reads its input; every value is float32 in module form."""
        if node.op == "Cast" and int(node.attributes.get("to", 0)) not in _FLOATS:
            raise node.unsupported("a cast of the network's values to whole numbers")
        return ()

    def read_aten(self, node: AtenNode) -> Reading:
        """Nothing."""
        return ()


@register
class Dropout(Elementwise):
    """Zeroes values at random while training; y = x otherwise."""

    kind = "dropout"
    modules = (nn.Dropout,)
    reads = ("Dropout",)
    reads_aten = ("dropout", "feature_dropout", "native_dropout")
    integer = integer_kernels.IDENTITY
    alias = True

    def read(self, node: OnnxNode) -> Reading:
        """A dropout that only works while Penjing trains."""
        return self._dropout(node.activation().name, node.number("ratio", 1, 0.5))

    def read_aten(self, node: AtenNode) -> Reading:
        """The same."""
        return self._dropout(node.activation("input").name, float(node.get("p", 0.5)))

    def _dropout(self, name: str, ratio: float) -> Reading:
        return (Draft(kind=self.kind, inputs=(name,), attributes={"p": ratio}),)

    def build(self, attributes: Attributes, tensors: Mapping[str, Tensor]) -> nn.Module:
        """Attributes: p, the probability of zeroing."""
        return nn.Dropout(float(attributes["p"]))

    def attributes(self, module: nn.Module) -> Attributes:
        """The probability."""
        assert isinstance(module, nn.Dropout)
        return {"p": module.p}

    def write(self, attributes: Attributes, writer: OnnxWriter) -> None:
        """A Dropout, which does nothing outside training."""
        writer.result("Dropout", writer.inputs[0], writer.constant("ratio", np.array(attributes["p"], np.float32)))


class _Normalised(Elementwise):
    """Values weighed against each other along one axis."""

    in_place = False
    onnx: ClassVar[str]

    def shape(self, module: nn.Module, inputs: tuple[Shape, ...]) -> Shape | None:
        """Torch knows whether there is such an axis."""
        return None

    def read(self, node: OnnxNode) -> Reading:
        """Along one axis; before opset 13 everything from `axis` on was one axis."""
        value = node.activation()
        rank = len(value.shape)
        axis = node.axis(-1 if node.opset >= 13 else 1, rank)
        if axis == 0 or (node.opset < 13 and math.prod(value.shape[axis + 1 :]) > 1):
            raise node.unsupported(f"axis {axis} of a tensor of shape {list(value.shape)} in opset {node.opset}")
        return (Draft(kind=self.kind, inputs=(value.name,), attributes={"dim": axis}),)

    def read_aten(self, node: AtenNode) -> Reading:
        """Along one axis."""
        value = node.activation()
        axis = from_front(int(node.get("dim", -1)), len(value.shape), node)
        return (Draft(kind=self.kind, inputs=(value.name,), attributes={"dim": axis}),)

    def build(self, attributes: Attributes, tensors: Mapping[str, Tensor]) -> nn.Module:
        """Attributes: dim."""
        return self.modules[0](dim=int(attributes["dim"]))

    def attributes(self, module: nn.Module) -> Attributes:
        """The axis."""
        assert isinstance(module, nn.Softmax | nn.LogSoftmax)
        return {"dim": module.dim}

    def channels(self, module: nn.Module, flow: Flow) -> Channels:
        """Its input's, unless it weighs the channels against each other: then a cut would change the others."""
        assert isinstance(module, nn.Softmax | nn.LogSoftmax)
        if module.dim is None or module.dim % len(flow.output_shape) == flow.inputs[0].axis:
            flow.freeze(flow.inputs[0].ids)
            return flow.fixed(flow.inputs[0].axis)
        return flow.inputs[0]

    def write(self, attributes: Attributes, writer: OnnxWriter) -> None:
        """One node."""
        writer.result(self.onnx, writer.inputs[0], axis=int(attributes["dim"]))


@register
class Softmax(_Normalised):
    """y = exp(x) / Σ exp(x) along one axis."""

    kind = "softmax"
    modules = (nn.Softmax,)
    reads = ("Softmax",)
    reads_aten = ("softmax", "_softmax")
    onnx = "Softmax"
    integer = integer_kernels.SOFTMAX


@register
class LogSoftmax(_Normalised):
    """y = x - log Σ exp(x) along one axis."""

    kind = "log_softmax"
    modules = (nn.LogSoftmax,)
    integer = integer_kernels.LOG_SOFTMAX
    reads = ("LogSoftmax",)
    reads_aten = ("log_softmax", "_log_softmax")
    onnx = "LogSoftmax"
