"""Opens a data set, `.npz`, a table or a folder of pictures or recordings by class, and fits it to a network.

>>> from penjing.loading.data import open_data
>>> from penjing.loading.open import open_model
>>> data = open_data("digits.npz", model=open_model("digits.onnx"))  # doctest: +SKIP
>>> data.batch(data.test, slice(64)).shape                          # doctest: +SKIP
torch.Size([64, 1, 28, 28])
"""

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penjing.errors import UserError
from penjing.loading.audio_data import SUFFIXES as SOUNDS
from penjing.loading.audio_data import read_sounds
from penjing.loading.card import Card, card_of
from penjing.loading.class_folders import class_folders
from penjing.loading.csv_data import read_csv
from penjing.loading.dataset import Dataset, Form, Split, SplitName
from penjing.loading.fit_layout import Fitted, fit_layout
from penjing.loading.image_data import SUFFIXES as PICTURES
from penjing.loading.image_data import read_images
from penjing.loading.npz_data import input_names, read_npz
from penjing.loading.raw_data import Fill, RawData
from penjing.loading.samples import sample
from penjing.loading.splitting import RULE, RULE_RANDOM, stratified
from penjing.loading.task import possible, recognise
from penjing.model.model import Model
from penjing.model.two_sided import border_of
from penjing.results import Note

SAMPLE_PREFIX = "sample:"


def open_data(source: str | Path, *, model: Model, metric: str | None = None) -> Dataset:
    """The data of a file, a folder or `sample:NAME`, in the layout of the model's inputs.

    Args:
        source: Where it is.
        model: The network that it is for.
        metric: Id of what its quality is measured by; None: what the card says, else what is found out.

    Raises:
        UserError: `data.…`, `load.…`: what is wrong and where; shapes that do not fit are named with the network's.
    """
    text = str(source)
    path = sample(text.removeprefix(SAMPLE_PREFIX)).data_path if text.startswith(SAMPLE_PREFIX) else Path(source)
    if not path.exists():
        raise UserError("load.not_found", path=path)
    card = card_of(path)
    if len(model.inputs) != 1 and path.suffix.lower() != ".npz":
        raise UserError("data.several_inputs", count=len(model.inputs))
    shape = model.inputs[0].shape[1:]
    names = tuple(one.source_name for one in model.inputs)
    raw = _read(path, card, shape, answers=math.prod(model.outputs[0].shape[1:]), inputs=names)
    data = _dataset(raw, card, model, path, metric or card.metric)
    return dataclasses.replace(data, metric_chosen=metric is not None)


def example_shapes(source: str | Path) -> tuple[tuple[int, ...], ...] | None:
    """The shapes of one stored example's inputs, channels first, for networks that leave extents open.

    None where the data cannot say.

    Raises:
        UserError: what the reader says of the file.
    """
    path = Path(source)
    if path.is_dir() or path.suffix.lower() not in (".npz", *TABLES):
        return None
    card = card_of(path)
    inputs = input_names(path) if path.suffix.lower() == ".npz" else ()
    split, *_ = _read(path, card, (), inputs=inputs).splits.values()
    channels_last = card.layout in ("NHWC", "NLC")
    shapes = [values.shape[1:] for values in (split.x, *split.others)]
    return tuple((shape[-1], *shape[:-1]) if channels_last and shape else tuple(shape) for shape in shapes)


def _read(
    path: Path, card: Card, shape: tuple[int, ...], *, answers: int | None = None, inputs: tuple[str, ...] = ()
) -> RawData:
    if path.is_dir():
        if class_folders(path, SOUNDS) is not None and class_folders(path, PICTURES) is None:
            return read_sounds(path, shape=shape, card=card.audio)
        return read_images(path, shape=shape, card=card.image)
    if path.suffix.lower() == ".npz":
        return read_npz(path, inputs=inputs)
    if path.suffix.lower() in TABLES:
        taken = math.prod(shape) if shape else None
        return read_csv(path, label=card.label, target=card.target, taken=taken, answers=answers, card=card.table)
    raise UserError("data.unknown_format", path=path.name)


TABLES = (".csv", ".tsv", ".tab", ".psv")


