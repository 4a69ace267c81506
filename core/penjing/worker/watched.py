"""Lets whatever looks at samples be stopped or paused: before every batch, module or operation."""

import dataclasses
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar

from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_pre_hook
from torch.overrides import TorchFunctionMode

from penjing.loading.dataset import Dataset, Split

Step = TypeVar("Step")

MANY_WEIGHTS = 1 << 20
PAUSE = 0.005


@dataclass(frozen=True, kw_only=True, eq=False)
class WatchedDataset(Dataset):
    """The same data; `on_batch` is called before each batch and may raise `errors.Cancelled`, or wait."""

    on_batch: Callable[[], None]

    def batch(self, split: Split, indices: slice | NDArray[Any]) -> Tensor:
        """As `Dataset.batch`."""
        self.on_batch()
        return super().batch(split, indices)


def watched(data: Dataset | None, on_batch: Callable[[], None]) -> WatchedDataset | None:
    """The data, watched."""
    if data is None:
        return None
    given = {field.name: getattr(data, field.name) for field in dataclasses.fields(Dataset)}
    return WatchedDataset(**given, on_batch=on_batch)


@contextmanager
def watched_modules(on_module: Callable[[], None], *, weights: int = 0) -> Iterator[None]:
    """While the block runs, `on_module` is called before each module of any network; it may raise `errors.Cancelled`.

    A large network takes long for one batch; every single module of it does not. But copying, sorting and rounding its
    weights do: of a network with many `weights` the call comes before tensor operations, too. That costs a tenth more
    time, which small networks need not pay.
    """

    def look(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        on_module()

    handle = register_module_forward_pre_hook(look)
    try:
        with _Operations(on_module) if weights >= MANY_WEIGHTS else nullcontext():
            yield
    finally:
        handle.remove()


def watched_steps(steps: Iterator[Step], on_module: Callable[[], None], *, weights: int = 0) -> Iterator[Step]:
    """The same values; what makes each of them is watched, what is done between them is not."""
    while True:
        with watched_modules(on_module, weights=weights):
            try:
                step = next(steps)
            except StopIteration:
                return
        yield step


class _Operations(TorchFunctionMode):
    """Looks up before operations on tensors, but not more often than every `PAUSE` seconds."""

    def __init__(self, look: Callable[[], None]) -> None:
        super().__init__()
        self._look, self._next = look, 0.0

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        now = time.monotonic()
        if now >= self._next:
            self._look()
            self._next = now + PAUSE
        return func(*args, **(kwargs or {}))
