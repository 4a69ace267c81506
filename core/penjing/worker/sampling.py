"""Examples of a split for pictures and traces, and what networks say about them."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from penjing.compression.simulation import simulate
from penjing.distillation.network import Network
from penjing.errors import UserError
from penjing.estimation.measured import classes_of
from penjing.estimation.scoring import Scorer
from penjing.loading.dataset import Dataset, Form, Split, SplitName
from penjing.model.model import Model
from penjing.worker.exchange import Outgoing
from penjing.worker.messages import Logits, Samples, WantLogits, WantSamples
from penjing.worker.opening import Open

MOST_SHOWN = 4
"""Numbers of one example that are shown."""


def samples(opened: Open, folder: Path, wanted: WantSamples) -> Samples:
    """The examples as the network takes them.

    Raises:
        UserError: `worker.no_data`, `worker.no_such_sample`.
    """
    places = wanted.indices if wanted.label is None else of_class(opened, wanted)
    data, split, indices = chosen_examples(opened, wanted.split, places)
    values, *others = data.inputs(split, indices)
    chosen, numbers = indices, Numbers()
    if len(indices):
        result = simulate(opened.model)(values, *others)
        answers = (result if isinstance(result, Tensor) else result[0]).flatten(1)
        chosen = classes_of(answers, border=data.border)
        numbers = numbers_of(data, wanted.split, indices, answers)
    outgoing = Outgoing(folder)
    forms = (data.form, *data.others)
    place, *more = (outgoing.add(channels_first(one, form)) for one, form in zip((values, *others), forms, strict=True))
    return Samples(
        request=wanted.request,
        split=wanted.split,
        indices=tuple(places),
        file=outgoing.write(),
        values=place,
        labels=_labels(split, indices),
        chosen=tuple(chosen.tolist()),
        targets=numbers.targets,
        answers=numbers.answers,
        scores=numbers.scores,
        others=tuple(more),
    )


def channels_first(values: Tensor, form: Form) -> NDArray[np.float32]:
    """Examples [n, …] as pictures are drawn of them, wherever the network has its channels."""
    found = values.numpy()
    return np.ascontiguousarray(np.moveaxis(found, -1, 1)) if form.channel_axis < 0 and found.ndim > 2 else found


class Numbers(NamedTuple):
    """What a network answers where it tells no classes."""

    targets: tuple[tuple[float, ...], ...] = ()
    answers: tuple[tuple[float, ...], ...] = ()
    scores: tuple[float, ...] = ()


def numbers_of(data: Dataset, split_name: SplitName, indices: NDArray[np.int64], answers: Tensor) -> Numbers:
    """Targets and answers, at most `MOST_SHOWN` of each example, and each one's score by the metric."""
    scorer = Scorer(data, split_name)
    if scorer.metric.is_share:
        return Numbers()
    scores = tuple(scorer.scores(answers, indices).tolist())
    if data.reconstructs or scorer.split.targets is None:
        return Numbers(scores=scores)
    rows = data.wanted(scorer.split, indices)[:, :MOST_SHOWN].tolist(), answers[:, :MOST_SHOWN].tolist()
    targets, said = (tuple(tuple(row) for row in part) for part in rows)
    return Numbers(targets=targets, answers=said, scores=scores)


def of_class(opened: Open, wanted: WantSamples) -> tuple[int, ...]:
    """The places in the split of the examples of a class that are asked for, as far as there are so many.

    Raises:
        UserError: `worker.no_data`.
    """
    if opened.data is None:
        raise UserError("worker.no_data")
    labels = opened.data.split(wanted.split).y
    own = np.zeros(0, np.int64) if labels is None else np.flatnonzero(labels == wanted.label)
    return tuple(int(own[place]) for place in wanted.indices if 0 <= place < len(own))


def logits(opened: Open, wanted: WantLogits, measured: tuple[int | None, Model] | None) -> Logits:
    """What the network as loaded says before softmax, and what `measured`, a plan's generation and network, says.

    Raises:
        UserError: As `samples`; `distillation.inputs`.
    """
    data, split, indices = chosen_examples(opened, wanted.split, wanted.indices)
    values = data.inputs(split, indices)

    def of(model: Model) -> tuple[tuple[float, ...], ...]:
        return tuple(tuple(row) for row in Network(model).watch(values)[0].tolist())

    return Logits(
        request=wanted.request,
        indices=wanted.indices,
        labels=_labels(split, indices),
        original=of(opened.model),
        plan=None if measured is None else of(measured[1]),
        generation=None if measured is None else measured[0],
    )


def chosen_examples(opened: Open, name: SplitName, wanted: Sequence[int]) -> tuple[Dataset, Split, NDArray[np.int64]]:
    """The data, its split and the places in it.

    Raises:
        UserError: `worker.no_data`, `worker.no_such_sample`.
    """
    if opened.data is None:
        raise UserError("worker.no_data")
    split = opened.data.split(name)
    indices = np.array(wanted, dtype=np.int64)
    wrong = indices[(indices < 0) | (indices >= len(split))]
    if len(wrong):
        raise UserError("worker.no_such_sample", index=int(wrong[0]), split=name, last=len(split) - 1)
    return opened.data, split, indices


def _labels(split: Split, indices: NDArray[np.int64]) -> tuple[int, ...] | None:
    return None if split.y is None else tuple(split.y[indices].tolist())