def _dataset(raw: RawData, card: Card, model: Model, path: Path, metric: str | None) -> Dataset:
    where = path.name
    for name, split in raw.splits.items():
        if len(split) == 0:
            raise UserError("data.empty_split", where=where, split=name)
        for stored in (split.x, *split.others) if raw.fill is None else ():
            _check_finite(stored, f"{where}: {raw.names.get(name, name)}")
    fitted = [
        fit_layout(_one_shape(raw, number, where), card.layout if number == 0 else None, one.shape[1:], where=where)
        for number, one in enumerate(model.inputs)
    ]
    first = fitted[0]
    classes = card.classes or raw.classes
    task = recognise(raw, model, where=where, classes=classes, wanted=metric, normal=card.normal)
    splits = stratified(task.splits["train"]) if raw.whole else task.splits
    facts = [*raw.facts, *task.facts]
    if task.metric == "auc" and task.reconstructs:
        splits, left = _normal_only(splits)
        facts += [Note(code="data.fact.trained_on_normal", values={"count": left})] if left else []
    if raw.fill is not None:
        values = fillings(splits["train"], raw.fill)
        facts.append(_told_fillings(splits, values))
        splits = filled(splits, values)
    mean, std = _normalisation(card, splits["train"].x, first, where)
    return Dataset(
        train=splits["train"],
        val=splits["val"],
        test=splits["test"],
        classes=task.classes,
        layout=first.layout,
        mean=mean,
        std=std,
        metric=task.metric,
        metrics=possible(raw, model, where=where, classes=classes, normal=card.normal),
        reconstructs=task.reconstructs,
        title=card.title or path.stem,
        source=str(path),
        split_rule=card.split or (RULE_RANDOM if raw.rule == RULE and splits["train"].y is None else raw.rule),
        moves=first.moves,
        shape=first.shape,
        channel_axis=first.channel_axis,
        border=border_of(model),
        target_names=_target_names(raw, card, splits["train"]),
        others=tuple(
            Form(
                std=(255.0,) if stored.dtype == np.uint8 else (1.0,),
                moves=one.moves,
                shape=one.shape,
                channel_axis=one.channel_axis,
            )
            for one, stored in zip(fitted[1:], splits["train"].others, strict=True)
        ),
        facts=tuple(facts),
    )


def _target_names(raw: RawData, card: Card, split: Split) -> tuple[str, ...]:
    """What the numbers to be answered are called: by the head of a table, else by the card; nothing if nobody says."""
    if split.targets is None:
        return ()
    told = (card.target,) if isinstance(card.target, str) else card.target or ()
    names = raw.target_names or tuple(told)
    return names if len(names) == split.targets.shape[1] else ()


def _one_shape(raw: RawData, number: int, where: str) -> tuple[int, ...]:
    """The shape of an example of one input, which all splits share."""
    shapes = {(split.x, *split.others)[number].shape[1:] for split in raw.splits.values()}
    if len(shapes) != 1:
        raise UserError(
            "data.split_shapes", where=where, shapes=", ".join(str(list(shape)) for shape in sorted(shapes))
        )
    return tuple(shapes.pop())


def _normal_only(splits: Mapping[SplitName, Split]) -> tuple[dict[SplitName, Split], int]:
    """What gives its input back learns from normal examples alone; (splits, examples left out)."""
    train = splits["train"]
    normal = np.flatnonzero(np.asarray(train.y) == 0)
    if len(normal) == 0:
        raise UserError("data.too_few", count=0, split="train")
    return {**splits, "train": train.part(normal)}, len(train) - len(normal)


def fillings(split: Split, how: Fill) -> NDArray[np.float64]:
    """By column of a table [n, columns] with NaN what stands for a missing value: its mean or median here, or 0."""
    train = np.asarray(split.x, np.float64)
    values = np.zeros(train.shape[1])
    for column in range(train.shape[1]) if how != "zero" else ():
        present = train[:, column][np.isfinite(train[:, column])]
        if len(present):
            values[column] = present.mean() if how == "mean" else np.median(present)
    return values


def _told_fillings(splits: Mapping[SplitName, Split], values: NDArray[np.float64]) -> Note:
    """What stands for missing values, by place among what the network takes, of columns that lack some."""
    lacking = np.logical_or.reduce([np.isnan(split.x).any(axis=0) for split in splits.values()])
    places = np.flatnonzero(lacking)
    told = ", ".join(f"{place + 1}: {values[place]:.6g}" for place in places[:MOST_TOLD])
    return Note(code="data.fact.fillings", values={"values": told + (", …" if len(places) > MOST_TOLD else "")})


def filled(splits: Mapping[SplitName, Split], values: NDArray[np.float64]) -> dict[SplitName, Split]:
    """Tables [n, columns] without NaN: each is the value of its column."""
    return {
        name: dataclasses.replace(split, x=np.where(np.isnan(split.x), values, split.x).astype(np.float32))
        for name, split in splits.items()
    }


def _check_finite(values: NDArray[Any], where: str) -> None:
    if values.dtype.kind != "f":
        return
    for start in range(0, len(values), _CHUNK):
        chunk = values[start : start + _CHUNK]
        if not np.isfinite(chunk).all():
            example = start + int(np.flatnonzero(~np.isfinite(chunk.reshape(len(chunk), -1)).all(axis=1))[0])
            raise UserError("data.not_finite", where=where, example=example)


MOST_TOLD = 64
"""Columns whose missing values are told one by one."""
_CHUNK = 4096
"""Examples looked at together: a mask of a whole big array would double its memory."""


def _normalisation(
    card: Card, x: NDArray[Any], fitted: Fitted, where: str
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    if card.mean is None and card.std is None:
        # Without a card, bytes are taken for intensities 0..255 that the network wants as 0..1.
        return (0.0,), (255.0,) if x.dtype == np.uint8 else (1.0,)
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
