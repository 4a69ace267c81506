"""Examples of a split for pictures and traces, with what the network as loaded says about them."""

from pathlib import Path

import numpy as np

from penjing.compression.simulation import simulate
from penjing.errors import UserError
from penjing.estimation.measured import classes_of
from penjing.worker.exchange import Outgoing
from penjing.worker.messages import Samples, WantSamples
from penjing.worker.opening import Open


def samples(opened: Open, folder: Path, wanted: WantSamples) -> Samples:
    """The examples as the network takes them.

    Raises:
        UserError: `worker.no_data`, `worker.no_such_sample`.
    """
    if opened.data is None:
        raise UserError("worker.no_data")
    split = opened.data.split(wanted.split)
    indices = np.array(wanted.indices, dtype=np.int64)
    wrong = indices[(indices < 0) | (indices >= len(split))]
    if len(wrong):
        raise UserError("worker.no_such_sample", index=int(wrong[0]), split=wanted.split, last=len(split) - 1)
    values = opened.data.batch(split, indices)
    chosen = classes_of(simulate(opened.model)(values)) if len(indices) else indices
    outgoing = Outgoing(folder)
    place = outgoing.add(values.numpy())
    return Samples(
        request=wanted.request,
        split=wanted.split,
        indices=wanted.indices,
        file=outgoing.write(),
        values=place,
        labels=None if split.y is None else tuple(split.y[indices].tolist()),
        chosen=tuple(chosen.tolist()),
    )
