"""Reads `.npz` archives of arrays: x and y, or one pair for every split; never a pickle."""

import math
import tokenize
import zipfile
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penjing.errors import UserError
from penjing.loading import limits
from penjing.loading.dataset import SPLITS, Split, SplitName
from penjing.loading.raw_data import RawData
from penjing.loading.reasons import reason
from penjing.loading.splitting import RULE, RULE_GROUPS

MAX_BYTES = 4 << 30
"""Of one array, unpacked."""


def read_npz(path: Path, *, inputs: Sequence[str] = ()) -> RawData:
    """The arrays x_train, y_train, x_val, y_val, … (and group_train, …), or x, y (and group), or x alone.

    Whole numbers [n] in y are labels; fractions, or several columns, are what a network is to answer. Of a network with
    several `inputs` there is an array for each in place of x, called like it (or x, x2, x3, …).

    Raises:
        UserError: `data.not_npz`, `data.missing_array`, `data.array`, `data.lengths`, `data.unlabelled`,
            `data.pickled`, `load.too_big`.
    """
    limits.check_file(path, most=MAX_BYTES)
    try:
        with zipfile.ZipFile(path) as archive:
            names = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            found = _called(names, inputs)
            whole = found[0] in names
            if not whole and not any(f"{found[0]}_{name}" in names for name in SPLITS):
                array = f"{found[0]}_train"
                raise UserError("data.missing_array", where=path.name, array=array, found=", ".join(names) or "–")
            if whole:
                return _whole(archive, names, found, path.name)
            return _split(archive, names, found, path.name)
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise UserError("data.not_npz", path=path.name, detail=error) from error


def input_names(path: Path) -> tuple[str, ...]:
    """What the arrays that are put into a network are called, in the order in which they are stored.

    Raises:
        UserError: `data.not_npz`, `load.too_big`.
    """
    limits.check_file(path, most=MAX_BYTES)
    try:
        with zipfile.ZipFile(path) as archive:
            own = dict.fromkeys(_own(info.filename.removesuffix(".npy")) for info in archive.infolist())
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise UserError("data.not_npz", path=path.name, detail=error) from error
    return tuple(name for name in own if name not in _ABOUT)


_ABOUT = ("y", "group")
"""Arrays that tell something of the examples."""


def _own(name: str) -> str:
    """An array's name without that of its split."""
    stem, _, split = name.rpartition("_")
    return stem if split in SPLITS else name


def _called(names: Collection[str], inputs: Sequence[str]) -> tuple[str, ...]:
    """The arrays' names for each input, without the split's."""
    own = set(map(_own, names))
    if len(inputs) < 2:
        return (inputs[0],) if inputs and inputs[0] in own and "x" not in own else ("x",)
    if inputs[0] not in own and "x" in own:
        return ("x", *(f"x{number}" for number in range(2, len(inputs) + 1)))
    return tuple(inputs)


_DAMAGED = (
    *(ValueError, EOFError, TypeError, OverflowError, SyntaxError, IndexError, RecursionError),
    *(zipfile.BadZipFile, zlib.error, tokenize.TokenError),
)
"""What damaged members and headers, which numpy reads as Python literals, raise."""


Members = Mapping[str, zipfile.ZipInfo]


def _whole(archive: zipfile.ZipFile, names: Members, inputs: tuple[str, ...], where: str) -> RawData:
    split = _one(archive, names, inputs, "", where)
    rule = RULE if split.groups is None else RULE_GROUPS
    return RawData(splits={"train": split}, whole=True, rule=rule, names={"train": inputs[0]})


def _split(archive: zipfile.ZipFile, names: Members, inputs: tuple[str, ...], where: str) -> RawData:
    missing = [f"{inputs[0]}_{name}" for name in SPLITS if f"{inputs[0]}_{name}" not in names]
    if missing:
        raise UserError("data.missing_array", where=where, array=missing[0], found=", ".join(names))
    splits: dict[SplitName, Split] = {name: _one(archive, names, inputs, f"_{name}", where) for name in SPLITS}
    labelled = [name for name, split in splits.items() if split.y is not None or split.targets is not None]
    if labelled and len(labelled) < len(SPLITS):
        raise UserError("data.unlabelled", where=where, labelled=", ".join(labelled))
    if any(split.targets is not None for split in splits.values()):
        # Whole numbers in one part, fractions in another: all are numbers to be answered.
        splits = {name: _as_targets(split) for name, split in splits.items()}
    return RawData(splits=splits, names={name: f"{inputs[0]}_{name}" for name in SPLITS})


