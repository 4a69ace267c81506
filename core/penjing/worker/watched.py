"""Lets whatever looks at samples be stopped or paused: before every batch, and before every module that runs."""

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_pre_hook

from penjing.loading.dataset import Dataset, Split


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
def watched_modules(on_module: Callable[[], None]) -> Iterator[None]:
    """While the block runs, `on_module` is called before each module of any network; it may raise `errors.Cancelled`.

    A large network takes long for one batch; every single module of it does not.
    """

    def look(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        on_module()

    handle = register_module_forward_pre_hook(look)
    try:
        yield
    finally:
        handle.remove()
