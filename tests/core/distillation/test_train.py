"""Training: it learns, keeps the best, is the same twice, can be stopped and resumed, and changes nobody's model."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from penjing.distillation.pace import batches, optimizer, rate
from penjing.distillation.train import StopAndKeepBest, Trained, train
from penjing.errors import Cancelled, UserError
from penjing.loading.dataset import Dataset
from penjing.model.model import Model
from penjing.plan import Distillation
from penjing.results import Progress
from tests.support.networks import network
from tests.support.teaching import convolutional, quarters, same, tensors, with_mask

DATA = quarters()
QUICK = Distillation(epochs=3, batch_size=32, lr=0.03)
ENOUGH = Distillation(epochs=8, batch_size=32, lr=0.03)


@pytest.fixture(scope="module")
def teacher() -> Model:
    return train(convolutional(10), DATA, options=ENOUGH, teacher=None, kind="finetune").model


def accuracy(model: Model, data: Dataset) -> float:
    predicted = model(data.batch(data.val, slice(None)))
    assert isinstance(predicted, torch.Tensor)
    return float((predicted.argmax(1).numpy() == data.val.y).mean())


def test_that_training_learns_and_tells_the_accuracy_of_what_it_returns(teacher: Model) -> None:
    student = convolutional()
    trained = train(student, DATA, options=ENOUGH, teacher=teacher, kind="distill")
    assert [epoch.number for epoch in trained.history] == list(range(9))
    assert trained.history[0].val_accuracy == accuracy(student, DATA)
    assert trained.history[trained.best_epoch].val_accuracy == accuracy(trained.model, DATA)
    assert accuracy(trained.model, DATA) > 0.75 > accuracy(student, DATA) + 0.2
    assert set(trained.history[1].terms) == {"soft_label", "cross_entropy"}


def test_that_neither_student_nor_teacher_is_changed_even_if_left_in_training_mode(teacher: Model) -> None:
    student, careless = convolutional(), teacher.copy()
    careless.module.train()
    before, known = tensors(student), tensors(careless)
    trained = train(student, DATA, options=QUICK, teacher=careless, kind="distill")
    again = train(student, DATA, options=QUICK, teacher=teacher, kind="distill")
    assert all(torch.equal(value, before[name]) for name, value in tensors(student).items())
    assert all(torch.equal(value, known[name]) for name, value in tensors(careless).items())
    assert careless.module.training
    assert not any(parameter.requires_grad for parameter in student.module.parameters())
    assert not any(parameter.requires_grad for parameter in trained.model.module.parameters())
    assert not trained.model.module.training
    assert same(trained.model, again.model)


def test_that_the_same_seed_gives_the_same_bits_and_another_seed_others(teacher: Model) -> None:
    student = convolutional(dropout=0.2)
    state = torch.random.get_rng_state()

    def run(seed: int) -> Model:
        torch.rand(3)  # what the caller draws must not matter
        options = Distillation(epochs=2, lr=0.03, batch_size=32, seed=seed)
        return train(student, DATA, options=options, teacher=teacher, kind="distill").model

    first, second, third = run(3), run(3), run(4)
    assert same(first, second)
    assert not same(first, third)
    torch.random.set_rng_state(state)
    before = torch.rand(1)
    torch.random.set_rng_state(state)
    train(student, DATA, options=QUICK, teacher=None, kind="finetune")
    assert torch.equal(torch.rand(1), before)


def test_that_pruned_weights_stay_exactly_zero_and_others_move(teacher: Model) -> None:
    student = with_mask(with_mask(convolutional(), "conv2"), "fc", seed=1)
    trained = train(student, DATA, options=QUICK, teacher=teacher, kind="distill")
    for layer in ("conv2", "fc"):
        weight, mask = trained.model.weight(layer), student.masks[layer]
        assert bool((weight[~mask] == 0).all())
        assert bool((weight[mask] != student.weight(layer)[mask]).all())
        assert trained.model.masks[layer] is mask


def test_that_training_never_makes_the_validation_accuracy_worse(teacher: Model) -> None:
    ruinous = Distillation(epochs=3, lr=1.0, batch_size=32)
    trained = train(teacher, DATA, options=ruinous, teacher=None, kind="finetune")
    later = [epoch.val_accuracy for epoch in trained.history[1:]]
    best = trained.history[0].val_accuracy
    assert best is not None
    assert all(value is not None and value < best for value in later)
    assert trained.best_epoch == 0
    assert same(trained.model, teacher)


def test_that_of_equally_good_epochs_the_later_is_kept() -> None:
    student = convolutional(batch_norm=False)
    still = train(student, DATA, options=Distillation(epochs=2, lr=0.0), teacher=None, kind="finetune")
    assert len({epoch.val_accuracy for epoch in still.history}) == 1
    assert still.best_epoch == 2
    assert same(still.model, student)


def test_that_progress_counts_batches_and_tells_every_term(teacher: Model) -> None:
    told: list[Progress] = []
    options = Distillation(epochs=2, batch_size=50, feature=0.01, attention=1.0)
    train(convolutional(10, seed=1), DATA, options=options, teacher=teacher, kind="distill", on_progress=told.append)
    steps = [progress for progress in told if "lr" in progress.values]
    assert [progress.done for progress in steps] == list(range(1, 9))  # 192 samples: four batches of 48 an epoch
    assert {progress.stage for progress in told} == {"train"}
    assert {progress.total for progress in told} == {8}
    assert set(steps[0].values) == {"loss", "soft_label", "cross_entropy", "feature", "attention", "lr", "epoch"}
    ends = [progress for progress in told if "val_accuracy" in progress.values]
    assert [(progress.done, progress.values["epoch"]) for progress in ends] == [(0, 0.0), (4, 1.0), (8, 2.0)]
    # Of few batches all losses stand in the trace of their epoch.
    epochs = [progress.epoch for progress in ends if progress.epoch is not None]
    assert [epoch.batches for epoch in epochs] == [0, 4, 4]
    for name in ("loss", "soft_label", "attention"):
        assert [value for epoch in epochs[1:] for value in epoch.trace[name]] == [one.values[name] for one in steps]
    first = steps[0].values
    mixed = 0.7 * first["soft_label"] + 0.3 * first["cross_entropy"] + 0.01 * first["feature"] + first["attention"]
    assert first["loss"] == pytest.approx(mixed, rel=1e-5)


def stopping(after: int, outcome: type[Exception]) -> Callable[[Progress], None]:
    def on_progress(progress: Progress) -> None:
        if progress.done >= after and "lr" in progress.values:
            raise outcome

    return on_progress


def test_that_cancelling_passes_through_at_the_next_batch(teacher: Model) -> None:
    told: list[float] = []

    def on_progress(progress: Progress) -> None:
        told.append(progress.done)
        if progress.done == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        train(convolutional(), DATA, options=QUICK, teacher=teacher, kind="distill", on_progress=on_progress)
    assert max(told) == 2


def test_that_stopping_returns_the_best_epoch_so_far() -> None:
    student, options = convolutional(), Distillation(epochs=6, batch_size=32, lr=0.01)
    stopped = train(
        student, DATA, options=options, teacher=None, kind="finetune", on_progress=stopping(14, StopAndKeepBest)
    )
    whole = train(student, DATA, options=options, teacher=None, kind="finetune")
    assert [epoch.number for epoch in stopped.history] == [0, 1, 2]  # six batches an epoch
    assert [epoch.val_accuracy for epoch in stopped.history] == [epoch.val_accuracy for epoch in whole.history[:3]]
    assert accuracy(stopped.model, DATA) == stopped.history[stopped.best_epoch].val_accuracy
    at_once = train(
        student, DATA, options=options, teacher=None, kind="finetune", on_progress=stopping(1, StopAndKeepBest)
    )
    assert at_once.best_epoch == 0
    assert same(at_once.model, student)


def interrupted_and_resumed(run: Callable[[Callable[[Progress], None]], Trained]) -> Trained:
    with pytest.raises(Cancelled):
        run(stopping(9, Cancelled))
    return run(lambda progress: None)


def test_that_a_resumed_training_gives_the_bits_of_an_uninterrupted_one(teacher: Model, tmp_path: Path) -> None:
    student = with_mask(convolutional(4, dropout=0.2), "conv2")
    options = Distillation(epochs=3, batch_size=32, lr=0.01, feature=0.01, attention=0.5)
    whole = train(student, DATA, options=options, teacher=teacher, kind="distill")
    done: list[float] = []

    def run(on_progress: Callable[[Progress], None]) -> Trained:
        def listening(progress: Progress) -> None:
            done.append(progress.done)
            on_progress(progress)

        return train(
            student,
            DATA,
            options=options,
            teacher=teacher,
            kind="distill",
            on_progress=listening,
            checkpoint=tmp_path / "deep" / "state.safetensors",
        )

    resumed = interrupted_and_resumed(run)
    assert same(resumed.model, whole.model)
    assert resumed.best_epoch == whole.best_epoch
    assert [(epoch.loss, epoch.val_accuracy, epoch.trace) for epoch in resumed.history] == [
        (epoch.loss, epoch.val_accuracy, epoch.trace) for epoch in whole.history
    ]
    assert done.count(5) == 1  # the first epoch's batches were not run again
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["state.safetensors"]
    done.clear()
    finished = run(lambda progress: None)
    assert same(finished.model, whole.model)
    assert not any(0 < batch < 18 for batch in done)


def test_that_a_checkpoint_of_another_training_or_a_damaged_one_is_refused(teacher: Model, tmp_path: Path) -> None:
    file = tmp_path / "state.safetensors"
    train(convolutional(), DATA, options=QUICK, teacher=None, kind="finetune", checkpoint=file)
    other = Distillation(epochs=3, batch_size=32, lr=0.02)
    with pytest.raises(UserError, match=r"belongs to another training") as caught:
        train(convolutional(), DATA, options=other, teacher=None, kind="finetune", checkpoint=file)
    assert caught.value.code == "distillation.other_checkpoint"
    with safe_open(file, framework="pt") as opened:
        header = opened.metadata()
    save_file({"module.conv1.weight": torch.zeros(3)}, file, metadata=header)
    with pytest.raises(UserError) as caught:
        train(convolutional(), DATA, options=QUICK, teacher=None, kind="finetune", checkpoint=file)
    assert caught.value.code == "distillation.bad_checkpoint"
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(UserError) as caught:
        train(convolutional(), DATA, options=QUICK, teacher=None, kind="finetune", checkpoint=file)
    assert caught.value.code == "distillation.bad_checkpoint"


@pytest.mark.parametrize(("samples", "size"), [(65, 64), (33, 32), (9, 2), (5, 64), (2, 2)])
def test_that_no_batch_has_a_single_sample(samples: int, size: int) -> None:
    made = batches(np.arange(samples), size)
    assert min(map(len, made)) >= 2
    assert np.array_equal(np.concatenate(made), np.arange(samples))


def test_that_batch_norm_survives_a_batch_size_of_one_and_an_odd_rest(teacher: Model) -> None:
    data = quarters(train=9)
    for size in (1, 8, 500):
        options = Distillation(epochs=1, batch_size=size)
        trained = train(convolutional(), data, options=options, teacher=teacher, kind="distill")
        assert all(bool(torch.isfinite(value).all()) for value in tensors(trained.model).values())


def test_that_the_learning_rate_rises_and_falls_as_a_cosine() -> None:
    rates = [rate(0.1, batch, 100) for batch in range(100)]
    assert rates[0] == pytest.approx(0.1 / 5)
    assert rates[4] == max(rates)
    assert rates[50] == pytest.approx(0.05)
    assert rates[99] == pytest.approx(0.1 * 0.000246720, rel=1e-4)


def test_that_only_weights_decay() -> None:
    weight, bias = nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(2))
    steps = optimizer([weight, bias], lr=0.1)
    for parameter in (weight, bias):
        parameter.grad = torch.zeros_like(parameter)
    steps.step()
    assert weight.flatten().tolist() == pytest.approx([1 - 0.1 * 0.01] * 4)
    assert bias.tolist() == [1, 1]


def test_that_without_labels_the_teacher_alone_teaches_and_accuracy_is_agreement(teacher: Model) -> None:
    data = quarters(labels=False)
    for kind in ("distill", "finetune"):
        trained = train(convolutional(), data, options=ENOUGH, teacher=teacher, kind=kind)  # type: ignore[arg-type]
        assert set(trained.history[1].terms) == {"soft_label"}
        inputs = data.batch(data.val, slice(None))
        ours, theirs = trained.model(inputs), teacher(inputs)
        assert isinstance(ours, torch.Tensor) and isinstance(theirs, torch.Tensor)
        agreement = float((ours.argmax(1) == theirs.argmax(1)).double().mean())
        assert trained.history[trained.best_epoch].val_accuracy == agreement
        assert agreement > 0.75


def test_that_fine_tuning_with_labels_does_not_listen_to_the_teacher(teacher: Model) -> None:
    alone = train(convolutional(), DATA, options=QUICK, teacher=None, kind="finetune")
    beside = train(convolutional(), DATA, options=QUICK, teacher=teacher, kind="finetune")
    without = train(convolutional(), DATA, options=QUICK, teacher=None, kind="distill")
    assert same(alone.model, beside.model)
    assert same(alone.model, without.model)
    assert set(alone.history[1].terms) == {"cross_entropy"}


def test_that_a_softmax_at_the_end_is_trained_through_its_logits(teacher: Model) -> None:
    nodes = [("flat", nn.Flatten(), ""), ("fc", nn.Linear(64, 4), "")]
    plain, ending = network((1, 8, 8), nodes), network((1, 8, 8), [*nodes, ("soft", nn.Softmax(dim=1), "")])
    one = train(plain, DATA, options=QUICK, teacher=None, kind="finetune").model
    other = train(ending, DATA, options=QUICK, teacher=None, kind="finetune").model
    assert same(one, other)


def test_that_divergence_says_what_to_do() -> None:
    data = dataclasses.replace(DATA, mean=(0.0,), std=(1e-38,))
    with pytest.raises(UserError) as caught:
        train(convolutional(batch_norm=False), data, options=QUICK, teacher=None, kind="finetune")
    assert caught.value.code == "distillation.diverged"
    assert "learning rate" in str(caught.value)


def test_that_no_epochs_give_the_student_back(teacher: Model) -> None:
    student = convolutional()
    trained = train(student, DATA, options=Distillation(epochs=0), teacher=teacher, kind="distill")
    assert same(trained.model, student)
    assert trained.history == ()


def test_that_without_a_validation_split_the_last_epoch_is_kept() -> None:
    data = quarters(val=0)
    trained = train(convolutional(), data, options=QUICK, teacher=None, kind="finetune")
    assert trained.best_epoch == 3
    assert trained.history[3].val_accuracy is None
