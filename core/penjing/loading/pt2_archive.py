"""Opens a `.pt2` archive without torch's own loader, which runs code from hostile files: JSON and raw tensors only.

Sample inputs (a pickle) are never opened; pickled weights and custom objects are refused.
"""

import io
import json
import math
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from penjing.errors import UserError
from penjing.loading import limits
from penjing.loading.reasons import reason
from penjing.model.operators.reading import Constant

MAX_JSON_BYTES = 128 << 20
MAX_ENTRIES = 200_000
NEWEST_MAJOR = 8

BAD_JSON = (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError, RecursionError)
"""What data of the wrong form raises."""

_DTYPES: Mapping[int, torch.dtype] = {
    1: torch.uint8,
    2: torch.int8,
    3: torch.int16,
    4: torch.int32,
    5: torch.int64,
    6: torch.float16,
    7: torch.float32,
    8: torch.float64,
    12: torch.bool,
    13: torch.bfloat16,
}
"""torch.export's numbers for types."""


class Pt2Archive:
    """The listing of an archive, its program as JSON, and its tensors by name."""

    def __init__(self, archive: zipfile.ZipFile, where: str) -> None:
        self._archive, self.where = archive, where
        self._budget = limits.Budget(where)
        entries = archive.infolist()
        limits.check(len(entries), MAX_ENTRIES, what="entries", where=where)
        self._entries = {info.filename.partition("/")[2]: info for info in entries}
        if "archive_format" not in self._entries or self._text("archive_format") != b"pt2":
            old = any(name.startswith("serialized_") for name in (info.filename for info in entries))
            raise UserError("load.pt2_old" if old else "load.not_pt2", path=where)

    def program(self) -> Mapping[str, Any]:
        """The one program of the archive, decoded."""
        programs = [name for name in self._entries if name.startswith("models/") and name.endswith(".json")]
        if len(programs) != 1:
            raise UserError("load.bad_pt2", where=self.where, detail=f"{len(programs)} programs instead of one")
        program: Mapping[str, Any] = self._json(programs[0])
        major = program["schema_version"]["major"]
        if type(major) is not int or major > NEWEST_MAJOR:
            raise UserError("load.pt2_version", where=self.where, version=major, newest=NEWEST_MAJOR)
        return program

    def tensors(self) -> tuple[Mapping[str, Constant], tuple[str, ...]]:
        """Every stored tensor by its full name, and the names of types that became float32."""
        found: dict[str, Constant] = {}
        changed: set[str] = set()
        for kind in ("weights", "constants"):
            for name in [name for name in self._entries if name.startswith(f"data/{kind}/") and name.endswith(".json")]:
                for key, entry in self._json(name)["config"].items():
                    array, dtype = self._tensor(str(key), entry, f"data/{kind}")
                    found[str(key)] = Constant(array, str(key))
                    if dtype.is_floating_point and dtype != torch.float32:
                        changed.add(str(dtype).removeprefix("torch."))
        limits.check(len(found), limits.MAX_TENSORS, what="tensors", where=self.where)
        return found, tuple(sorted(changed))

    def _tensor(self, name: str, entry: Mapping[str, Any], folder: str) -> tuple[NDArray[Any], torch.dtype]:
        if entry["use_pickle"] is not False or entry.get("tensor_meta") is None:
            raise UserError("load.pt2_pickle", where=self.where, tensor=name)
        meta = entry["tensor_meta"]
        dtype = _DTYPES.get(meta["dtype"])
        shape = limits.check_shape((_integer(size) for size in meta["sizes"]), where=name)
        strides = tuple(_integer(stride) for stride in meta["strides"])
        offset = _integer(meta["storage_offset"])
        if dtype is None or len(strides) != len(shape) or min((*strides, offset), default=0) < 0:
            raise UserError("load.bad_tensor", tensor=name, detail=f"type {meta['dtype']}, strides {list(strides)}")
        content = self._bytes(f"{folder}/{entry['path_name']}", limits.MAX_FILE_BYTES)
        last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
        size = math.prod(shape)
        self._budget.spend(size)
        if size and (last + 1) * dtype.itemsize > len(content):
            raise UserError("load.bad_tensor", tensor=name, detail=f"{len(content)} bytes for shape {list(shape)}")
        if not size:
            return np.zeros(shape, np.float32), dtype
        stored = torch.frombuffer(bytearray(content[: len(content) // dtype.itemsize * dtype.itemsize]), dtype=dtype)
        tensor = stored.as_strided(shape, strides, offset)
        return (tensor.to(torch.float32) if dtype.is_floating_point else tensor).contiguous().numpy(), dtype

    def _json(self, name: str) -> Any:
        return json.loads(self._bytes(name, MAX_JSON_BYTES))

    def _text(self, name: str) -> bytes:
        return self._bytes(name, 100).strip()

    def _bytes(self, name: str, most: int) -> bytes:
        """One entry, never more than `most` bytes of it, whatever its header says."""
        with self._archive.open(self._entries[name]) as file:
            content = file.read(most + 1)
        limits.check(len(content), most, what="bytes", where=f"{self.where}: {name}")
        return content


def read_archive(path: Path) -> tuple[Mapping[str, Any], Mapping[str, Constant], tuple[str, ...]]:
    """Program, tensors, and the names of types that became float32.

    Raises:
        UserError: `load.not_pt2`, `load.pt2_old`, `load.pt2_pickle`, `load.pt2_version`, `load.bad_pt2`,
            `load.bad_tensor`, `load.too_big`.
    """
    limits.check_file(path)
    try:
        with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
            opened = Pt2Archive(archive, path.name)
            return (opened.program(), *opened.tensors())
    except BAD_JSON as error:
        detail = f"{type(error).__name__}: {reason(error)}"
        raise UserError("load.bad_pt2", where=path.name, detail=detail) from error
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError, zlib.error) as error:
        raise UserError("load.not_pt2", path=path.name) from error


def _integer(entry: Any) -> int:
    number = entry["as_int"]
    if type(number) is not int:
        raise TypeError(f"{number!r} is no whole number")
    return number
