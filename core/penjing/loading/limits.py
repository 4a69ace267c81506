"""How big a file may be: user files are hostile until proven otherwise, and a limit speaks before memory runs out."""

import math
from collections.abc import Iterable
from pathlib import Path

from penjing.errors import UserError

MAX_FILE_BYTES = 2 << 30
MAX_NODES = 20_000
MAX_TENSORS = 100_000
MAX_TENSOR_ELEMENTS = 1 << 28
MAX_ALL_ELEMENTS = 1 << 29
MAX_AXES = 8
MAX_VALUES = 1 << 28
"""Values of one activation at batch 1."""


def check_file(path: Path, *, most: int = MAX_FILE_BYTES) -> int:
    """The size in bytes of a regular file.

    Raises:
        UserError: `load.not_found`, `load.not_a_file`, `load.too_big`.
    """
    if not path.exists():
        raise UserError("load.not_found", path=path)
    if not path.is_file():
        raise UserError("load.not_a_file", path=path)
    size = path.stat().st_size
    check(size, most, what="bytes", where=path.name)
    return size


def check(count: int, most: int, *, what: str, where: str) -> None:
    """Raises `load.too_big` if there is more than the limit."""
    if count > most:
        raise UserError("load.too_big", where=where, what=what, count=count, most=most)


def check_shape(shape: Iterable[int], *, where: str, most: int = MAX_TENSOR_ELEMENTS) -> tuple[int, ...]:
    """The shape, if it is one: not too many axes, no negative extent, not too many elements."""
    extents = tuple(int(extent) for extent in shape)
    check(len(extents), MAX_AXES, what="axes", where=where)
    if min(extents, default=0) < 0:
        raise UserError("load.bad_shape", where=where, shape=list(extents))
    check(math.prod(extents), most, what="values", where=where)
    return extents


class Budget:
    """How many values a file's tensors may have together: the same bytes may be named many times."""

    def __init__(self, where: str, *, most: int = MAX_ALL_ELEMENTS) -> None:
        self.where, self.most, self.spent = where, most, 0

    def spend(self, values: int) -> None:
        """Raises `load.too_big` when it is used up."""
        self.spent += values
        check(self.spent, self.most, what="values in tensors", where=self.where)
