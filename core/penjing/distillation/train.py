"""Every kind of training: fine-tuning, distillation, quantization-aware training; values in, a new model out.

>>> trained = train(student, data, options=Distillation(), teacher=original, kind="distill")  # doctest: +SKIP
>>> trained.history[trained.best_epoch].val_accuracy                                          # doctest: +SKIP
"""

from dataclasses import dataclass
from pathlib import Path

import torch

from penjing.compression.folding import fold_batch_norm
from penjing.distillation.lesson import Kind, prepare
from penjing.distillation.network import Method
from penjing.distillation.training import Thinning, Training
from penjing.errors import UserError
from penjing.loading.dataset import Dataset
from penjing.model.model import Model
from penjing.plan import Distillation
from penjing.results import Epoch, OnProgress, unheard


class StopAndKeepBest(Exception):  # noqa: N818 (an outcome that the user asked for)
    """Raised by an `on_progress`: the training ends now and gives the best epoch so far."""


@dataclass(frozen=True, kw_only=True)
class Trained:
    """The best epoch's network and the way there."""

    model: Model
    history: tuple[Epoch, ...]
    """Epoch 0 (the student as it came) first."""
    best_epoch: int
    seconds: float


def train(
    student: Model,
    data: Dataset,
    *,
    options: Distillation,
    teacher: Model | None,
    kind: Kind,
    method: str | None = None,
    on_progress: OnProgress = unheard,
    checkpoint: Path | None = None,
    masters: Model | None = None,
    thinning: Thinning | None = None,
) -> Trained:
    """A student that has learnt; the one given is not changed.

    Pruned weights stay zero, shared ones shared and quantized tensors quantized, whatever the kind. The epoch with the
    best validation accuracy is kept, the later of equal ones; the untouched student is a candidate too. Same seed,
    one thread: the same weights, bit by bit, also when resumed.

    Args:
        student: The network to teach; its masks and quantizers hold.
        data: Train and validation splits; without labels the teacher's answers are the truth.
        options: Loss weights, epochs, learning rate, batch size, seed.
        teacher: None teaches with the labels alone; `finetune` asks it only where there are no labels.
        kind: `qat` does nothing to a student in which nothing is quantized.
        method: How scales are treated: `ste` (the default) or `lsq`.
        on_progress: Stage `train`, in batches; values `loss`, each term, `lr`, `epoch`. A whole epoch is told without
            `lr` and with `val_accuracy`; so are epoch 0, before the first, and those of before a resume. It may raise
            `Cancelled` or `StopAndKeepBest`.
        checkpoint: Written after every epoch, read first where it exists; who is done with it removes it.
        masters: The float network that the student was quantized from, if it is at hand (batch norm folded or not):
            its weights are where the trained ones start. At 2 bits a grid alone forgets nearly everything.
        thinning: Weights to prune on the way (Zhu & Gupta 2017): asked for masks at the start of every epoch, of the
            float weights, at a progress that reaches 1 after two thirds of the epochs. Only the network with all
            masks is a candidate then, and stopping early prunes what is left at once.

    Raises:
        UserError: those of `lesson.prepare` and of `read_checkpoint`, `distillation.unknown_method`, and
            `distillation.diverged`.
    """
    chosen = _method(method)
    quantized = bool(student.weight_quantizers or student.activation_quantizers or student.codebooks)
    if options.epochs == 0 or (kind == "qat" and not quantized):
        return Trained(model=student.copy(), history=(), best_epoch=0, seconds=0.0)
    lesson = prepare(student, data, options, teacher, kind)
    with torch.random.fork_rng(devices=[]):
        training = Training(student, data, lesson, method=chosen, on_progress=on_progress, thinning=thinning)
        if masters is not None:
            training.network.start_from(fold_batch_norm(masters))
        try:
            training.begin(checkpoint)
            for epoch in tuple(training.history):
                training.tell_epoch(epoch)
            while training.epoch < options.epochs:
                training.next_epoch()
                training.save(checkpoint)
                training.tell_epoch(training.history[-1])
        except StopAndKeepBest:
            pass
        training.ripen()
    return Trained(
        model=training.best,
        history=tuple(training.history),
        best_epoch=training.best_epoch,
        seconds=training.seconds,
    )


def _method(method: str | None) -> Method:
    if method is None or method == "ste":
        return "ste"
    if method == "lsq":
        return "lsq"
    raise UserError("distillation.unknown_method", value=method, known="ste, lsq")
