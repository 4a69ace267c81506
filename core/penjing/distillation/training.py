"""One run of a training, epoch by epoch: everything that changes while it runs."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from penjing.compression.simulation import Predict, simulate
from penjing.distillation.checkpoint import Standing, fingerprint, read_checkpoint, write_checkpoint
from penjing.distillation.lesson import Lesson
from penjing.distillation.losses.feature import fitted_regressor
from penjing.distillation.losses.table import Batch, mixture
from penjing.distillation.network import Method, Network, Student, kept, restored
from penjing.distillation.pace import Indices, batches, optimizer, rate, shuffled
from penjing.distillation.shifting import drawn, every_move, movable, moved, place_of
from penjing.errors import UserError
from penjing.estimation.measured import classes_of
from penjing.estimation.quality import value_of
from penjing.estimation.scoring import Scorer
from penjing.loading.dataset import Dataset
from penjing.model.model import Model
from penjing.results import Epoch, OnProgress, Progress, traced

_EVALUATION_BATCH = 256
MOST_ANSWERS = 1 << 25
"""Numbers of a teacher's answers that are kept, 128 MiB; else it is asked every time."""

Thinning = Callable[[Model, float], Mapping[str, Tensor]]
"""(the network with its float weights, progress 0..1) → masks by layer; False is a weight that goes."""


