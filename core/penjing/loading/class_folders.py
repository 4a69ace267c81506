"""Files in one folder for each class, perhaps inside train, val and test: pictures and recordings alike."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from penjing.errors import UserError
from penjing.loading.dataset import SPLITS, Split, SplitName
from penjing.results import Note

NAMED = 5
"""So many of the files that were left out are named."""


@dataclass(frozen=True, kw_only=True)
class Listed:
    """The files by split, each with its class."""

    splits: dict[SplitName, list[tuple[str, Path]]]
    classes: tuple[str, ...]
    """In alphabetical order."""
    whole: bool


def class_folders(folder: Path, suffixes: Sequence[str]) -> Listed | None:
    """The files of these suffixes; None if there are none.

    Raises:
        UserError: `data.missing_array` where some of train, val and test are there and others are not.
    """
    parts: dict[SplitName, Path] = {name: folder / name for name in SPLITS if (folder / name).is_dir()}
    if parts and len(parts) < len(SPLITS):
        missing = next(name for name in SPLITS if name not in parts)
        raise UserError("data.missing_array", where=folder.name, array=missing, found=", ".join(parts))
    whole: dict[SplitName, Path] = {"train": folder}
    try:
        splits = {name: list(_files(path, suffixes)) for name, path in (parts or whole).items()}
    except OSError as error:
        raise UserError("data.folder", path=folder.name, detail=error.strerror or error) from error
    classes = tuple(sorted({label for files in splits.values() for label, _ in files}))
    return Listed(splits=splits, classes=classes, whole=not parts) if classes else None


def examples(
    listed: Listed,
    read: Callable[[Path], NDArray[Any]],
    shape: tuple[int, ...],
    dtype: DTypeLike,
) -> tuple[dict[SplitName, Split], list[UserError]]:
    """The splits, and what was said of files that cannot be read, which are left out.

    Args:
        listed: The files.
        read: One file → an array of `shape`; raises a user error where it cannot.
        shape: Of an example.
        dtype: Of its values.

    Raises:
        UserError: What the first one said where a class is left without any example in a split.
    """
    place = {label: index for index, label in enumerate(listed.classes)}
    splits: dict[SplitName, Split] = {}
    broken: list[UserError] = []
    for name, files in listed.splits.items():
        x = np.empty((len(files), *shape), dtype)
        labels: list[int] = []
        failed: dict[str, UserError] = {}
        for label, path in files:
            try:
                x[len(labels)] = read(path)
            except UserError as error:
                broken.append(error)
                failed.setdefault(label, error)
                continue
            labels.append(place[label])
        for label, reason in failed.items():
            if place[label] not in labels:
                raise reason
        splits[name] = Split(x=x[: len(labels)], y=np.array(labels, np.int64))
    return splits, broken


def left_out(broken: Sequence[UserError]) -> tuple[Note, ...]:
    """What the card says of files that cannot be read."""
    if not broken:
        return ()
    names = ", ".join(str(error.values.get("path", error.values.get("where", ""))) for error in broken[:NAMED])
    names += ", …" if len(broken) > NAMED else ""
    return (Note(code="data.fact.left_out", values={"count": len(broken), "names": names}),)


def _files(folder: Path, suffixes: Sequence[str]) -> Iterator[tuple[str, Path]]:
    for label in sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")):
        for path in sorted(label.iterdir()):
            if path.suffix.lower() in suffixes and path.is_file() and not path.name.startswith("."):
                yield label.name, path
