"""Opens a data set, `.npz`, CSV or a folder of images by class, and fits it to a network.

>>> from penjing.loading.data import open_data
>>> from penjing.loading.open import open_model
>>> data = open_data("digits.npz", model=open_model("digits.onnx"))  # doctest: +SKIP
>>> data.batch(data.test, slice(64)).shape                          # doctest: +SKIP
torch.Size([64, 1, 28, 28])
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penjing.errors import UserError
from penjing.loading.card import Card, Metric, card_of
from penjing.loading.csv_data import read_csv
from penjing.loading.dataset import Dataset, Split, SplitName
from penjing.loading.fit_layout import Fitted, fit_layout
from penjing.loading.image_data import read_images
from penjing.loading.npz_data import read_npz
from penjing.loading.raw_data import RawData
from penjing.loading.samples import sample
from penjing.loading.splitting import stratified
from penjing.model.model import Model

SAMPLE_PREFIX = "sample:"


def open_data(source: str | Path, *, model: Model) -> Dataset:
    """The data of a file, a folder or `sample:NAME`, in the layout of the model's first input.

    Raises:
        UserError: `data.…`, `load.…`: what is wrong and where; shapes that do not fit are named with the network's.
    """
    text = str(source)
    path = sample(text.removeprefix(SAMPLE_PREFIX)).data_path if text.startswith(SAMPLE_PREFIX) else Path(source)
    if not path.exists():
        raise UserError("load.not_found", path=path)
    if len(model.inputs) != 1:
        raise UserError("data.several_inputs", count=len(model.inputs))
    card = card_of(path)
    shape = model.inputs[0].shape[1:]
    return _dataset(_read(path, card, shape), card, model, path)


def example_shape(source: str | Path) -> tuple[int, ...] | None:
    """The shape of one stored example, channels first, for networks that leave extents open; None if it cannot say.

    Raises:
        UserError: what the reader says of the file.
    """
    path = Path(source)
    if path.is_dir() or path.suffix.lower() not in (".npz", ".csv", ".tsv"):
        return None
    card = card_of(path)
    (shape, *_) = (split.x.shape[1:] for split in _read(path, card, ()).splits.values())
    channels_last = card.layout in ("NHWC", "NLC")
    return (shape[-1], *shape[:-1]) if channels_last else tuple(shape)


def _read(path: Path, card: Card, shape: tuple[int, ...]) -> RawData:
    if path.is_dir():
        return read_images(path, shape=shape)
    if path.suffix.lower() == ".npz":
        return read_npz(path)
    if path.suffix.lower() in (".csv", ".tsv"):
        return read_csv(path, label=card.label, taken=math.prod(shape) if shape else None)
    raise UserError("data.unknown_format", path=path.name)


def _dataset(raw: RawData, card: Card, model: Model, path: Path) -> Dataset:
    where = path.name
    labelled = all(split.y is not None for split in raw.splits.values())
    metric: Metric = "top1" if labelled and card.metric != "agreement" else "agreement"
    classes = card.classes or raw.classes
    for name, split in raw.splits.items():
        if len(split) == 0:
            raise UserError("data.empty_split", where=where, split=name)
        _check_finite(split.x, f"{where}: {raw.names.get(name, name)}")
    shapes = {split.x.shape[1:] for split in raw.splits.values()}
    if len(shapes) != 1:
        raise UserError(
            "data.split_shapes", where=where, shapes=", ".join(str(list(shape)) for shape in sorted(shapes))
        )
    fitted = fit_layout(shapes.pop(), card.layout, model.inputs[0].shape[1:], where=where)
    if metric == "top1":
        classes = _checked_classes(raw.splits, classes, model, where)
    mean, std = _normalisation(card, raw.splits["train"], fitted, where)
    splits = stratified(raw.splits["train"]) if raw.whole else raw.splits
    return Dataset(
        train=splits["train"],
        val=splits["val"],
        test=splits["test"],
        classes=classes,
        layout=fitted.layout,
        mean=mean,
        std=std,
        metric=metric,
        title=card.title or path.stem,
        source=str(path),
        split_rule=card.split or raw.rule,
        moves=fitted.moves,
        shape=fitted.shape,
        channel_axis=fitted.channel_axis,
    )


def _check_finite(values: NDArray[Any], where: str) -> None:
    if values.dtype.kind != "f":
        return
    for start in range(0, len(values), _CHUNK):
        chunk = values[start : start + _CHUNK]
        if not np.isfinite(chunk).all():
            example = start + int(np.flatnonzero(~np.isfinite(chunk.reshape(len(chunk), -1)).all(axis=1))[0])
            raise UserError("data.not_finite", where=where, example=example)


_CHUNK = 4096
"""Examples looked at together: a mask of a whole big array would double its memory."""


def _checked_classes(
    splits: Mapping[SplitName, Split], classes: tuple[str, ...], model: Model, where: str
) -> tuple[str, ...]:
    found = np.unique(np.concatenate([split.y for split in splits.values() if split.y is not None]))
    outputs = math.prod(model.outputs[0].shape[1:])
    low, high = int(found[0]), int(found[-1])
    if low < 0 or high >= outputs:
        raise UserError("data.labels", where=where, low=low, high=high, outputs=outputs)
    if classes and len(classes) <= high:
        raise UserError("data.class_names", where=where, names=len(classes), high=high)
    return classes or tuple(str(label) for label in range(outputs))


def _normalisation(card: Card, train: Split, fitted: Fitted, where: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    if card.mean is None and card.std is None:
        # Without a card, bytes are taken for intensities 0..255 that the network wants as 0..1.
        return (0.0,), (255.0,) if train.x.dtype == np.uint8 else (1.0,)
    mean = _numbers(card.mean if card.mean is not None else 0.0)
    std = _numbers(card.std if card.std is not None else 1.0)
    channels = fitted.channels
    for key, values in (("mean", mean), ("std", std)):
        if len(values) not in (1, channels) or not all(math.isfinite(value) for value in values):
            raise UserError("data.normalisation", where=where, key=key, count=len(values), channels=channels)
    if min(std) <= 0:
        raise UserError("data.normalisation", where=where, key="std", count=len(std), channels=channels)
    return mean, std


def _numbers(values: float | tuple[float, ...]) -> tuple[float, ...]:
    return tuple(float(value) for value in values) if isinstance(values, tuple) else (float(values),)