class Training:
    """One run of `train`: everything that changes while it runs."""

    def __init__(
        self,
        student: Model,
        data: Dataset,
        lesson: Lesson,
        *,
        method: Method,
        on_progress: OnProgress,
        thinning: Thinning | None = None,
    ) -> None:
        self.options, self.lesson, self.data = lesson.options, lesson, data
        self.method, self.on_progress = method, on_progress
        self.best, self.best_epoch = student.copy(), 0
        self.thinning = thinning
        self.first = 0 if thinning is None else math.ceil(2 * lesson.options.epochs / 3)
        """The first epoch that counts: before it weights are still to be pruned."""
        self.history: list[Epoch] = []
        numbers = lesson.numbers
        self.network = Student(student, method=method, freeze_batch_norm=self.options.batch_size == 1, numbers=numbers)
        self.teacher = None if lesson.teacher is None else _watched(lesson.teacher, numbers=numbers)
        self.scale = _scale(data) if numbers else 1.0
        self.total = self.options.epochs * len(batches(np.arange(len(data.train)), self.options.batch_size))
        self.done = 0
        self.axes = movable(data.train.x.shape, self.options.shift, channel_axis=data.channel_axis)
        self.targets: Tensor | None = None
        """What the teacher says to every example as it may be moved, [examples, moves, classes], if it is kept."""
        self.scorer = Scorer(data, "val")
        self.regressors: tuple[nn.Module, ...] = ()
        self._before, self._started = 0.0, time.monotonic()

    @property
    def epoch(self) -> int:
        """Number of epochs done."""
        return len(self.history) - 1

    @property
    def seconds(self) -> float:
        """Time spent, with what was spent before the training was resumed."""
        return self._before + time.monotonic() - self._started

    def begin(self, checkpoint: Path | None) -> None:
        """What the teacher says, the regressors, the optimizer; then the untouched student or the checkpoint."""
        options, data = self.options, self.data
        if self.teacher is not None and self.lesson.teacher is not None:
            self.targets = self._answers(self.teacher)
            if self.scorer.needs_reference:
                heard = self._heard(simulate(self.lesson.teacher))
                chosen = [classes_of(output, border=data.border) for output, _ in heard]
                reference = np.concatenate(chosen) if chosen else np.zeros(0, np.int64)
                self.scorer = Scorer(data, "val", reference=reference)
        self.regressors = self._fitted()
        self.optimizer = optimizer(self._moved(), lr=options.lr)
        facts = (self.method, len(data.train), len(data.val), self.lesson.pairs)
        said = {} if self.targets is None else {"said": self.targets}
        self.fingerprint = fingerprint(options, self.network.state() | said, *facts)
        found = None if checkpoint is None else read_checkpoint(checkpoint, self.fingerprint)
        if found is None:
            self.history.append(Epoch(number=0, val_accuracy=self._accuracy(self.best), metric=self.scorer.metric.id))
            return
        try:
            self._resume(*found)
        except (KeyError, ValueError, RuntimeError) as error:  # a header that fits, tensors that do not
            raise UserError("distillation.bad_checkpoint", path=checkpoint, detail=error) from error

    def next_epoch(self) -> None:
        """One pass over the training split, then the validation."""
        started, number = time.monotonic(), self.epoch + 1
        if self.thinning is not None:
            self.network.prune(self.thinning(self.network.masters(), min(1.0, number / self.first)))
        order = shuffled(len(self.data.train), seed=self.options.seed, epoch=number)
        sums: dict[str, float] = {}
        trace: dict[str, list[float]] = {}
        parts = batches(order, self.options.batch_size)
        chosen = frozenset(traced(len(parts)))
        for batch, indices in enumerate(parts, start=1):
            values = self._step(indices)
            for name, value in values.items():
                sums[name] = sums.get(name, 0.0) + value * len(indices) / len(order)
                if batch in chosen:
                    trace.setdefault(name, []).append(value)
            self.done += 1
            self._tell({**values, "lr": rate(self.options.lr, self.done - 1, self.total), "epoch": float(number)})
        candidate = self.network.model()
        if not all(bool(torch.isfinite(tensor).all()) for tensor in self.network.state().values()):
            raise self._diverged()
        accuracy = self._accuracy(candidate)
        best = self.history[self.best_epoch].val_accuracy
        later = number > self.first and (accuracy is None or best is None or self._as_good(accuracy, best))
        if number == self.first or later:
            self.best, self.best_epoch = candidate, number
        loss = sums.pop("loss")
        seconds = time.monotonic() - started
        metric = self.scorer.metric.id
        self.history.append(
            Epoch(
                number=number,
                val_accuracy=accuracy,
                loss=loss,
                terms=sums,
                batches=len(parts),
                trace={name: tuple(told) for name, told in trace.items()},
                seconds=seconds,
                metric=metric,
            )
        )

    def _as_good(self, value: float, best: float) -> bool:
        how = self.scorer.metric
        return how.goodness(value) >= how.goodness(best)

    def ripen(self) -> None:
        """Where a training ends before everything is pruned: prune the rest and take the network as it is."""
        if self.thinning is None or self.best_epoch >= self.first:
            return
        self.network.prune(self.thinning(self.network.masters(), 1.0))
        self.best, self.best_epoch = self.network.model(), self.epoch

    def tell_epoch(self, epoch: Epoch) -> None:
        """What a whole epoch came to; unlike that of a batch it has no `lr`."""
        loss = {} if epoch.loss is None else {"loss": epoch.loss}
        shown = {} if epoch.val_accuracy is None else {"val_accuracy": epoch.val_accuracy}
        self._tell({**loss, **epoch.terms, "epoch": float(epoch.number), **shown}, epoch)

    def save(self, checkpoint: Path | None) -> None:
        """Everything that the next epoch depends on."""
        if checkpoint is None:
            return
        tensors = self.network.state() | {f"best.{name}": value for name, value in kept(self.best).items()}
        for place, regressor in enumerate(self.regressors):
            tensors |= {f"regressor.{place}.{name}": value for name, value in regressor.state_dict().items()}
        for place, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{place}.{name}": value for name, value in state.items()}
        standing = Standing(
            fingerprint=self.fingerprint,
            history=tuple(self.history),
            best_epoch=self.best_epoch,
            seconds=self.seconds,
        )
        write_checkpoint(checkpoint, standing, tensors)

    def _resume(self, standing: Standing, tensors: dict[str, Tensor]) -> None:
        self.network.load({name: tensor for name, tensor in tensors.items() if not name.startswith("best.")})
        for place, regressor in enumerate(self.regressors):
            regressor.load_state_dict(_under(tensors, f"regressor.{place}."))
        state = self.optimizer.state_dict()
        moved: dict[int, dict[str, Tensor]] = {}
        for name, tensor in _under(tensors, "optimizer.").items():
            index, field = name.split(".", 1)
            moved.setdefault(int(index), {})[field] = tensor
        self.optimizer.load_state_dict({"state": moved, "param_groups": state["param_groups"]})
        self.best = restored(self.best, _under(tensors, "best."))
        self.best_epoch, self.history = standing.best_epoch, list(standing.history)
        self.done = self.epoch * self.total // self.options.epochs
        self._before = standing.seconds

    def _step(self, indices: Indices) -> dict[str, float]:
        """One batch: forward, backward, a step of the optimizer."""
        values, *others = self.data.inputs(self.data.train, indices)
        moves = drawn(len(values), self.axes, self.options.shift)
        values = moved(values, self.axes, moves)
        inputs = (values, *others)
        for group in self.optimizer.param_groups:
            group["lr"] = rate(self.options.lr, self.done, self.total)
        student, ours = self.network.forward(inputs, [pair[1] for pair in self.lesson.pairs])
        place = place_of(moves, self.options.shift)
        loss, terms = mixture(self._batch(indices, inputs, place, student, ours))
        if not math.isfinite(loss.item()):
            raise self._diverged()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.network.hold_masks()
        self.optimizer.step()
        self.network.clear_masked()
        return {"loss": loss.item(), **{name: term.item() for name, term in terms.items()}}

    def _batch(
        self, indices: Indices, inputs: tuple[Tensor, ...], place: Tensor, student: Tensor, ours: dict[str, Tensor]
    ) -> Batch:
        numbers, told = self.lesson.numbers, self.lesson.labelled
        labels, chosen = self.data.train.y if told and not numbers else None, torch.from_numpy(indices)
        theirs: dict[str, Tensor] = {}
        targets = None if self.targets is None else self.targets[chosen, place]
        if self.teacher is not None and (self.lesson.pairs or targets is None):
            said, theirs = self.teacher.watch(inputs, [pair[0] for pair in self.lesson.pairs])
            targets = said if targets is None else targets
        return Batch(
            student=student,
            options=self.options,
            labels=None if labels is None else torch.from_numpy(labels[indices]),
            teacher=targets,
            numbers=numbers,
            targets=self._wanted(indices, inputs[0]) if numbers and told else None,
            scale=self.scale,
            student_features=tuple(ours[pair[1]] for pair in self.lesson.pairs),
            teacher_features=tuple(theirs[pair[0]] for pair in self.lesson.pairs),
            regressors=self.regressors,
        )

    def _wanted(self, indices: Indices, values: Tensor) -> Tensor:
        """The numbers that are right; what gives its input back gives it back as it was moved."""
        split = self.data.train
        if self.data.reconstructs:
            return values.flatten(1)
        if split.targets is None:
            assert split.y is not None
            return torch.from_numpy(split.y[indices].astype(np.float32))[:, None]
        return self.data.wanted(split, indices)

    def _fitted(self) -> tuple[nn.Module, ...]:
        if self.teacher is None or not self.lesson.pairs:
            return ()
        indices = shuffled(len(self.data.train), seed=self.options.seed, epoch=0)[:_EVALUATION_BATCH]
        values = self.data.inputs(self.data.train, indices)
        _, ours = Network(self.best).watch(values, [pair[1] for pair in self.lesson.pairs])
        _, theirs = self.teacher.watch(values, [pair[0] for pair in self.lesson.pairs])
        return tuple(fitted_regressor(ours[pair[1]], theirs[pair[0]]) for pair in self.lesson.pairs)

    def _answers(self, teacher: Network) -> Tensor | None:
        """Logits of the whole training split under every move; None where asking every time takes less.

        A sample's batch is always the same, so that resuming sees the same bits.
        """
        moves, split = every_move(self.axes, self.options.shift), self.data.train
        if len(moves) > self.options.epochs or (self.lesson.pairs and self.options.shift):
            return None
        parts: list[Tensor] = []
        for start in range(0, len(split), _EVALUATION_BATCH):
            values, *others = self.data.inputs(split, slice(start, start + _EVALUATION_BATCH))
            said = [teacher.watch((moved(values, self.axes, one[None]), *others))[0] for one in moves]
            if len(split) * len(moves) * said[0].shape[1] > MOST_ANSWERS and self.options.shift:
                return None
            parts.append(torch.stack(said, dim=1))
            self._tell({})
        return torch.cat(parts)

    def _heard(self, predict: Predict) -> Iterator[tuple[Tensor, Indices]]:
        """What a network says to the validation split, batch by batch, and the places in it."""
        split = self.data.val
        for start in range(0, len(split), _EVALUATION_BATCH):
            indices = np.arange(start, min(start + _EVALUATION_BATCH, len(split)))
            result = predict(*self.data.inputs(split, slice(start, start + _EVALUATION_BATCH)))
            yield (result if isinstance(result, Tensor) else result[0]), indices
            self._tell({})

    def _accuracy(self, model: Model) -> float | None:
        """On the validation split, as the exported network will compute it, by the metric of the data."""
        if not len(self.data.val):
            return None
        scores = [self.scorer.scores(output, indices) for output, indices in self._heard(simulate(model))]
        return value_of(self.scorer.metric, np.concatenate(scores), self.scorer.against)

    def _moved(self) -> list[nn.Parameter]:
        regressors = (parameter for module in self.regressors for parameter in module.parameters())
        return [*self.network.parameters().values(), *regressors]

    def _tell(self, values: dict[str, float], epoch: Epoch | None = None) -> None:
        self.on_progress(Progress(stage="train", done=self.done, total=self.total, values=values, epoch=epoch))

    def _diverged(self) -> UserError:
        return UserError("distillation.diverged", epoch=self.epoch + 1, lr=self.options.lr)


def _scale(data: Dataset) -> float:
    """The squared error of a constant answer on the training split."""
    split = data.train
    if data.has_values:
        parts = [data.wanted(split, slice(start, start + 1024)).double() for start in range(0, len(split), 1024)]
        values = torch.cat(parts)
    else:
        assert split.y is not None
        values = torch.from_numpy(split.y).double()[:, None]
    found = float((values - values.mean(dim=0)).square().mean())
    return found if found > 0 else 1.0


def _watched(teacher: Model, *, numbers: bool) -> Network:
    """A teacher of our own in evaluation mode: one left in training mode teaches noise, and its batch norm drifts."""
    copied = teacher.copy()
    copied.module.eval()
    return Network(copied, numbers=numbers)


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
