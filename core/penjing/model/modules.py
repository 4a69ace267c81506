"""Modules for operators that torch has only as functions, so that every node of module form is a module."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Add(nn.Module):
    """y = a + b."""

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        """Broadcasts as torch does."""
        return left + right


class Multiply(nn.Module):
    """y = a · b."""

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        """Broadcasts as torch does."""
        return left * right


class Concat(nn.Module):
    """Joins tensors along one axis."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, *parts: Tensor) -> Tensor:
        """All parts have the same shape but for `dim`."""
        return torch.cat(parts, dim=self.dim)


class GlobalAveragePool(nn.Module):
    """The mean over all positions; `keepdim` leaves axes of extent 1."""

    def __init__(self, *, keepdim: bool) -> None:
        super().__init__()
        self.keepdim = keepdim

    def forward(self, values: Tensor) -> Tensor:
        """[n, c, …] → [n, c, 1, …] or [n, c]."""
        return values.mean(dim=tuple(range(2, values.dim())), keepdim=self.keepdim)


class Reshape(nn.Module):
    """A new shape for everything but the batch axis; one extent may be -1."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, values: Tensor) -> Tensor:
        """[n, …] → [n, *shape]."""
        return values.reshape(values.shape[0], *self.shape)


class Subtract(nn.Module):
    """y = a - b."""

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        """Broadcasts as torch does."""
        return left - right


class Divide(nn.Module):
    """y = a / b."""

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        """Broadcasts as torch does."""
        return left / right


class AddConstant(nn.Module):
    """y = x + c; c broadcasts to x and never has a batch of its own."""

    def __init__(self, value: Tensor) -> None:
        super().__init__()
        self.value = nn.Parameter(value.detach(), requires_grad=False)

    def forward(self, values: Tensor) -> Tensor:
        """[n, …] → [n, …]."""
        return values + self.value


class MultiplyConstant(nn.Module):
    """y = x · c; c broadcasts to x and never has a batch of its own."""

    def __init__(self, value: Tensor) -> None:
        super().__init__()
        self.value = nn.Parameter(value.detach(), requires_grad=False)

    def forward(self, values: Tensor) -> Tensor:
        """[n, …] → [n, …]."""
        return values * self.value


class Clip(nn.Module):
    """y = min(max(x, low), high); a bound may be infinite."""

    def __init__(self, low: float, high: float) -> None:
        super().__init__()
        self.low, self.high = low, high

    def forward(self, values: Tensor) -> Tensor:
        """Elementwise."""
        return values.clamp(self.low, self.high)


class GlobalMaxPool(nn.Module):
    """The maximum over all positions; `keepdim` leaves axes of extent 1."""

    def __init__(self, *, keepdim: bool) -> None:
        super().__init__()
        self.keepdim = keepdim

    def forward(self, values: Tensor) -> Tensor:
        """[n, c, …] → [n, c, 1, …] or [n, c]."""
        return values.amax(dim=tuple(range(2, values.dim())), keepdim=self.keepdim)


class Mean(nn.Module):
    """The mean along some axes (never the batch); `keepdim` leaves axes of extent 1."""

    def __init__(self, dims: tuple[int, ...], *, keepdim: bool) -> None:
        super().__init__()
        self.dims, self.keepdim = dims, keepdim

    def forward(self, values: Tensor) -> Tensor:
        """[n, …] → [n, …]."""
        return values.mean(dim=self.dims, keepdim=self.keepdim)


class Transpose(nn.Module):
    """Another order of the axes; the batch stays first."""

    def __init__(self, order: tuple[int, ...]) -> None:
        super().__init__()
        if sorted(order) != list(range(len(order))) or order[:1] != (0,):
            raise ValueError(f"{order} is no order of axes that keeps the batch first")
        self.order = order

    def forward(self, values: Tensor) -> Tensor:
        """Axis `order[i]` of the input becomes axis i."""
        return values.permute(self.order)


class Pad(nn.Module):
    """Adds values around every axis but the batch: `begin` before it and `end` after it, from axis 1 on.

    `mode` is constant (of `value`), reflect or replicate.
    """

    def __init__(self, begin: tuple[int, ...], end: tuple[int, ...], *, mode: str, value: float) -> None:
        super().__init__()
        if len(begin) != len(end) or min(begin + end, default=0) < 0:
            raise ValueError(f"padding {begin} and {end}")
        if mode not in ("constant", "reflect", "replicate"):
            raise ValueError(f"unknown padding mode {mode!r}")
        self.begin, self.end, self.mode, self.value = begin, end, mode, value

    def forward(self, values: Tensor) -> Tensor:
        """[n, a, …] → [n, begin + a + end, …]."""
        sides = [side for pair in reversed(list(zip(self.begin, self.end, strict=True))) for side in pair]
        if self.mode == "constant":
            return F.pad(values, sides, value=self.value)
        # torch reflects and repeats positions only: the sides of the channels, which are 0, are left out.
        return F.pad(values, sides[:-2], mode=self.mode)


class Resize(nn.Module):
    """An image or a signal in another size, each axis by itself.

    `mode` is nearest (x = ⌊i n / m⌋), nearest-exact (x = ⌊(i + ½) n / m⌋), linear or cubic; these two put the middles
    of the first and last values onto one another (`corners`), or else their outer edges.
    """

    def __init__(self, size: tuple[int, ...], *, mode: str, corners: bool) -> None:
        super().__init__()
        smooth = {1: {"linear": "linear"}, 2: {"linear": "bilinear", "cubic": "bicubic"}}.get(len(size), {})
        known = {"nearest": "nearest", "nearest-exact": "nearest-exact", **smooth}
        if mode not in known or min(size, default=0) < 1 or not smooth or (corners and mode not in smooth):
            raise ValueError(f"size {size}, mode {mode!r}, corners {corners}")
        self.size, self.mode, self.corners = size, mode, corners
        self._torchs = known[mode]

    def forward(self, values: Tensor) -> Tensor:
        """[n, c, …] → [n, c, *size]."""
        if self._torchs.startswith("nearest"):
            return F.interpolate(values, size=self.size, mode=self._torchs)
        return F.interpolate(values, size=self.size, mode=self._torchs, align_corners=self.corners)


class Erf(nn.Module):
    """y = erf x, of which exporters make GELU."""

    def forward(self, values: Tensor) -> Tensor:
        """Elementwise."""
        return values.erf()


class MatMul(nn.Module):
    """y = a b, the matrices in the last two axes; the batch stays first."""

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        """[n, …, i, j] and [n, …, j, k] → [n, …, i, k]."""
        return left @ right


class Embedding(nn.Module):
    """Row x of a table for every number x; a number below 0 counts from the end."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight.detach(), requires_grad=False)

    def forward(self, values: Tensor) -> Tensor:
        """[n, …] of whole numbers, as float → [n, …, width]."""
        return self.weight[values.detach().long()]


