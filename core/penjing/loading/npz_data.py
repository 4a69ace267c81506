"""Reads `.npz` archives of arrays: x and y, or one pair for every split; never a pickle."""

import math
import tokenize
import zipfile
import zlib
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


def read_npz(path: Path) -> RawData:
    """The arrays x_train, y_train, x_val, … (and group_train, …), or x, y (and group), or x alone.

    Raises:
        UserError: `data.not_npz`, `data.missing_array`, `data.array`, `data.lengths`, `data.unlabelled`,
            `data.pickled`, `load.too_big`.
    """
    limits.check_file(path, most=MAX_BYTES)
    try:
        with zipfile.ZipFile(path) as archive:
            names = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            whole = "x" in names
            if not whole and not any(f"x_{name}" in names for name in SPLITS):
                raise UserError("data.missing_array", where=path.name, array="x_train", found=", ".join(names) or "–")
            if whole:
                return _whole(archive, names, path.name)
            return _split(archive, names, path.name)
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise UserError("data.not_npz", path=path.name, detail=error) from error


_DAMAGED = (
    *(ValueError, EOFError, TypeError, OverflowError, SyntaxError, IndexError, RecursionError),
    *(zipfile.BadZipFile, zlib.error, tokenize.TokenError),
)
"""What damaged members and headers, which numpy reads as Python literals, raise."""


def _whole(archive: zipfile.ZipFile, names: dict[str, zipfile.ZipInfo], where: str) -> RawData:
    split = _one(archive, names, "", where)
    rule = RULE if split.groups is None else RULE_GROUPS
    return RawData(splits={"train": split}, whole=True, rule=rule, names={"train": "x"})


def _split(archive: zipfile.ZipFile, names: dict[str, zipfile.ZipInfo], where: str) -> RawData:
    missing = [f"x_{name}" for name in SPLITS if f"x_{name}" not in names]
    if missing:
        raise UserError("data.missing_array", where=where, array=missing[0], found=", ".join(names))
    splits: dict[SplitName, Split] = {name: _one(archive, names, f"_{name}", where) for name in SPLITS}
    labelled = [name for name, split in splits.items() if split.y is not None]
    if labelled and len(labelled) < len(SPLITS):
        raise UserError("data.unlabelled", where=where, labelled=", ".join(labelled))
    return RawData(splits=splits, names={name: f"x_{name}" for name in SPLITS})


def _one(archive: zipfile.ZipFile, names: dict[str, zipfile.ZipInfo], ending: str, where: str) -> Split:
    x = _array(archive, names[f"x{ending}"], where)
    if x.dtype.kind not in "fiub" or x.ndim < 2:
        raise UserError("data.array", where=where, array=f"x{ending}", detail=f"type {x.dtype}, shape {list(x.shape)}")
    others: dict[str, NDArray[np.int64]] = {}
    for key in ("y", "group"):
        info = names.get(f"{key}{ending}")
        if info is None:
            continue
        array = _array(archive, info, where)
        name = f"{key}{ending}"
        array = array.reshape(-1) if array.ndim == 2 and array.shape[1] == 1 else array
        if array.ndim != 1 or (array.dtype.kind not in "iub" and not _whole_numbers(array)):
            detail = f"type {array.dtype}, shape {list(array.shape)}; whole numbers [n] are expected"
            raise UserError("data.array", where=where, array=name, detail=detail)
        if len(array) != len(x):
            raise UserError("data.lengths", where=where, array=name, count=len(array), examples=len(x))
        others[key] = array.astype(np.int64)
    return Split(x=x, y=others.get("y"), groups=others.get("group"))


def _whole_numbers(array: NDArray[Any]) -> bool:
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
