"""What is open, written for jobs: the network as `.penjingnet`, arrays as `.npy` that are mapped, facts as JSON.

A user's file is parsed once, by the engine; jobs read only what Penjing wrote itself.
"""

import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from penjing.errors import UserError
from penjing.loading.dataset import SPLITS, Dataset, Form, Split, SplitName
from penjing.loading.penjingnet import read_penjingnet
from penjing.model.model import Model
from penjing.model.penjingnet_format import encode
from penjing.results import Note

NETWORK, FACTS = "model.penjingnet", "snapshot.json"


class DataFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of a `Dataset` but its arrays."""

    classes: tuple[str, ...]
    layout: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    metric: str
    title: str
    source: str
    split_rule: str
    moves: tuple[int, ...] | None
    shape: tuple[int, ...] | None
    channel_axis: int
    metrics: tuple[str, ...] = ()
    metric_chosen: bool = False
    reconstructs: bool = False
    border: float = 0.0
    target_names: tuple[str, ...] = ()
    others: tuple[Form, ...] = ()
    facts: tuple[Note, ...] = ()


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is in a snapshot."""

    model_source: str
    data_source: str | None
    data: DataFacts | None


class Taken(NamedTuple):
    """A snapshot that was read."""

    model: Model
    data: Dataset | None
    facts: Facts


def write_snapshot(
    folder: Path, model: Model, data: Dataset | None, *, model_source: str, data_source: str | None
) -> None:
    """Write the folder as a whole or not at all.

    Raises:
        UserError: `worker.cannot_write`.
    """
    unfinished = folder.with_name(f".{folder.name}-{secrets.token_hex(4)}")
    try:
        unfinished.mkdir(parents=True)
        (unfinished / NETWORK).write_bytes(encode(model))
        given = None
        if data is not None:
            given = DataFacts(**{name: getattr(data, name) for name in DataFacts.__struct_fields__})
            for name in SPLITS:
                _write_split(unfinished, name, data.split(name))
        facts = Facts(model_source=model_source, data_source=data_source, data=given)
        (unfinished / FACTS).write_bytes(msgspec.json.encode(facts))
        unfinished.rename(folder)
    except OSError as error:
        raise UserError("worker.cannot_write", path=folder, detail=error.strerror or error) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def read_snapshot(folder: Path) -> Taken:
    """What `write_snapshot` wrote; the arrays are mapped, not copied.

    Raises:
        UserError: `worker.no_snapshot` where the folder is gone or damaged.
    """
    try:
        facts = msgspec.json.decode((folder / FACTS).read_bytes(), type=Facts)
        splits = None if facts.data is None else {name: _read_split(folder, name) for name in SPLITS}
    except (OSError, ValueError) as error:
        raise UserError("worker.no_snapshot", path=folder, detail=error) from error
    model = read_penjingnet(folder / NETWORK)
    if splits is None or facts.data is None:
        return Taken(model, None, facts)
    return Taken(model, Dataset(**_by_name(splits), **_by_name(msgspec.structs.asdict(facts.data))), facts)


def _by_name(values: Mapping[Any, Any]) -> Mapping[str, Any]:
    return values  # as `Dataset` takes them


def _write_split(folder: Path, name: SplitName, split: Split) -> None:
    more = {f"x{number}": values for number, values in enumerate(split.others, start=2)}
    arrays = {"x": split.x, "y": split.y, "groups": split.groups, "targets": split.targets} | more
    for key, values in arrays.items():
        if values is not None:
            np.save(folder / f"{key}_{name}.npy", values, allow_pickle=False)


def _read_split(folder: Path, name: SplitName) -> Split:
    def read(key: str) -> NDArray[Any] | None:
        path = folder / f"{key}_{name}.npy"
        return np.load(path, mmap_mode="r", allow_pickle=False) if path.exists() else None

    x = read("x")
    if x is None:
        raise FileNotFoundError(f"x_{name}.npy")
    others: list[NDArray[Any]] = []
    while (more := read(f"x{len(others) + 2}")) is not None:
        others.append(more)
    targets = read("targets")
    return Split(
        x=x,
        y=_in_memory(read("y")),
        groups=_in_memory(read("groups")),
        targets=None if targets is None else np.array(targets, np.float32),
        others=tuple(others),
    )


def _in_memory(values: NDArray[Any] | None) -> NDArray[np.int64] | None:
    # Small, and torch wants arrays that it could write into.
    return None if values is None else np.array(values, dtype=np.int64)
