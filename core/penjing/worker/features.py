"""What teacher and student make of one example in the layers that feature and attention losses compare."""

from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from penjing.distillation.losses.attention import attention_distance, attention_map
from penjing.distillation.network import Network
from penjing.distillation.pairs import Pair, layer_pairs
from penjing.distillation.student import teacher_of
from penjing.errors import UserError, plain
from penjing.loading.open import open_model
from penjing.model.model import Model
from penjing.plan import Distillation
from penjing.worker.exchange import Outgoing
from penjing.worker.insight_messages import FeaturePair, Features, WantFeatures
from penjing.worker.opening import Open
from penjing.worker.sampling import chosen_examples

MOST_CHANNELS = 16
MOST_PAIRS = 8


def features(opened: Open, folder: Path, wanted: WantFeatures, student: tuple[int | None, Model] | None) -> Features:
    """Maps of every pair; what cannot be compared is said in the answer itself.

    Raises:
        UserError: `worker.no_data`, `worker.no_such_sample`.
    """
    data, split, indices = chosen_examples(opened, wanted.split, (wanted.index,))
    values = data.inputs(split, indices)
    if student is None:
        return Features(request=wanted.request, index=wanted.index)
    try:
        teacher = teacher_of(wanted.options.teacher, original=opened.model, load=open_model)
        pairs = _pairs(teacher, student[1], wanted.options)[:MOST_PAIRS]
        theirs = Network(teacher).watch(values, {pair[0] for pair in pairs})[1]
        ours = Network(student[1]).watch(values, {pair[1] for pair in pairs})[1]
    except UserError as error:
        return Features(request=wanted.request, index=wanted.index, refused=error.code, values=plain(error.values))
    outgoing = Outgoing(folder)
    told = tuple(_told(pair, theirs, ours, outgoing) for pair in pairs)
    return Features(request=wanted.request, index=wanted.index, pairs=told, file=outgoing.write())


def _pairs(teacher: Model, student: Model, options: Distillation) -> tuple[Pair, ...]:
    """Those that a training would compare; without positions there is no attention, but features there are."""
    try:
        return layer_pairs(teacher, student, msgspec.structs.replace(options, attention=1.0))
    except UserError:
        return layer_pairs(teacher, student, msgspec.structs.replace(options, attention=0.0))


def _told(pair: Pair, theirs: Mapping[str, Tensor], ours: Mapping[str, Tensor], outgoing: Outgoing) -> FeaturePair:
    one, other = theirs[pair[0]], ours[pair[1]]
    spatial = one.dim() > 2
    distance = float(attention_distance(other, one)) if spatial else None
    maps = [attention_map(values)[0].reshape(values.shape[2:]) for values in (one, other)] if spatial else []
    channels = [values[0, :MOST_CHANNELS] for values in (one, other)]
    attention = [outgoing.add(_array(values)) for values in maps]
    return FeaturePair(
        teacher=pair[0],
        student=pair[1],
        channels=(one.shape[1], other.shape[1]),
        distance=distance,
        teacher_attention=attention[0] if attention else None,
        student_attention=attention[1] if attention else None,
        teacher_features=outgoing.add(_array(channels[0])),
        student_features=outgoing.add(_array(channels[1])),
    )


def _array(values: Tensor) -> NDArray[np.float32]:
    return np.ascontiguousarray(values.numpy(), dtype=np.float32)
