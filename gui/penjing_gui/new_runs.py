"""Where runs come from: what the sliders hold, a training or a sweep becomes one here, and gets its number and name."""

from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec
from PySide6.QtCore import QCoreApplication

from penjing.plan import Plan
from penjing.project.values import Run, RunKind
from penjing.results import Epoch, Figures


def new_run(
    earlier: Iterable[Run], kind: RunKind, id: str, plan: Plan, figures: Figures, *, parent: str | None = None
) -> Run:
    """A run of now, numbered after the earlier ones of its kind; its accuracy is that of its figures.

    A number is never given twice, also when the run that had it is taken away.
    """
    number = 1 + max((run.number for run in earlier if run.kind == kind), default=0)
    created = datetime.now(UTC).isoformat(timespec="seconds")
    return Run(
        id=id,
        kind=kind,
        number=number,
        created=created,
        plan=plan,
        figures=figures,
        accuracy=figures.accuracy,
        parent=parent,
    )


def has_network(run: Run, history: tuple[Epoch, ...]) -> Run:
    """A run whose folder holds its network, with what its training came to, epoch by epoch."""
    # Losses of single batches are in the folder of the run; here they would be written at every autosave.
    epochs = tuple(msgspec.structs.replace(epoch, trace={}) for epoch in history)
    return msgspec.structs.replace(run, has_network=True, history=epochs)


def run_name(run: Run) -> str:
    """What a person called it; else its kind and number, in the language that the window speaks now."""
    if run.name:
        return run.name
    names: dict[RunKind, str] = {
        "fit": _tr("Fitted {number}"),
        "finetune": _tr("Fine-tuned {number}"),
        "qat": _tr("QAT {number}"),
        "distill": _tr("Distilled {number}"),
        "kept": _tr("Kept {number}"),
        "sweep": _tr("Sweep {number}"),
    }
    return names[run.kind].format(number=run.number)


def _tr(text: str) -> str:
    return QCoreApplication.translate("runs", text)
