"""What one training teaches: options that fit the data and the teacher at hand, checked before anything is computed."""

import math
from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np

from penjing.distillation.losses.table import active_terms
from penjing.distillation.network import logits_layer
from penjing.distillation.pairs import Pair, layer_pairs
from penjing.errors import UserError
from penjing.loading.build import layer_shapes
from penjing.loading.dataset import Dataset
from penjing.model.model import Model
from penjing.plan import Distillation

Kind = Literal["finetune", "distill", "qat"]


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """Options whose weights are those that hold, the teacher where a term needs one, and the pairs of layers."""

    options: Distillation
    teacher: Model | None
    """Also the reference of the agreement where the data has no labels."""
    pairs: tuple[Pair, ...] = ()
    numbers: bool = False
    """Whether the network answers numbers instead of telling classes."""
    labelled: bool = True
    """Whether the data tells what is right."""

    @property
    def needs_labels(self) -> bool:
        """Whether a term looks at the labels."""
        return any("labels" in term.needs for term in active_terms(self.options))


def prepare(student: Model, data: Dataset, options: Distillation, teacher: Model | None, kind: Kind) -> Lesson:
    """The lesson that can be given: without labels the teacher alone teaches, without a teacher the labels alone.

    Raises:
        UserError: `distillation.nothing_to_learn_from`, `distillation.no_samples`, `distillation.not_a_classifier`,
            `distillation.labels_outside`, `distillation.one_class`, `distillation.too_few_samples`,
            `distillation.teacher_outputs`, `distillation.teacher_input`, and those of `layer_pairs`.
    """
    if not len(data.train):
        raise UserError("distillation.no_samples")
    numbers, labelled = answers_numbers(student, data), data.has_truth
    if not labelled and teacher is None:
        raise UserError("distillation.nothing_to_learn_from")
    if kind == "finetune" and labelled:
        teacher = None
    if teacher is None:
        options = msgspec.structs.replace(options, soft_label=0.0, feature=0.0, attention=0.0)
    elif not labelled:
        options = msgspec.structs.replace(options, soft_label=1.0)
    needs = {need for term in active_terms(options) for need in term.needs}
    if labelled and "teacher" not in needs:
        teacher = None
    answers = math.prod(student.outputs[0].shape[1:]) if numbers else _classes(student)
    if "labels" in needs and not numbers:
        _check_labels(data, answers, alone=teacher is None)
    if teacher is None:
        return Lesson(options=options, teacher=None, numbers=numbers, labelled=labelled)
    _check_teacher(teacher, student, answers, numbers=numbers)
    pairs = layer_pairs(teacher, student, options) if "features" in needs else ()
    return Lesson(options=options, teacher=teacher, pairs=pairs, numbers=numbers, labelled=labelled)


def answers_numbers(student: Model, data: Dataset) -> bool:
    """Whether a network is taught numbers: its data has some, or (rank) one output is a score of its own."""
    if data.has_values:
        return True
    return data.metric == "auc" and math.prod(student.outputs[0].shape[1:]) == 1


def _classes(model: Model) -> int:
    shape = layer_shapes(model)[logits_layer(model)]
    classes = shape[1] if len(shape) > 1 else 0
    if classes < 1 or any(extent != 1 for extent in shape[2:]):
        raise UserError("distillation.not_a_classifier", layer=logits_layer(model), shape=list(shape[1:]))
    return max(2, classes)  # a single output tells two classes apart


def _check_labels(data: Dataset, classes: int, *, alone: bool) -> None:
    labels = data.train.y
    assert labels is not None
    if labels.min() < 0 or labels.max() >= classes:
        wrong = labels.min() if labels.min() < 0 else labels.max()
        raise UserError("distillation.labels_outside", label=int(wrong), outputs=classes)
    if not alone:
        return
    if len(np.unique(labels)) == 1:
        raise UserError("distillation.one_class", label=int(labels[0]), count=len(labels))
    if len(labels) < classes:
        raise UserError("distillation.too_few_samples", count=len(labels), outputs=classes)


def _check_teacher(teacher: Model, student: Model, answers: int, *, numbers: bool) -> None:
    theirs = math.prod(teacher.outputs[0].shape[1:]) if numbers else _classes(teacher)
    if theirs != answers:
        raise UserError("distillation.teacher_outputs", teacher=theirs, student=answers)
    shapes = [[list(entry.shape[1:]) for entry in model.inputs] for model in (teacher, student)]
    if shapes[0] != shapes[1]:
        told = [one[0] if len(one) == 1 else one for one in shapes]
        raise UserError("distillation.teacher_input", teacher=told[0], student=told[1])
