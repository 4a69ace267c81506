"""What a data set is, in numbers: counts, balance, shapes, ranges, and how its files became examples."""

import math

import numpy as np

from penjing.loading.cautions import cautions
from penjing.loading.dataset import SPLITS, Dataset, Split
from penjing.model.model import Model
from penjing.results import DataCard, InputFacts, Note

MOST_LOOKED_AT, MOST_VALUES = 4096, 1 << 25
"""Training examples from all over the split by which ranges are told, and the values that they may have."""
_PART = 256


def card_facts(data: Dataset, model: Model) -> DataCard:
    """The card of a data set as it is given to this network."""
    labelled = all(data.split(name).y is not None for name in SPLITS)
    counts: dict[str, tuple[int, ...]] = {}
    if labelled:
        counts = {name: _counts(data.split(name), len(data.classes)) for name in SPLITS}
    return DataCard(
        title=data.title,
        source=data.source,
        metric=data.metric,
        metrics=data.metrics,
        task=_task(data),
        sizes={name: len(data.split(name)) for name in SPLITS},
        classes=data.classes,
        class_counts=counts,
        balance=_balance(counts),
        split_rule=data.split_rule,
        grouped=data.train.groups is not None,
        inputs=_inputs(data, model),
        targets=_targets(data),
        target_names=data.target_names,
        cautions=(*cautions(data), *_judged(model)),
        preparation=preparation(data),
    )


def preparation(data: Dataset) -> tuple[Note, ...]:
    """All that was done to the files until the network could take them: whoever runs it elsewhere does the same."""
    return (*data.facts, *_normalised(data))


def _judged(model: Model) -> tuple[Note, ...]:
    """Of a network with several outputs which one is measured."""
    if len(model.outputs) < 2:
        return ()
    name, count = model.outputs[0].source_name, len(model.outputs)
    return (Note(code="data.says_first_output", values={"name": name, "count": count}),)


def _task(data: Dataset) -> str:
    if data.metric == "auc":
        return "anomaly"
    if data.has_values:
        return "reconstruction" if data.reconstructs else "regression"
    return "classification" if data.has_labels else "unlabelled"


def _counts(split: Split, classes: int) -> tuple[int, ...]:
    if split.y is None or not len(split.y) or int(split.y.min()) < 0:
        return ()
    return tuple(np.bincount(split.y, minlength=classes).tolist())


def _balance(counts: dict[str, tuple[int, ...]]) -> float | None:
    """Entropy of the classes' shares beside that of equal ones, 0..1; None where there are no classes to count."""
    total = np.sum([own for own in counts.values() if own], axis=0) if any(counts.values()) else np.zeros(0)
    total = np.atleast_1d(total)
    if len(total) < 2 or total.sum() == 0:
        return None
    shares = total[total > 0] / total.sum()
    return float(-(shares * np.log(shares)).sum() / math.log(len(total)))


def _inputs(data: Dataset, model: Model) -> tuple[InputFacts, ...]:
    count = len(data.train)
    most = max(1, min(count, MOST_LOOKED_AT, MOST_VALUES // max(sum(math.prod(one.shape) for one in model.inputs), 1)))
    chosen = np.unique(np.linspace(0, count - 1, most).astype(np.int64)) if count else np.zeros(0)
    sums = np.zeros((len(model.inputs), 2))
    ranges = np.tile([np.inf, -np.inf], (len(model.inputs), 1))
    for part in np.array_split(chosen.astype(np.int64), max(1, -(-len(chosen) // _PART))):
        for number, values in enumerate(data.inputs(data.train, part) if len(part) else ()):
            wide = values.double()
            sums[number] += float(wide.sum()), float(wide.square().sum())
            ranges[number] = min(ranges[number, 0], float(wide.min())), max(ranges[number, 1], float(wide.max()))
    found = []
    for number, entry in enumerate(model.inputs):
        size = len(chosen) * math.prod(entry.shape[1:])
        mean = float(sums[number, 0]) / size if size else 0.0
        spread = math.sqrt(max(0.0, float(sums[number, 1]) / size - mean**2)) if size else 0.0
        stored = (data.train.x, *data.train.others)[number]
        low, high = (float(value) if math.isfinite(value) else 0.0 for value in ranges[number])
        found.append(
            InputFacts(
                name=entry.source_name,
                shape=entry.shape[1:],
                stored_shape=stored.shape[1:],
                stored_type=str(stored.dtype),
                low=low,
                high=high,
                mean=mean,
                std=spread,
            )
        )
    return tuple(found)


def _targets(data: Dataset) -> tuple[tuple[float, float, float], ...]:
    """By target: the least, the mean and the largest of the training split."""
    values = data.train.targets
    if values is None or not len(values):
        return ()
    rows = np.stack([values.min(axis=0), values.mean(axis=0, dtype=np.float64), values.max(axis=0)], axis=1)
    return tuple((float(low), float(mean), float(high)) for low, mean, high in rows)


def _normalised(data: Dataset) -> tuple[Note, ...]:
    if data.mean == (0.0,) and data.std == (1.0,):
        return ()
    shown = (", ".join(map(_factor, values[:8])) for values in (data.mean, data.std))
    mean, std = shown
    return (Note(code="data.fact.normalised", values={"mean": mean, "std": std}),)


def _factor(value: float) -> str:
    """A number behind a minus."""
    return f"{value:.6g}" if value >= 0 else f"(−{-value:.6g})"