def _as_targets(split: Split) -> Split:
    return split if split.y is None else replace(split, y=None, targets=split.y.astype(np.float32)[:, None])


def _one(archive: zipfile.ZipFile, names: Members, inputs: tuple[str, ...], ending: str, where: str) -> Split:
    stored: list[NDArray[Any]] = []
    for name in inputs:
        info = names.get(f"{name}{ending}")
        if info is None:
            raise UserError("data.missing_array", where=where, array=f"{name}{ending}", found=", ".join(names))
        array = _array(archive, info, where)
        array = array[:, None] if array.ndim == 1 and len(inputs) > 1 else array
        if array.dtype.kind not in "fiub" or array.ndim < 2:
            detail = f"type {array.dtype}, shape {list(array.shape)}"
            raise UserError("data.array", where=where, array=f"{name}{ending}", detail=detail)
        stored.append(array)
        _same_length(array, stored[0], f"{name}{ending}", where)
    x = stored[0]
    y, targets = _answers(archive, names.get(f"y{ending}"), x, where)
    groups = None
    if (info := names.get(f"group{ending}")) is not None:
        groups = _array(archive, info, where).reshape(-1)
        if not _whole_numbers(groups):
            raise _no_labels(groups, f"group{ending}", where)
        _same_length(groups, x, f"group{ending}", where)
        groups = groups.astype(np.int64)
    return Split(x=x, y=y, groups=groups, targets=targets, others=tuple(stored[1:]))


def _answers(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo | None, x: NDArray[Any], where: str
) -> tuple[NDArray[np.int64] | None, NDArray[np.float32] | None]:
    """(labels, targets), as far as there are any."""
    if info is None:
        return None, None
    name = info.filename.removesuffix(".npy")
    array = _array(archive, info, where)
    if array.dtype.kind not in "fiub" or array.ndim < 1:
        raise _no_labels(array, name, where)
    _same_length(array, x, name, where)
    array = array.reshape(-1) if array.ndim == 2 and array.shape[1] == 1 else array
    if array.ndim == 1 and _whole_numbers(array):
        return array.astype(np.int64), None
    if not np.isfinite(array).all():
        raise UserError("data.array", where=where, array=name, detail="NaN or infinity")
    return None, array.reshape(len(array), -1).astype(np.float32)


def _no_labels(array: NDArray[Any], name: str, where: str) -> UserError:
    detail = f"type {array.dtype}, shape {list(array.shape)}; whole numbers [n] are expected"
    return UserError("data.array", where=where, array=name, detail=detail)


def _same_length(array: NDArray[Any], x: NDArray[Any], name: str, where: str) -> None:
    if len(array) != len(x):
        raise UserError("data.lengths", where=where, array=name, count=len(array), examples=len(x))


def _whole_numbers(array: NDArray[Any]) -> bool:
    if array.dtype.kind in "iub":
        return True
    return array.dtype.kind == "f" and bool(np.isfinite(array).all() and (array == np.rint(array)).all())


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo, where: str) -> NDArray[Any]:
    name = info.filename.removesuffix(".npy")
    limits.check(info.file_size, MAX_BYTES, what="bytes", where=f"{where}: {name}")
    try:
        with archive.open(info) as file:
            # The header first: what is not plain numbers of a possible size is never read.
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, fortran, dtype = read(file)
            if dtype.hasobject:
                raise UserError("data.pickled", where=where, array=name)
            limits.check(len(shape), limits.MAX_AXES, what="axes", where=f"{where}: {name}")
            limits.check(math.prod(shape) * dtype.itemsize, MAX_BYTES, what="bytes", where=f"{where}: {name}")
            content = file.read(math.prod(shape) * dtype.itemsize)
        array = np.frombuffer(content, dtype, count=math.prod(shape))
    except _DAMAGED as error:
        raise UserError("data.array", where=where, array=name, detail=reason(error)) from error
    return array.reshape(shape, order="F" if fortran else "C")