class Elementary(nn.Module):
    """y = f(x), value by value; `function` is one of `FUNCTIONS`."""

    def __init__(self, function: str) -> None:
        super().__init__()
        self.function, self._apply_to = function, FUNCTIONS[function]

    def forward(self, values: Tensor) -> Tensor:
        """Elementwise."""
        return self._apply_to(values)


FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "abs": torch.abs,
    "cos": torch.cos,
    "exp": torch.exp,
    "log": torch.log,
    "neg": torch.neg,
    "reciprocal": torch.reciprocal,
    "sin": torch.sin,
    "softplus": F.softplus,
    "sqrt": torch.sqrt,
}


class Power(nn.Module):
    """y = x ^ exponent."""

    def __init__(self, exponent: float) -> None:
        super().__init__()
        self.exponent = exponent

    def forward(self, values: Tensor) -> Tensor:
        """Elementwise."""
        return values**self.exponent


class Slice(nn.Module):
    """Every `step`-th value from `start` to before `stop` along an axis that is not the batch.

    With `drop`, the axis, which has then one value, goes.
    """

    def __init__(self, dim: int, start: int, stop: int, step: int = 1, *, drop: bool = False) -> None:
        super().__init__()
        if dim < 1 or not 0 <= start < stop or step < 1 or (drop and stop - start > step):
            raise ValueError(f"values {start} to {stop} by {step} of axis {dim}")
        self.dim, self.start, self.stop, self.step, self.drop = dim, start, stop, step, drop

    def forward(self, values: Tensor) -> Tensor:
        """[n, …] → [n, …]."""
        if self.stop > values.shape[self.dim]:
            raise ValueError(f"axis {self.dim} has {values.shape[self.dim]} values, not {self.stop}")
        if self.drop:
            return values.select(self.dim, self.start)
        whole = (slice(None),) * self.dim
        return values[(*whole, slice(self.start, self.stop, self.step))]


class TransposedConv(nn.Module):
    """Transposed convolution in one or two dimensions: what a convolution does to its gradient.

    torch and ONNX keep the weight as [in, out / groups, …]; here the filters come first, as in every other layer:
    [out, in / groups, …].
    """

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor | None,
        *,
        stride: tuple[int, ...],
        padding: tuple[int, ...],
        output_padding: tuple[int, ...],
        dilation: tuple[int, ...],
        groups: int = 1,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight.detach(), requires_grad=False)
        self.bias = None if bias is None else nn.Parameter(bias.detach(), requires_grad=False)
        if groups < 1 or len(weight) % groups:
            raise ValueError(f"{len(weight)} filters in {groups} groups")
        self.stride, self.padding, self.output_padding, self.dilation = stride, padding, output_padding, dilation
        self.groups = groups

    def forward(self, values: Tensor) -> Tensor:
        """[n, in, …] → [n, out, …], (extent - 1) stride - 2 padding + dilation (kernel - 1) + output padding + 1."""
        run: Callable[..., Tensor] = F.conv_transpose1d if self.weight.dim() == 3 else F.conv_transpose2d
        return run(
            values,
            turned(self.weight, self.groups),
            self.bias,
            stride=self.stride,
            padding=self.padding,
            output_padding=self.output_padding,
            groups=self.groups,
            dilation=self.dilation,
        )


def turned(weight: Tensor, groups: int) -> Tensor:
    """[groups · a, b, …] → [groups · b, a, …]: filters first or inputs first, in every group."""
    if groups == 1:
        return weight.transpose(0, 1)
    count, other = weight.shape[0] // groups, weight.shape[1]
    return weight.reshape(groups, count, other, *weight.shape[2:]).transpose(1, 2).flatten(0, 1)
