"""Where networks look in an example, as messages and arrays."""

from pathlib import Path

from penjing.errors import UserError, plain
from penjing.inspection.input_saliency import InputSaliency, aim_of, input_saliency
from penjing.model.model import Model
from penjing.worker.exchange import Outgoing
from penjing.worker.messages import Look, NetworkLook, WantLook
from penjing.worker.opening import Open
from penjing.worker.sampling import channels_first, chosen_examples


def look(opened: Open, folder: Path, wanted: WantLook, measured: tuple[int | None, Model] | None) -> Look:
    """The network as loaded, and `measured`, a plan's generation and network, look at the same class or number.

    A run that was trained has no generation.

    What cannot be explained is said in the answer itself: another example or method may do.

    Raises:
        UserError: `worker.no_data`, `worker.no_such_sample`.
    """
    data, split, indices = chosen_examples(opened, wanted.split, (wanted.index,))
    examples, aim = data.inputs(split, indices), aim_of(data)
    entry = wanted.entry if wanted.entry < len(examples) else 0
    form = (data.form, *data.others)[entry]

    def of(model: Model, target: int | None) -> InputSaliency:
        how = {"method": wanted.method, "target": target, "entry": entry, "channel_axis": form.channel_axis, "aim": aim}
        return input_saliency(model, examples, **how)  # type: ignore[arg-type]

    try:
        before = of(opened.model, wanted.number if aim == "number" else None)
        after = None if measured is None else of(measured[1], before.target)
    except UserError as error:
        refused = {"refused": error.code, "values": plain(error.values)}
        told = {"request": wanted.request, "index": wanted.index, "method": wanted.method, "entry": entry, "aim": aim}
        return Look(**told, **refused)  # type: ignore[arg-type]
    outgoing = Outgoing(folder)
    shown = channels_first(examples[entry], form)[0]
    return Look(
        request=wanted.request,
        index=wanted.index,
        method=wanted.method,
        label=None if split.y is None else int(split.y[wanted.index]),
        entry=entry,
        aim=aim,
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
        score=found.score,
        probability=found.probability,
        layer=found.layer,
    )
