"""Examples of a split for pictures and traces, and what networks say about them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from penjing.compression.simulation import simulate
from penjing.distillation.network import Network
from penjing.errors import UserError
from penjing.estimation.measured import classes_of
from penjing.loading.dataset import Dataset, Split, SplitName
from penjing.model.model import Model
from penjing.worker.exchange import Outgoing
from penjing.worker.messages import Logits, Samples, WantLogits, WantSamples
from penjing.worker.opening import Open


def samples(opened: Open, folder: Path, wanted: WantSamples) -> Samples:
    """The examples as the network takes them.

    Raises:
        UserError: `worker.no_data`, `worker.no_such_sample`.
    """
    data, split, indices = chosen_examples(opened, wanted.split, wanted.indices)
    values = data.batch(split, indices)
    chosen = classes_of(simulate(opened.model)(values)) if len(indices) else indices
    outgoing = Outgoing(folder)
    place = outgoing.add(values.numpy())
    return Samples(
        request=wanted.request,
        split=wanted.split,
        indices=wanted.indices,
        file=outgoing.write(),
        values=place,
        labels=_labels(split, indices),
        chosen=tuple(chosen.tolist()),
    )


def logits(opened: Open, wanted: WantLogits, measured: tuple[int | None, Model] | None) -> Logits:
    """What the network as loaded says before softmax, and what `measured`, a plan's generation and network, says.

    Raises:
        UserError: As `samples`; `distillation.inputs`.
    """
    data, split, indices = chosen_examples(opened, wanted.split, wanted.indices)
    values = data.batch(split, indices)

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
