"""What the window, the engine and the jobs say to each other: plain values, no tensors, no torch.

Every message is a tagged struct, MessagePack on the wire (`frames`). `request` numbers are the window's: an answer
carries the number of what it answers, and so do its failures. `generation` numbers plans: the newest wins, older ones
are dropped or stopped within one batch, and the window ignores what still arrives about them.

Big arrays lie in files of the folder that the window owns (`exchange`): a message names the `file` and, for each
array, its place in it.

>>> decode_to_engine(encode(Measure(generation=3, plan=Plan()))).generation
3
"""

from typing import Any, Literal

import msgspec

from penjing.layer_graph import LayerGraph
from penjing.plan import Plan
from penjing.planning.fit import Budgets, FitResult
from penjing.results import Accuracy, Epoch, Figures, Progress, RunResult, StepResult

SplitName = Literal["train", "val", "test"]
Value = str | int | float
"""What fills a placeholder of a text for people."""


class Message(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Anything that crosses the wire."""


class Array(msgspec.Struct, frozen=True, kw_only=True):
    """The place of one array in a file of the exchange folder; C order."""

    shape: tuple[int, ...]
    dtype: str
    """As numpy writes it, for example `<f4`."""
    offset: int
    """Bytes from the start of the file."""


# ---------------------------------------------------------------------------------------------- window → engine


class OpenSource(Message, frozen=True, kw_only=True):
    """Open a network and its data → `OpenProgress`… `Opened`, `Tables`, then `Baseline`… ; else `Failed`.

    What was open before stays open until `Opened` is sent, and after a failure; but a plan that is being measured or
    waits for it is dropped.
    """

    request: int
    source: str
    """A file, or `sample:NAME`."""
    data: str | None = None
    """A file or folder, or `sample:NAME`; None: a sample's own data, else none."""
    architecture: str | None = None
    allow_code: bool = False
    most_bytes: int | None = None
    """How much more memory reading may take; None: four fifths of what is free."""


class CancelOpen(Message, frozen=True, kw_only=True):
    """Forget an `OpenSource` that is running → `Failed` with code `worker.cancelled`.

    A parser that is deep in one file looks up only when it is done; who cannot wait restarts the engine.
    """

    request: int


class Measure(Message, frozen=True, kw_only=True):
    """Measure the accuracy that `plan` gives without training → `Measured`… ; a newer generation supersedes it."""

    generation: int
    plan: Plan
    split: SplitName = "val"
    full: bool = True
    """False: stop as soon as more samples would change the value by less than half a percentage point (95 %)."""


class WantTables(Message, frozen=True, kw_only=True):
    """Scores that the exact tier still lacks (`estimation.tables.wanted`) → `Tables` with just these."""

    request: int
    filters: tuple[tuple[str, str], ...] = ()
    """(layer, filter criterion)."""
    weights: tuple[tuple[str, str], ...] = ()
    """(layer, criterion)."""


class WantSaliency(Message, frozen=True, kw_only=True):
    """One layer's weights or scores as a picture → `Saliency`."""

    request: int
    layer: str
    criterion: str | None = None
    """A weight criterion; None: the weights themselves, signed."""


class WantSamples(Message, frozen=True, kw_only=True):
    """Examples as the network takes them → `Samples`."""

    request: int
    indices: tuple[int, ...]
    split: SplitName = "val"


class Snapshot(Message, frozen=True, kw_only=True):
    """Write what is open into a new folder, for jobs → `SnapshotWritten`."""

    request: int
    folder: str
    """Does not exist yet; in the exchange folder, or wherever there is room."""


class JobRuns(Message, frozen=True, kw_only=True):
    """Whether a job runs beside the engine, which then keeps to one thread instead of two."""

    running: bool


class Shutdown(Message, frozen=True, kw_only=True):
    """End; also what the end of the stream means."""


ToEngine = (
    OpenSource
    | CancelOpen
    | Measure
    | WantTables
    | WantSaliency
    | WantSamples
    | Snapshot
    | JobRuns
    | Shutdown
)  # fmt: skip

# ---------------------------------------------------------------------------------------------- engine → window


class Ready(Message, frozen=True, kw_only=True):
    """The process has loaded its libraries and listens; of engine and job."""

    pid: int
    seconds: float
    """Since the process began."""


class State(Message, frozen=True, kw_only=True):
    """What the engine is at; sent when it changes."""

    state: Literal["idle", "opening", "measuring", "working"]


class OpenProgress(Message, frozen=True, kw_only=True):
    """How far opening is."""

    request: int
    stage: Literal["model", "data", "graph", "tables"]
    done: int
    total: int


class DataSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What the window says about the data."""

    title: str
    source: str
    """`sample:NAME`, or the absolute path; for jobs and reports."""
    classes: tuple[str, ...]
    sizes: dict[SplitName, int]
    metric: Literal["top1", "agreement"]
    has_labels: bool
    split_rule: str
    example_shape: tuple[int, ...]
    """As the network takes it, without the batch."""


class SampleFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a sample's card recommends."""

    name: str
    title: str
    description: str
    device: str
    flash: str
    """A size as people write it, for example `64KiB`; so is `ram`."""
    ram: str
    source: str
    licence: str
    plan: Plan
    """At which the sliders open, with the teaching that the card recommends."""


class Opened(Message, frozen=True, kw_only=True):
    """The network as values. `Tables` and, where there is data, `Baseline` follow."""

    request: int
    graph: LayerGraph
    title: str
    """Of the sample, else the file's name: data, never markup."""
    data: DataSummary | None
    sample: SampleFacts | None
    warnings: tuple[str, ...]
    """Message codes."""


class Baseline(Message, frozen=True, kw_only=True):
    """The accuracy of the network as loaded, on validation data; after every batch until `final`."""

    request: int
    accuracy: Accuracy
    final: bool
    per_class: tuple[float | None, ...] = ()
    """When `final`: accuracy on each class, None where it has no sample."""


class Tables(Message, frozen=True, kw_only=True):
    """Numbers for the exact tier and the plots; `client.Worker.map` reads them, `read_tables` makes them `Tables`.

    The first, sent unasked with the request of `OpenSource`, holds for every compressible layer: its sorted weights,
    sorted magnitudes, rounding errors, and filter scores: of small layers under every criterion that needs no data, of
    large ones under the two that plans start with. All else comes on request.
    """

    request: int
    file: str
    values: dict[str, Array] = {}
    """By layer: all weights, ascending, float32 [n]: histograms are look-ups in it (`inspection.distribution`)."""
    filter_scores: dict[str, dict[str, Array]] = {}
    """By layer and criterion: float32 [out]."""
    weight_scores: dict[str, dict[str, Array]] = {}
    """By layer and criterion: float32, shaped like the weight."""
    sorted_scores: dict[str, dict[str, Array]] = {}
    """By layer and criterion: float32 [n], ascending; the place of θ is the number of weights that it zeroes."""
    bit_errors: dict[str, dict[int, float]] = {}
    """By layer and bits: Σ(w - ŵ)² / Σw², one symmetric scale a filter."""


class Saliency(Message, frozen=True, kw_only=True):
    """A layer's scores or weights as a picture."""

    request: int
    layer: str
    criterion: str | None
    file: str
    block: Array
    """float32 [out, in · kernel]."""


class Samples(Message, frozen=True, kw_only=True):
    """Examples of a split."""

    request: int
    split: SplitName
    indices: tuple[int, ...]
    file: str
    values: Array
    """float32 [n, …], as the network takes them."""
    labels: tuple[int, ...] | None
    chosen: tuple[int, ...]
    """The classes that the network as loaded chooses."""


class SnapshotWritten(Message, frozen=True, kw_only=True):
    """The folder can be given to jobs; who asked for it removes it."""

    request: int
    folder: str


class Measured(Message, frozen=True, kw_only=True):
    """The accuracy of a plan so far; `accuracy.n` samples have been looked at.

    The value is the baseline's on the whole split plus the mean change on the samples seen so far; the interval is that
    of the whole split, widened by what the unseen samples may still change. The last one of a full measurement is the
    plain accuracy on the whole split.
    """

    generation: int
    accuracy: Accuracy
    final: bool
    per_class: tuple[float | None, ...] = ()
    """When `final` and full: accuracy on each class, None where it has no sample."""
    warnings: tuple[str, ...] = ()
    """Message codes of the steps that made the network."""


class Failed(Message, frozen=True, kw_only=True):
    """Something that the person can mend; texts by `errors.UserError(code, **values)`."""

    code: str
    values: dict[str, Value]
    request: int | None = None
    generation: int | None = None


class Crashed(Message, frozen=True, kw_only=True):
    """A bug: the traceback, to be shown with a way to copy it. The process goes on if it can."""

    text: str
    request: int | None = None
    generation: int | None = None


FromEngine = (
    Ready
    | State
    | OpenProgress
    | Opened
    | Baseline
    | Tables
    | Saliency
    | Samples
    | SnapshotWritten
    | Measured
    | Failed
    | Crashed
)  # fmt: skip

# ------------------------------------------------------------------------------------------------- window → job

JobKind = Literal["fit", "compress", "train", "export"]


class RunJob(Message, frozen=True, kw_only=True):
    """The one piece of work of a job process → `JobProgress`…, `JobEpoch`…, then one of the four ends.

    `fit` finds a plan (`device`, `budgets`) → `FitResult`. `train` runs the plan with its training steps and keeps the
    network → `Trained`. `compress` runs the plan, exports and verifies → `RunResult`; `export` is the same without
    training, and with `run` it exports the network that an earlier `train` left.
    """

    kind: JobKind
    snapshot: str
    plan: Plan = Plan()
    device: str | None = None
    budgets: Budgets = Budgets()
    formats: tuple[str, ...] = ()
    """Empty: the device's format, `onnx` and `penjingnet`."""
    output: str | None = None
    """The folder to write, as a whole or not at all: `train`, `compress`, `export`."""
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


ToJob = RunJob | Pause | Resume | StopAndKeepBest | Cancel

# ------------------------------------------------------------------------------------------------- job → window


class JobProgress(Message, frozen=True, kw_only=True):
    """How far it is, at most some 20 times a second; `progress.values` are numbers for live curves.

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
    warnings: tuple[str, ...] = ()
    """Message codes."""


class JobDone(Message, frozen=True, kw_only=True):
    """The work is done; exactly one of the results is there. The process ends."""

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


FromJob = Ready | JobProgress | JobEpoch | JobPaused | JobDone | JobCancelled | JobFailed | Crashed

# ------------------------------------------------------------------------------------------------------ the wire

FromWorker = FromEngine | FromJob

_ENCODER = msgspec.msgpack.Encoder()
_TO_ENGINE: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(ToEngine)
_TO_JOB: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(ToJob)
_FROM_WORKER: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(FromWorker)


def encode(message: Message) -> bytes:
    """The MessagePack of a message."""
    return _ENCODER.encode(message)


def decode_to_engine(content: bytes) -> ToEngine:
    """What the window says to the engine; `msgspec.DecodeError` if it is nothing of the kind."""
    message: ToEngine = _TO_ENGINE.decode(content)
    return message


def decode_to_job(content: bytes) -> ToJob:
    """What the window says to a job."""
    message: ToJob = _TO_JOB.decode(content)
    return message


def decode_from_worker(content: bytes) -> FromWorker:
    """What an engine or a job says to the window."""
    message: FromWorker = _FROM_WORKER.decode(content)
    return message


def plain(values: dict[str, object]) -> dict[str, Value]:
    """The values of a `UserError` as the wire takes them; what is not a number or a text becomes its text."""
    return {key: _plain(value) for key, value in values.items()}


def _plain(value: object) -> Value:
    if isinstance(value, float) or (type(value) is int and -(2**63) <= value < 2**64):
        return value
    # Surrogates (names of files that are no UTF-8) cannot be encoded.
    return str(value).encode(errors="replace").decode()
