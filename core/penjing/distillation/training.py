"""One run of a training, epoch by epoch: everything that changes while it runs."""

import math
import time
from collections.abc import Callable, Mapping
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
from penjing.loading.dataset import Dataset, Split
from penjing.model.model import Model
from penjing.results import Epoch, OnProgress, Progress

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
        self.network = Student(student, method=method, freeze_batch_norm=self.options.batch_size == 1)
        self.teacher = None if lesson.teacher is None else _watched(lesson.teacher)
        self.total = self.options.epochs * len(batches(np.arange(len(data.train)), self.options.batch_size))
        self.done = 0
        self.axes = movable(data.train.x.shape, self.options.shift, channel_axis=data.channel_axis)
        self.targets: Tensor | None = None
        """What the teacher says to every example as it may be moved, [examples, moves, classes], if it is kept."""
        self.reference: Tensor | None = None
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
            if not data.has_labels:
                self.reference = self._predicted(simulate(self.lesson.teacher), data.val)
        self.regressors = self._fitted()
        self.optimizer = optimizer(self._moved(), lr=options.lr)
        facts = (self.method, len(data.train), len(data.val), self.lesson.pairs)
        said = {} if self.targets is None else {"said": self.targets}
        self.fingerprint = fingerprint(options, self.network.state() | said, *facts)
        found = None if checkpoint is None else read_checkpoint(checkpoint, self.fingerprint)
        if found is None:
            self.history.append(Epoch(number=0, val_accuracy=self._accuracy(self.best)))
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
        for indices in batches(order, self.options.batch_size):
            values = self._step(indices)
            for name, value in values.items():
                sums[name] = sums.get(name, 0.0) + value * len(indices) / len(order)
            self.done += 1
            self._tell({**values, "lr": rate(self.options.lr, self.done - 1, self.total), "epoch": float(number)})
        candidate = self.network.model()
        if not all(bool(torch.isfinite(tensor).all()) for tensor in self.network.state().values()):
            raise self._diverged()
        accuracy = self._accuracy(candidate)
        best = self.history[self.best_epoch].val_accuracy
        later = number > self.first and (accuracy is None or best is None or accuracy >= best)
        if number == self.first or later:
            self.best, self.best_epoch = candidate, number
        loss = sums.pop("loss")
        seconds = time.monotonic() - started
        self.history.append(Epoch(number=number, val_accuracy=accuracy, loss=loss, terms=sums, seconds=seconds))

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
        self._tell({**loss, **epoch.terms, "epoch": float(epoch.number), **shown})

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
        values = self.data.batch(self.data.train, indices)
        moves = drawn(len(values), self.axes, self.options.shift)
        values = moved(values, self.axes, moves)
        for group in self.optimizer.param_groups:
            group["lr"] = rate(self.options.lr, self.done, self.total)
        student, ours = self.network.forward(values, [pair[1] for pair in self.lesson.pairs])
        place = place_of(moves, self.options.shift)
        loss, terms = mixture(self._batch(indices, values, place, student, ours))
        if not math.isfinite(loss.item()):
            raise self._diverged()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.network.hold_masks()
        self.optimizer.step()
        self.network.clear_masked()
        return {"loss": loss.item(), **{name: term.item() for name, term in terms.items()}}

    def _batch(
        self, indices: Indices, values: Tensor, place: Tensor, student: Tensor, ours: dict[str, Tensor]
    ) -> Batch:
        labels, chosen = self.data.train.y if self.data.has_labels else None, torch.from_numpy(indices)
        theirs: dict[str, Tensor] = {}
        targets = None if self.targets is None else self.targets[chosen, place]
        if self.teacher is not None and (self.lesson.pairs or targets is None):
            said, theirs = self.teacher.watch(values, [pair[0] for pair in self.lesson.pairs])
            targets = said if targets is None else targets
        return Batch(
            student=student,
            options=self.options,
            labels=None if labels is None else torch.from_numpy(labels[indices]),
            teacher=targets,
            student_features=tuple(ours[pair[1]] for pair in self.lesson.pairs),
            teacher_features=tuple(theirs[pair[0]] for pair in self.lesson.pairs),
            regressors=self.regressors,
        )

    def _fitted(self) -> tuple[nn.Module, ...]:
        if self.teacher is None or not self.lesson.pairs:
            return ()
        indices = shuffled(len(self.data.train), seed=self.options.seed, epoch=0)[:_EVALUATION_BATCH]
        values = self.data.batch(self.data.train, indices)
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
            values = self.data.batch(split, slice(start, start + _EVALUATION_BATCH))
            said = [teacher.watch(moved(values, self.axes, one[None]))[0] for one in moves]
            if len(split) * len(moves) * said[0].shape[1] > MOST_ANSWERS and self.options.shift:
                return None
            parts.append(torch.stack(said, dim=1))
            self._tell({})
        return torch.cat(parts)

    def _predicted(self, predict: Predict, split: Split) -> Tensor:
        """The class of every sample of a split."""
        parts = []
        for start in range(0, len(split), _EVALUATION_BATCH):
            result = predict(self.data.batch(split, slice(start, start + _EVALUATION_BATCH)))
            parts.append((result if isinstance(result, Tensor) else result[0]).flatten(1).argmax(1))
            self._tell({})
        return torch.cat(parts)

    def _accuracy(self, model: Model) -> float | None:
        """On the validation split, as the exported network will compute it: top-1, or agreement with the teacher."""
        if not len(self.data.val):
            return None
        predicted = self._predicted(simulate(model), self.data.val)
        labels = self.data.val.y if self.data.has_labels else None
        truth = self.reference if labels is None else torch.from_numpy(labels)
        assert truth is not None
        return float((predicted == truth).double().mean())

    def _moved(self) -> list[nn.Parameter]:
        regressors = (parameter for module in self.regressors for parameter in module.parameters())
        return [*self.network.parameters().values(), *regressors]

    def _tell(self, values: dict[str, float]) -> None:
        self.on_progress(Progress(stage="train", done=self.done, total=self.total, values=values))

    def _diverged(self) -> UserError:
        return UserError("distillation.diverged", epoch=self.epoch + 1, lr=self.options.lr)


def _watched(teacher: Model) -> Network:
    """A teacher of our own in evaluation mode: one left in training mode teaches noise, and its batch norm drifts."""
    copied = teacher.copy()
    copied.module.eval()
    return Network(copied)


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
