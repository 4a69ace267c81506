"""Elementwise nonlinearities."""

from collections.abc import Mapping

from torch import Tensor, nn

from penjing.model.operators.table import Attributes, Elementwise, register


class _Plain(Elementwise):
    """A nonlinearity without attributes."""

    def build(self, attributes: Attributes, tensors: Mapping[str, Tensor]) -> nn.Module:
        """Nothing to set."""
        return self.modules[0]()


@register
class Relu(_Plain):
    """y = max(x, 0)."""

    kind = "relu"
    modules = (nn.ReLU,)


@register
class Relu6(_Plain):
    """y = min(max(x, 0), 6)."""

    kind = "relu6"
    modules = (nn.ReLU6,)


@register
class Sigmoid(_Plain):
    """y = 1 / (1 + exp(-x))."""

    kind = "sigmoid"
    modules = (nn.Sigmoid,)


@register
class Tanh(_Plain):
    """y = tanh x."""

    kind = "tanh"
    modules = (nn.Tanh,)


@register
class HardSigmoid(_Plain):
    """y = min(max(x / 6 + 1/2, 0), 1)."""

    kind = "hard_sigmoid"
    modules = (nn.Hardsigmoid,)


@register
class HardSwish(_Plain):
    """y = x · min(max(x / 6 + 1/2, 0), 1)."""

    kind = "hard_swish"
    modules = (nn.Hardswish,)


@register
class Identity(_Plain):
    """y = x; what dropout is outside training."""

    kind = "identity"
    modules = (nn.Identity,)
    alias = True


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
