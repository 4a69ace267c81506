"""Elementwise nonlinearities."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from torch import Tensor, nn

from penjing.model.operators.onnx_writer import OnnxWriter
from penjing.model.operators.table import Attributes, Elementwise, register


class _Plain(Elementwise):
    """A nonlinearity without attributes."""

    onnx: ClassVar[str]
    onnx_attributes: ClassVar[Mapping[str, Any]] = {}

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
    onnx = "Relu"


@register
class Relu6(_Plain):
    """y = min(max(x, 0), 6)."""

    kind = "relu6"
    modules = (nn.ReLU6,)

    def write(self, attributes: Attributes, writer: OnnxWriter) -> None:
        """A Clip to 0..6."""
        bounds = (writer.constant("min", np.array(0, np.float32)), writer.constant("max", np.array(6, np.float32)))
        writer.result("Clip", writer.inputs[0], *bounds)


@register
class Sigmoid(_Plain):
    """y = 1 / (1 + exp(-x))."""

    kind = "sigmoid"
    modules = (nn.Sigmoid,)
    onnx = "Sigmoid"


@register
class Tanh(_Plain):
    """y = tanh x."""

    kind = "tanh"
    modules = (nn.Tanh,)
    onnx = "Tanh"


@register
class HardSigmoid(_Plain):
    """y = min(max(x / 6 + 1/2, 0), 1)."""

    kind = "hard_sigmoid"
    modules = (nn.Hardsigmoid,)
    onnx = "HardSigmoid"
    onnx_attributes: ClassVar[Mapping[str, Any]] = {"alpha": 1 / 6, "beta": 0.5}


@register
class HardSwish(_Plain):
    """y = x · min(max(x / 6 + 1/2, 0), 1)."""

    kind = "hard_swish"
    modules = (nn.Hardswish,)
    onnx = "HardSwish"


@register
class Identity(_Plain):
    """y = x; what dropout is outside training."""

    kind = "identity"
    modules = (nn.Identity,)
    alias = True
    onnx = "Identity"


@register
class Dropout(Elementwise):
    """Zeroes values at random while training; y = x otherwise."""

    kind = "dropout"
    modules = (nn.Dropout,)
    alias = True

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


@register
class Softmax(Elementwise):
    """y = exp(x) / Σ exp(x) along one axis."""

    kind = "softmax"
    modules = (nn.Softmax,)
    in_place = False

    def build(self, attributes: Attributes, tensors: Mapping[str, Tensor]) -> nn.Module:
        """Attributes: dim."""
        return nn.Softmax(dim=int(attributes["dim"]))

    def attributes(self, module: nn.Module) -> Attributes:
        """The axis."""
        assert isinstance(module, nn.Softmax)
        return {"dim": module.dim}

    def write(self, attributes: Attributes, writer: OnnxWriter) -> None:
        """One Softmax."""
        writer.result("Softmax", writer.inputs[0], axis=int(attributes["dim"]))
