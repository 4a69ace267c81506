"""Modules for operators that torch has only as functions, so that every node of module form is a module."""

import torch
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
