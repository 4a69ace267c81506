"""What can be taught with the data and the teacher at hand, and what is refused with a reason."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from torch import nn

from penjing.distillation.lesson import prepare
from penjing.distillation.network import logits_layer
from penjing.distillation.pairs import layer_pairs
from penjing.distillation.student import narrow, student_of, teacher_of
from penjing.distillation.train import train
from penjing.errors import UserError
from penjing.loading.dataset import Dataset, Split
from penjing.model.model import Model
from penjing.plan import Distillation
from tests.support.networks import network, residual
from tests.support.teaching import convolutional, quarters

DATA = quarters(train=16, val=8)
STUDENT, TEACHER = convolutional(4), convolutional(6)


def with_labels(*labels: int) -> Dataset:
    images = np.zeros((len(labels), 1, 8, 8), np.float32)
    return dataclasses.replace(DATA, train=Split(x=images, y=np.array(labels, np.int64)))


def code(student: Model, data: Dataset, teacher: Model | None = None, **options: Any) -> str:
    with pytest.raises(UserError) as caught:
        prepare(student, data, Distillation(**options), teacher, "distill")
    assert caught.value.code not in caught.value.message()  # the text exists
    return caught.value.code


def test_that_what_cannot_be_taught_is_refused_with_its_reason() -> None:
    no_labels = quarters(labels=False)
    other_input = network((1, 6, 6), [("flat", nn.Flatten(), ""), ("fc", nn.Linear(36, 4), "")])
    fewer = network((1, 8, 8), [("flat", nn.Flatten(), ""), ("fc", nn.Linear(64, 3), "")])
    segmenting = network((1, 8, 8), [("conv", nn.Conv2d(1, 3, 1), "")])
    assert code(STUDENT, no_labels) == "distillation.nothing_to_learn_from"
    assert code(STUDENT, with_labels()) == "distillation.no_samples"
    assert code(segmenting, DATA) == "distillation.not_a_classifier"
    assert code(STUDENT, with_labels(0, 1, 4)) == "distillation.labels_outside"
    assert code(STUDENT, with_labels(0, -1, 3)) == "distillation.labels_outside"
    assert code(STUDENT, with_labels(2, 2, 2, 2)) == "distillation.one_class"
    assert code(STUDENT, with_labels(0, 1, 2)) == "distillation.too_few_samples"
    assert code(STUDENT, DATA, fewer) == "distillation.teacher_outputs"
    assert code(STUDENT, DATA, other_input) == "distillation.teacher_input"


def test_that_a_teacher_makes_up_for_few_samples() -> None:
    lesson = prepare(STUDENT, with_labels(2, 2), Distillation(), TEACHER, "distill")
    assert lesson.teacher is TEACHER


def test_that_a_teacher_nobody_listens_to_is_not_asked() -> None:
    assert prepare(STUDENT, DATA, Distillation(soft_label=0.0), TEACHER, "distill").teacher is None
    assert prepare(STUDENT, DATA, Distillation(), TEACHER, "finetune").teacher is None


def test_that_an_unknown_method_is_refused() -> None:
    with pytest.raises(UserError) as caught:
        train(STUDENT, DATA, options=Distillation(), teacher=None, kind="qat", method="magic")
    assert caught.value.code == "distillation.unknown_method"


def test_that_automatic_pairs_are_the_last_layers_of_each_resolution() -> None:
    options = Distillation(feature=1.0)
    assert layer_pairs(TEACHER, STUDENT, options) == (("relu1", "relu1"), ("relu2", "relu2"))
    stages = layer_pairs(residual(), residual(seed=1), Distillation(attention=1.0))
    assert stages == (("relua2", "relua2"), ("relub2", "relub2"))


def test_that_a_network_without_positions_has_its_last_hidden_layer_compared() -> None:
    nodes = [("fc1", nn.Linear(8, 6), ""), ("relu", nn.ReLU(), ""), ("fc2", nn.Linear(6, 3), "")]
    model = network((8,), nodes)
    assert layer_pairs(model, model, Distillation(feature=1.0)) == (("relu", "relu"),)
    with pytest.raises(UserError) as caught:
        layer_pairs(model, model, Distillation(attention=1.0))
    assert caught.value.code == "distillation.no_pairs"


@pytest.mark.parametrize(
    ("pair", "expected"),
    [
        (("relu9", "relu1"), "distillation.unknown_layer"),
        (("relu1", "conv9"), "distillation.unknown_layer"),
        (("relu1", "relu2"), "distillation.pair_shapes"),
        (("fc", "fc"), "distillation.pair_shapes"),
    ],
)
def test_that_pairs_by_hand_are_checked_and_the_message_names_the_layer(pair: tuple[str, str], expected: str) -> None:
    with pytest.raises(UserError) as caught:
        layer_pairs(TEACHER, STUDENT, Distillation(attention=1.0, pairs=(pair,)))
    assert caught.value.code == expected
    assert any(f'"{name}"' in caught.value.message() for name in pair)


def test_that_pairs_by_hand_may_join_layers_of_different_names_and_widths() -> None:
    options = Distillation(feature=0.01, pairs=(("conv2", "relu2"),), epochs=1)
    assert layer_pairs(TEACHER, STUDENT, options) == (("conv2", "relu2"),)
    trained = train(STUDENT, DATA, options=options, teacher=TEACHER, kind="distill")
    assert trained.history[1].terms["feature"] > 0


def test_that_logits_are_looked_for_before_a_softmax() -> None:
    nodes = [("fc", nn.Linear(8, 3), ""), ("soft", nn.Softmax(dim=1), ""), ("same", nn.Identity(), "")]
    assert logits_layer(network((8,), nodes)) == "fc"


def test_that_a_narrow_student_has_its_share_of_filters_and_computes_on_the_largest() -> None:
    wide = convolutional(6, batch_norm=False)
    slim = narrow(wide, 0.5)
    assert [tuple(slim.weight(name).shape) for name in ("conv1", "conv2", "fc")] == [
        (3, 1, 3, 3),
        (3, 3, 3, 3),
        (4, 48),
    ]
    norms = wide.weight("conv1").abs().sum(dim=(1, 2, 3))
    largest = sorted(norms.argsort(descending=True)[:3].tolist())
    assert slim.weight("conv1").equal(wide.weight("conv1")[largest])


def test_that_students_and_teachers_are_found_by_their_names() -> None:
    def load(path: str) -> Model:
        assert path == "other.onnx"
        return TEACHER

    assert student_of("compressed", compressed=STUDENT, original=TEACHER, load=load) is STUDENT
    assert student_of("other.onnx", compressed=STUDENT, original=STUDENT, load=load) is TEACHER
    assert student_of("narrow:0.5", compressed=STUDENT, original=TEACHER, load=load).weight("conv1").shape[0] == 3
    assert teacher_of("original", original=STUDENT, load=load) is STUDENT
    assert teacher_of("other.onnx", original=STUDENT, load=load) is TEACHER
    for wrong in ("narrow:", "narrow:0", "narrow:1", "narrow:nan", "narrow:wide"):
        with pytest.raises(UserError) as caught:
            student_of(wrong, compressed=STUDENT, original=TEACHER, load=load)
        assert caught.value.code == "distillation.narrow_width"
