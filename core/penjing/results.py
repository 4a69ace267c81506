"""What Penjing tells about a network: figures, accuracy, verdict, runs; values only, as JSON has them."""

from collections.abc import Callable
from typing import Literal

import msgspec

from penjing.catalogue.metrics import Metric, known, metric
from penjing.errors import Note as Note


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a piece of work is; `values` are numbers worth plotting, for example loss and accuracy."""

    stage: str
    done: float
    total: float
    values: dict[str, float] = {}
    epoch: "Epoch | None" = None
    """The epoch of a training that has just been done."""


OnProgress = Callable[[Progress], None]
"""Called often by long work; raising `errors.Cancelled` in it stops the work at once."""


def unheard(progress: Progress) -> None:
    """For callers that do not want to know how far it is."""


class Accuracy(msgspec.Struct, frozen=True, kw_only=True):
    """The quality of a network by some metric with its 95 % interval and where it comes from.

    Of classes it is a share, 0..1; what other metrics' values mean, and which of two is better, `how` knows.
    """

    value: float
    low: float
    high: float
    n: int
    """Samples looked at."""
    kind: Literal["predicted", "measured"] = "measured"
    metric: str = "top1"
    """Id of `catalogue.metrics`; `agreement` with the original where the data does not tell what is right."""
    split: str = "val"
    blank: int = 0
    """Of the samples looked at, those whose answer is no number (NaN): they count as wrong."""

    @property
    def how(self) -> Metric:
        """The metric; of one that nobody knows (from a newer Penjing) a share."""
        return metric(self.metric) if known(self.metric) else metric("top1")

    @property
    def goodness(self) -> float:
        """More is better."""
        return self.how.goodness(self.value)

    @property
    def best(self) -> float:
        """The better end of the interval, as `goodness`."""
        return max(self.how.goodness(self.low), self.how.goodness(self.high))

    def drop_from(self, before: "Accuracy") -> float:
        """How much worse than `before`: percentage points; of an error the percent by which it grew."""
        return self.how.drop(before.value, self.value)


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Every figure of one network on one device (DESIGN §4); unknown is None, never 0."""

    params: int
    nonzero: int
    macs: int
    size_bytes: int
    file_bytes: int | None = None
    flash_bytes: int | None = None
    ram_bytes: int | None = None
    latency_ms: float | None = None
    energy_mj: float | None = None
    latency_band: float | None = None
    """Relative half-width of the latency's band: 0.2 is ± 20 %."""
    energy_band: float | None = None
    accuracy: Accuracy | None = None


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """The network before and after a plan."""

    baseline: Figures
    compressed: Figures


class Rung(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the verification ladder."""

    name: str
    passed: bool | None
    """None: this rung could not be tried here; `detail` says why and what to install."""
    detail: str


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the exported files compute what the plan promised."""

    passed: bool
    agreement: float | None
    """Share of samples on which the file and the screen choose the same class."""
    accuracy: Accuracy | None
    max_abs_diff: float | None
    size_error: float | None
    """Real bytes over predicted bytes - 1, of the worst file."""
    first_divergent_layer: str | None
    rungs: tuple[Rung, ...]


class ExportedFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of an export; `path` is relative to the export's folder."""

    path: str
    bytes: int
    format: str


class InputFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What goes into one input of a network; the range is that of training examples as the network takes them."""

    name: str
    shape: tuple[int, ...]
    """Of an example as the network takes it."""
    stored_shape: tuple[int, ...]
    stored_type: str
    low: float
    high: float
    mean: float
    std: float


class DataCard(msgspec.Struct, frozen=True, kw_only=True):
    """What a data set is."""

    title: str
    source: str
    metric: str
    task: str
    """`classification`, `regression`, `reconstruction`, `anomaly` or `unlabelled`."""
    sizes: dict[str, int]
    """Examples by split."""
    classes: tuple[str, ...] = ()
    class_counts: dict[str, tuple[int, ...]] = {}
    """By split: examples of each class."""
    balance: float | None = None
    """Entropy of the classes' shares beside that of equal ones: 1 where all are equally many."""
    split_rule: str = ""
    """How it was split, in words; empty where it came split."""
    grouped: bool = False
    """Whether it is known which examples belong together."""
    inputs: tuple[InputFacts, ...] = ()
    metrics: tuple[str, ...] = ()
    """Ids of those by which this data can measure this network."""
    targets: tuple[tuple[float, float, float], ...] = ()
    """By number to be answered: least, mean and largest of the training split."""
    target_names: tuple[str, ...] = ()
    """What they are called, where somebody says so."""
    cautions: tuple[Note, ...] = ()
    """What the data cannot tell of a network."""
    preparation: tuple[Note, ...] = ()
    """What was done to the files: resized, filled in, left out, brought to a range."""


class StepResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one step of the pipeline did."""

    step: str
    seconds: float
    accuracy: Accuracy | None
    detail: str = ""
    """`notes` in English."""
    notes: tuple[Note, ...] = ()


class Epoch(msgspec.Struct, frozen=True, kw_only=True):
    """What one epoch of training came to; epoch 0 is the student before training."""

    number: int
    val_accuracy: float | None
    """By the data's metric, or agreement with the teacher without labels; None without a validation split."""
    loss: float | None = None
    """Mean over the epoch's samples, as `terms`."""
    terms: dict[str, float] = {}
    """Unweighted value of each term of the loss."""
    batches: int = 0
    """In how many steps the weights were moved."""
    trace: dict[str, tuple[float, ...]] = {}
    """The loss and its terms at single batches, evenly chosen: after batches `traced(batches)` of this epoch."""
    seconds: float = 0.0
    metric: str = "top1"
    """What `val_accuracy` is measured by."""


MOST_TRACED = 32
"""Batches of one epoch whose losses are kept."""


def traced(batches: int) -> list[int]:
    """Which of an epoch's `batches`, counted from 1, stand in its trace; the last one always does.

    >>> traced(3), traced(64)[:3]
    ([1, 2, 3], [2, 4, 6])
    """
    points = min(batches, MOST_TRACED)
    return [(place + 1) * batches // points for place in range(points)]


class RunResult(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of `compress` and `export`, as their JSON says it."""

    baseline: Figures
    compressed: Figures
    plan_hash: str
    files: tuple[ExportedFile, ...]
    verdict: Verdict
    steps: tuple[StepResult, ...] = ()
    warnings: tuple[str, ...] = ()
