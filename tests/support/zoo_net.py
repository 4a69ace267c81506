"""A forward function as a torch module."""

from collections.abc import Callable

from torch import Tensor, nn

Forward = Callable[..., Tensor | tuple[Tensor, ...]]


class Net(nn.Module):
    """A forward function and the modules that it calls."""

    def __init__(self, run: Forward, **parts: nn.Module) -> None:
        super().__init__()
        self.run = run
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, *values: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Whatever the function gives."""
        return self.run(self, *values)
