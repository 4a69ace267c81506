"""By what a step chooses between candidates: how far each one's answers are from the teacher's, without labels.

Accuracy on a few hundred samples moves in steps of a whole answer: a repair that brought a network ten times nearer
to the original was once turned down for two lucky answers. The divergence of the answers is a hundred times finer.
"""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from penjing.catalogue.metrics import metric
from penjing.compression.simulation import simulate
from penjing.loading.dataset import Dataset
from penjing.model.model import Model
from penjing.model.operators.table import operator_of
from penjing.pipeline.reuse import Reused

MOST_JUDGES = 256
"""Validation inputs that decide between candidates inside a step."""
_SMALLEST = 1e-12
_BATCH = 64

Judge = Callable[[Model], float | None]
"""A candidate → its distance, less is better; None where nothing can be told."""


def judge(teacher: Model, data: Dataset | None, reused: Reused | None = None) -> Judge:
    """How far a network is from `teacher` on at most 256 validation inputs: the mean KL(teacher ‖ network) in nats.

    Outputs that are no classes are compared by Σ(a - b)² / Σb². What the teacher says is computed once.
    """
    if data is None or not len(data.val):
        return lambda candidate: None
    split = data.val
    # Evenly spaced, because a split may be sorted by class.
    chosen = np.unique(np.linspace(0, len(split) - 1, num=min(len(split), MOST_JUDGES)).round().astype(np.int64))
    inputs = tuple(zip(*(torch.split(one, _BATCH) for one in data.inputs(split, chosen)), strict=True))
    tells_classes = metric(data.metric).is_share
    known = Reused() if reused is None else reused

    def distance(candidate: Model) -> float | None:
        if not known.said or known.said[0][0] is not teacher:
            known.said[:] = [(teacher, _answers(teacher, inputs, logarithm=tells_classes))]
        wanted, answers = known.said[0][1], _answers(candidate, inputs, logarithm=tells_classes)
        if answers.shape != wanted.shape:
            return None
        found = float((_divergence if tells_classes else _apart)(answers, wanted))
        return found if np.isfinite(found) else np.inf

    return distance


def _divergence(answers: Tensor, wanted: Tensor) -> Tensor:
    if answers.shape[1] > 1:
        return F.kl_div(F.log_softmax(answers, 1), F.log_softmax(wanted, 1), reduction="batchmean", log_target=True)
    return _apart(answers, wanted)


def _apart(answers: Tensor, wanted: Tensor) -> Tensor:
    return (answers - wanted).square().sum() / wanted.square().sum().clamp_min(_SMALLEST)


def _answers(model: Model, inputs: tuple[tuple[Tensor, ...], ...], *, logarithm: bool) -> Tensor:
    """What the first output says, as the screen simulates it: [n, values], of a softmax the logarithm, float64."""
    predict, found = simulate(model), []
    with torch.no_grad():
        for values in inputs:
            result = predict(*values)
            found.append((result if isinstance(result, Tensor) else result[0]).flatten(1).double())
    answers = torch.cat(found)
    last = model.outputs[0].layer
    ends = logarithm and any(
        name == last and operator_of(module).kind == "softmax" for name, module, _ in model.layers()
    )
    return answers.clamp_min(_SMALLEST).log() if ends else answers
