"""Where networks look in an example, as messages and arrays."""

from pathlib import Path

import numpy as np

from penjing.errors import UserError, plain
from penjing.inspection.input_saliency import InputSaliency, input_saliency
from penjing.model.model import Model
from penjing.worker.exchange import Outgoing
from penjing.worker.messages import Look, NetworkLook, WantLook
from penjing.worker.opening import Open
from penjing.worker.sampling import chosen_examples


def look(opened: Open, folder: Path, wanted: WantLook, measured: tuple[int | None, Model] | None) -> Look:
    """The network as loaded, and `measured`, a plan's generation and network, look at the same class.

    A run that was trained has no generation.

    What cannot be explained is said in the answer itself: another example or method may do.

    Raises:
        UserError: `worker.no_data`, `worker.no_such_sample`.
    """
    data, split, indices = chosen_examples(opened, wanted.split, (wanted.index,))
    example, axis = data.batch(split, indices), data.channel_axis

    def of(model: Model, target: int | None) -> InputSaliency:
        return input_saliency(model, example, method=wanted.method, target=target, channel_axis=axis)

    try:
        before = of(opened.model, None)
        after = None if measured is None else of(measured[1], before.target)
    except UserError as error:
        refused = {"refused": error.code, "values": plain(error.values)}
        return Look(request=wanted.request, index=wanted.index, method=wanted.method, **refused)  # type: ignore[arg-type]
    outgoing = Outgoing(folder)
    shown = example[0].numpy()
    shown = np.ascontiguousarray(np.moveaxis(shown, -1, 0)) if axis < 0 and shown.ndim > 1 else shown
    return Look(
        request=wanted.request,
        index=wanted.index,
        method=wanted.method,
        label=None if split.y is None else int(split.y[wanted.index]),
        example=outgoing.add(shown),
        before=_message(before, outgoing),
        after=None if after is None else _message(after, outgoing),
        generation=None if measured is None else measured[0],
        file=outgoing.write(),
    )


def _message(found: InputSaliency, outgoing: Outgoing) -> NetworkLook:
    return NetworkLook(
        values=outgoing.add(found.values),
        target=found.target,
        chosen=found.chosen,
        probability=found.probability,
        layer=found.layer,
    )
