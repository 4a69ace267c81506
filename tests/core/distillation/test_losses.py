"""The terms of the loss against METHODS.md §5, hand formulas and finite differences, in float64."""

import math

import pytest
import torch

from penjing.catalogue.methods import methods
from penjing.distillation.losses.attention import attention_distance, attention_map
from penjing.distillation.losses.feature import Regressor, feature_distance, fitted_regressor
from penjing.distillation.losses.soft_label import soft_label
from penjing.distillation.losses.table import Batch, active_terms, mixture, terms
from penjing.plan import Distillation


def tensor(*rows: object) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.float64)


TEACHER, STUDENT = tensor([2.0, 1.0, 0.1]), tensor([1.0, 1.5, 0.2])
LABEL = torch.tensor([0])


@pytest.mark.parametrize(("temperature", "expected"), [(1.0, 0.241671), (4.0, 0.220758)])
def test_that_the_soft_label_loss_has_the_golden_values(temperature: float, expected: float) -> None:
    assert soft_label(STUDENT, TEACHER, temperature).item() == pytest.approx(expected, abs=5e-7)


def test_that_the_soft_label_loss_has_the_golden_gradient() -> None:
    student = STUDENT.clone().requires_grad_()
    soft_label(student, TEACHER, 4.0).backward()
    assert student.grad is not None
    assert student.grad[0].tolist() == pytest.approx([-0.311122, 0.237864, 0.073258], abs=5e-7)


def test_that_the_mixture_has_the_golden_value_and_names_its_terms() -> None:
    options = Distillation(soft_label=0.7, temperature=4.0)
    loss, parts = mixture(Batch(student=STUDENT, options=options, labels=LABEL, teacher=TEACHER))
    assert loss.item() == pytest.approx(0.493762, abs=5e-7)
    assert parts["cross_entropy"].item() == pytest.approx(1.130773, abs=5e-7)
    assert parts["soft_label"].item() == pytest.approx(0.220758, abs=5e-7)
    assert set(parts) == {"cross_entropy", "soft_label"}


def test_that_repeating_a_sample_in_the_batch_changes_no_term() -> None:
    generator = torch.Generator().manual_seed(0)
    ours, theirs = torch.rand(2, 1, 3, 4, 4, generator=generator, dtype=torch.float64)

    def parts(times: int) -> dict[str, float]:
        batch = Batch(
            student=STUDENT.repeat(times, 1),
            options=Distillation(feature=1.0, attention=1.0),
            labels=LABEL.repeat(times),
            teacher=TEACHER.repeat(times, 1),
            student_features=(ours.repeat(times, 1, 1, 1),),
            teacher_features=(theirs.repeat(times, 1, 1, 1),),
            regressors=(torch.nn.Identity(),),
        )
        return {name: value.item() for name, value in mixture(batch)[1].items()}

    assert parts(5) == pytest.approx(parts(1), rel=1e-12)
    assert set(parts(1)) == set(terms())


def test_that_every_loss_of_the_catalogue_is_there_and_no_other() -> None:
    assert set(terms()) == set(methods("loss"))


def test_that_a_weight_of_zero_leaves_a_term_out() -> None:
    assert {term.id for term in active_terms(Distillation(soft_label=0.0))} == {"cross_entropy"}
    assert {term.id for term in active_terms(Distillation(soft_label=1.0))} == {"soft_label"}
    chosen = active_terms(Distillation(soft_label=0.5, feature=0.1, attention=2.0))
    assert {term.id for term in chosen} == {"soft_label", "cross_entropy", "feature", "attention"}


def test_that_the_feature_loss_is_half_the_squared_distance_per_sample() -> None:
    student = tensor([[1.0, 2.0], [0.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]]).requires_grad_()
    teacher = tensor([[1.0, 4.0], [3.0, 1.0]], [[2.0, 0.0], [0.0, 0.0]])
    loss = feature_distance(student, teacher)
    assert loss.item() == pytest.approx(0.5 * (4 + 9 + 4) / 2)
    loss.backward()
    assert student.grad is not None
    assert torch.allclose(student.grad, (student.detach() - teacher) / 2)


def test_that_the_attention_loss_has_its_hand_value() -> None:
    # Q_s = (3², 4²) / ‖·‖ from one channel; Q_t = (1, 1) / √2 from two channels that look at one position each.
    student, teacher = tensor([[3.0, 4.0]]), tensor([[1.0, 0.0], [0.0, -1.0]])
    size = math.hypot(9, 16)
    expected = 0.5 * math.hypot(9 / size - 1 / math.sqrt(2), 16 / size - 1 / math.sqrt(2))
    assert attention_distance(student, teacher).item() == pytest.approx(expected, rel=1e-12)
    assert attention_map(7 * student).tolist() == [pytest.approx(attention_map(student)[0].tolist())]


def test_that_attention_to_the_same_places_is_free_and_has_a_finite_gradient() -> None:
    student = tensor([[3.0, 4.0]], [[0.0, 0.0]]).requires_grad_()
    loss = attention_distance(student, tensor([[6.0, 8.0]], [[0.0, 0.0]]))
    loss.backward()
    assert student.grad is not None
    assert loss.item() == pytest.approx(0, abs=1e-12)
    assert bool(torch.isfinite(student.grad).all())


@pytest.mark.parametrize("name", ["soft_label", "cross_entropy", "feature", "attention"])
def test_that_every_gradient_agrees_with_finite_differences(name: str) -> None:
    generator = torch.Generator().manual_seed(1)
    logits, feature = (
        torch.randn(3, 5, generator=generator).double(),
        torch.randn(3, 2, 4, generator=generator).double(),
    )
    weight = torch.randn(6, 2, generator=generator).double()
    theirs, answers = (
        torch.randn(3, 6, 4, generator=generator).double(),
        torch.randn(3, 5, generator=generator).double(),
    )

    def loss(logits: torch.Tensor, feature: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        batch = Batch(
            student=logits,
            options=Distillation(temperature=3.0),
            labels=torch.tensor([0, 4, 2]),
            teacher=answers,
            student_features=(feature,),
            teacher_features=(theirs,),
            regressors=(lambda value: torch.einsum("ts,ns...->nt...", weight, value),),
        )
        return terms()[name].loss(batch)

    inputs = tuple(value.requires_grad_() for value in (logits, feature, weight))
    used = inputs[:1] if name in {"soft_label", "cross_entropy"} else inputs
    assert torch.autograd.gradcheck(lambda *values: loss(*values, *inputs[len(values) :]), used)


def test_that_a_regressor_starts_from_the_best_linear_map() -> None:
    generator = torch.Generator().manual_seed(2)
    student, truth = torch.randn(64, 3, 5, generator=generator), torch.randn(4, 3, generator=generator)
    teacher = torch.einsum("ts,nsp->ntp", truth, student)
    regressor = fitted_regressor(student, teacher)
    assert isinstance(regressor, Regressor)
    assert torch.allclose(regressor.weight, truth, atol=2e-3)
    assert isinstance(fitted_regressor(student, student), torch.nn.Identity)


def test_that_dead_features_still_give_a_regressor() -> None:
    regressor = fitted_regressor(torch.zeros(8, 3, 5), torch.ones(8, 4, 5))
    assert isinstance(regressor, Regressor)
    assert bool(torch.isfinite(regressor.weight).all())
