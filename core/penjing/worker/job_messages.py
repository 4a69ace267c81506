"""What the window asks of a job, and what the job answers."""

from typing import Literal

import msgspec

from penjing.errors import Note
from penjing.layer_graph import LayerGraph
from penjing.model.c_kernels.parts import Kernels, Rounding
from penjing.plan import Plan
from penjing.planning.fit import Budgets, FitResult
from penjing.planning.study import SweepRun
from penjing.results import Epoch, Figures, Progress, RunResult, StepResult
from penjing.worker.message import Message, Value

# ------------------------------------------------------------------------------------------------- window → job

JobKind = Literal["fit", "compress", "train", "export", "sweep"]


class RunJob(Message, frozen=True, kw_only=True):
    """The one piece of work of a job process → `JobProgress`…, `JobEpoch`…, then one of the four ends.

    `fit` finds a plan (`device`, `budgets`) → `FitResult`. `train` runs the plan with its training steps and keeps the
    network → `Trained`. `compress` runs the plan, exports and verifies → `RunResult`; `export` is the same without
    training, and with `run` it exports the network that an earlier `train` left. `sweep` tries plans → `JobFound` for
    each, those of an earlier sweep of the same network, data and device first.
    """

    kind: JobKind
    snapshot: str
    plan: Plan = Plan()
    device: str | None = None
    budgets: Budgets = Budgets()
    formats: tuple[str, ...] = ()
    """Empty: the device's format, `onnx` and `penjingnet`."""
    rounding: Rounding = "single"
    kernels: Kernels = "generated"
    """Of exported C, both."""
    output: str | None = None
    """The folder to write, as a whole or not at all: `train`, `compress`, `export`. `sweep`: the folder in which each
    network's sweep has one of its own, and goes on there."""
    trials: int = 0
    """`sweep`: runs to add."""
    scheduler: str | None = None
    """`sweep`: the address of a Dask scheduler whose workers try the plans; None: this process does."""
    run: str | None = None
    """`export`: the folder that a `train` job wrote; `plan` is then that of the run."""
    checkpoint: str | None = None
    """`train`, `compress`: a folder in which training keeps its state after every epoch. A job with the same plan and
    snapshot that finds it goes on from there to bit for bit the same weights; when the job is done it is removed."""
    model_source: str = ""
    """As the person named the model; for reports. Empty: what the snapshot says."""
    language: str = "en"


class Pause(Message, frozen=True, kw_only=True):
    """Hold the work at the next batch until `Resume`; time spent waiting counts as none."""


class Resume(Message, frozen=True, kw_only=True):
    """Go on."""


class StopAndKeepBest(Message, frozen=True, kw_only=True):
    """End a training at the next batch with its best epoch so far; what follows it in the pipeline still runs."""


class Cancel(Message, frozen=True, kw_only=True):
    """Give up and leave nothing behind but the checkpoint → `JobCancelled`; also what the end of the stream means."""


# ------------------------------------------------------------------------------------------------- job → window


class JobProgress(Message, frozen=True, kw_only=True):
    """How far it is, at most some ten times a second; `progress.values` are numbers for live curves.

    The stages `finetune`, `qat` and `distill` tell `loss`, each term of it, `lr` and `epoch`.
    """

    progress: Progress
    seconds: float
    """Since the stage began, without pauses."""
    left: float | None
    """Seconds until the stage ends, if that can be said yet."""


class JobEpoch(Message, frozen=True, kw_only=True):
    """An epoch is done; a resumed training tells those of before, too."""

    step: str
    """`finetune`, `qat` or `distill`."""
    epoch: Epoch


class JobFound(Message, frozen=True, kw_only=True):
    """A plan that a sweep tried; whether it is of the front is for who knows them all."""

    run: SweepRun


class JobPaused(Message, frozen=True, kw_only=True):
    """Whether the job stands still now."""

    paused: bool


class Trained(msgspec.Struct, frozen=True, kw_only=True):
    """A network that a `train` job made; `run.json` in its folder holds the same.

    The network itself is `model.penjingnet` in the folder: masks and quantizers hold, weights lie on their grids.
    """

    folder: str
    plan: Plan
    graph: LayerGraph
    """Of the network after the plan, batch norm as loaded: what exact figures count."""
    baseline: Figures
    compressed: Figures
    """With the accuracy on validation data."""
    steps: tuple[StepResult, ...]
    history: tuple[Epoch, ...]
    """Of every training step in turn; epoch 0 is the network before the step."""
    seconds: float
    warnings: tuple[Note, ...] = ()


class JobDone(Message, frozen=True, kw_only=True):
    """The work is done; one of the results is there, but of a sweep, which has told its runs. The process ends."""

    kind: JobKind
    fit: FitResult | None = None
    run: RunResult | None = None
    trained: Trained | None = None


class JobCancelled(Message, frozen=True, kw_only=True):
    """The work was given up and its half-written files are gone. The process ends."""


class JobFailed(Message, frozen=True, kw_only=True):
    """Something that the person can mend stopped the work. The process ends."""

    code: str
    values: dict[str, Value]
