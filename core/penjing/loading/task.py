"""Finds out what a network is to do with its data: tell classes, answer numbers, or give its input back."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from penjing.catalogue.metrics import OFFERED, known, metric
from penjing.errors import UserError
from penjing.loading.dataset import Split, SplitName
from penjing.loading.raw_data import RawData
from penjing.model.model import Model
from penjing.model.two_sided import border_of
from penjing.results import Note

FEWEST_MIRRORED = 4
"""A network of fewer outputs that has as many inputs may as well tell classes."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """What was found out."""

    metric: str
    splits: Mapping[SplitName, Split]
    classes: tuple[str, ...]
    reconstructs: bool = False
    facts: tuple[Note, ...] = ()


def recognise(
    raw: RawData, model: Model, *, where: str, classes: tuple[str, ...], wanted: str | None, normal: str | None
) -> Task:
    """The metric and, by what it needs, labels or targets of every example.

    Fractions are answered (`mse`), a network that has as many outputs as inputs and no labels reconstructs (`mse`),
    with two labels it tells abnormal examples by its error (`auc`); labels are told (`top1`), one output that ends in a
    sigmoid is a score (`auc`); without any of these the original is agreed with.

    Args:
        raw: As read.
        model: The network.
        where: The file, for messages.
        classes: Their names, if they are known.
        wanted: A metric's id that overrides what would be found out.
        normal: The name or number of the class of normal examples.

    Raises:
        UserError: `data.metric`, `data.metric_needs`, `data.metric_of_numbers`, `data.targets`, `data.labels`,
            `data.class_names`, `data.one_kind`.
    """
    if wanted is not None and not known(wanted):
        raise UserError("data.metric", value=wanted)
    splits = raw.splits
    labelled = all(split.y is not None for split in splits.values())
    targeted = all(split.targets is not None for split in splits.values())
    name = wanted or _found_out(splits, model, labelled=labelled, targeted=targeted, told=normal is not None)
    how = metric(name)
    if how.id == "agreement":
        return Task(metric=name, splits=splits, classes=classes)
    if how.is_share:
        if not labelled:
            raise UserError("data.metric_needs", where=where, metric=name, needs="y")
        outputs = math.prod(model.outputs[0].shape[1:])
        if how.k > 1 and how.k >= outputs:
            raise UserError("data.metric_trivial", metric=name, outputs=outputs)
        return Task(metric=name, splits=splits, classes=_checked(splits, classes, model, where))
    if how.kind == "rank":
        if not labelled:
            raise UserError("data.metric_needs", where=where, metric=name, needs="y")
        return _abnormal(splits, classes, model, name, normal, where)
    return _numbers(splits, classes, model, name, where, labelled=labelled, targeted=targeted)


def possible(
    raw: RawData, model: Model, *, where: str, classes: tuple[str, ...], normal: str | None
) -> tuple[str, ...]:
    """The ids of `catalogue.metrics.OFFERED` by which this data can measure this network."""
    found = []
    for name in OFFERED:
        try:
            recognise(raw, model, where=where, classes=classes, wanted=name, normal=normal)
        except UserError:
            continue
        found.append(name)
    return tuple(found)


def _found_out(splits: Mapping[SplitName, Split], model: Model, *, labelled: bool, targeted: bool, told: bool) -> str:
    outputs = math.prod(model.outputs[0].shape[1:])
    gives_back = mirrors(model) and outputs >= FEWEST_MIRRORED
    if targeted:
        return "mse"
    if not labelled:
        return "mse" if gives_back else "agreement"
    labels = np.unique(_labels(splits))
    if (mirrors(model) and told) or (gives_back and set(labels.tolist()) == {0, 1}):
        return "auc"
    if outputs > 1:
        return "top1"
    if not set(labels.tolist()) <= {0, 1}:
        return "mse"
    return "auc" if border_of(model) else "top1"


def mirrors(model: Model) -> bool:
    """Whether a network answers as many values as it takes, more than one: it may give its input back."""
    if len(model.inputs) != 1:
        return False
    taken, answered = (math.prod(one.shape[1:]) for one in (model.inputs[0], model.outputs[0]))
    return taken == answered > 1


def _labels(splits: Mapping[SplitName, Split]) -> NDArray[np.int64]:
    return np.concatenate([split.y for split in splits.values() if split.y is not None])


def _checked(splits: Mapping[SplitName, Split], classes: tuple[str, ...], model: Model, where: str) -> tuple[str, ...]:
    found = _labels(splits)
    outputs = max(2, math.prod(model.outputs[0].shape[1:]))  # of a single output the sign tells two classes apart
    low, high = int(found.min()), int(found.max())
    if low < 0 or high >= outputs:
        raise UserError("data.labels", where=where, low=low, high=high, outputs=outputs)
    if classes and len(classes) <= high:
        raise UserError("data.class_names", where=where, names=len(classes), high=high)
    return classes or tuple(str(label) for label in range(outputs))


def _abnormal(
    splits: Mapping[SplitName, Split], classes: tuple[str, ...], model: Model, name: str, normal: str | None, where: str
) -> Task:
    outputs = math.prod(model.outputs[0].shape[1:])
    if not mirrors(model) and outputs > 2:
        raise UserError("data.metric_network", metric=name, shape=list(model.outputs[0].shape[1:]))
    found = sorted({int(label) for label in _labels(splits)})
    called = {(classes[label] if 0 <= label < len(classes) else str(label)): label for label in found}
    if normal is not None and normal not in called:
        raise UserError("data.no_class", where=where, name=normal, found=", ".join(called))
    own = called[normal] if normal is not None else found[0]
    if len(found) < 2:
        raise UserError("data.one_kind", where=where)
    others = [one for one, label in called.items() if label != own]
    names = (next(one for one, label in called.items() if label == own), others[0] if len(others) == 1 else "≠")
    told = {
        split_name: replace(split, y=(np.asarray(split.y) != own).astype(np.int64))
        for split_name, split in splits.items()
    }
    facts = (Note(code="data.fact.normal", values={"name": names[0]}),)
    return Task(metric=name, splits=told, classes=names, reconstructs=mirrors(model), facts=facts)


def _numbers(
    splits: Mapping[SplitName, Split],
    classes: tuple[str, ...],
    model: Model,
    name: str,
    where: str,
    *,
    labelled: bool,
    targeted: bool,
) -> Task:
    outputs = math.prod(model.outputs[0].shape[1:])
    if not targeted and labelled and outputs == 1:
        splits = {
            key: replace(split, y=None, targets=np.asarray(split.y, np.float32)[:, None])
            for key, split in splits.items()
        }
        targeted = True
    if targeted:
        widths = {split.targets.shape[1] for split in splits.values() if split.targets is not None}
        if widths != {outputs}:
            raise UserError("data.targets", where=where, found=", ".join(map(str, sorted(widths))), outputs=outputs)
        return Task(metric=name, splits=splits, classes=())
    if not mirrors(model):
        if labelled:
            raise UserError("data.metric_of_numbers", where=where, metric=name)
        raise UserError("data.metric_needs", where=where, metric=name, needs="y")
    return Task(metric=name, splits=splits, classes=classes, reconstructs=True)
