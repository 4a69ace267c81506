"""Soft labels: the student's distribution at temperature T is drawn to the teacher's (Hinton 2015)."""

import torch.nn.functional as F
from torch import Tensor

from penjing.distillation.losses.table import Batch, register


def soft_label(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """T² · KL(p_t(T) ‖ p_s(T)), batch mean; logits [n, classes].

    T² keeps the gradient's size independent of the temperature. The reduction is `batchmean`: `mean` would
    divide by the number of classes too.
    """
    student_log = F.log_softmax(student / temperature, dim=1)
    teacher_log = F.log_softmax(teacher / temperature, dim=1)
    return temperature**2 * F.kl_div(student_log, teacher_log, reduction="batchmean", log_target=True)


def teacher_error(batch: Batch) -> Tensor:
    """Of numbers: mean (f(x) - f_t(x))², beside the squared error of a constant answer."""
    assert batch.teacher is not None
    return F.mse_loss(batch.student, batch.teacher) / batch.scale


@register(
    "soft_label",
    needs=frozenset({"teacher"}),
    weight=lambda options: options.soft_label,
    numbers=("teacher_error", teacher_error),
)
def _term(batch: Batch) -> Tensor:
    assert batch.teacher is not None
    return soft_label(batch.student, batch.teacher, batch.options.temperature)
