"""What the window asks of the engine, and what the engine answers."""

from typing import Literal

import msgspec

from penjing.errors import Note
from penjing.estimation.predicted import Predictions
from penjing.layer_graph import LayerGraph
from penjing.plan import Plan
from penjing.planning.recovery import Recovered
from penjing.results import Accuracy, DataCard
from penjing.worker.change import Change, Count
from penjing.worker.message import Array, Message, SplitName, Value

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
    metric: str | None = None
    """Id of what quality is measured by; None: what the data's card says, else what is found out."""
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
    folded: bool = False
    """Of the weights themselves: with the batch norm behind them multiplied in, as they run on a device."""


class WantSamples(Message, frozen=True, kw_only=True):
    """Examples as the network takes them → `Samples`."""

    request: int
    indices: tuple[int, ...]
    split: SplitName = "val"
    label: int | None = None
    """Of this class alone: `indices` count its examples, and those that are not there are left out."""


class WantLogits(Message, frozen=True, kw_only=True):
    """What the network as loaded and the plan that was measured last say of examples before softmax → `Logits`."""

    request: int
    indices: tuple[int, ...]
    split: SplitName = "val"
    run: str | None = None
    """The folder that a `train` job wrote: its network in place of the plan."""


class WantRanges(Message, frozen=True, kw_only=True):
    """What the result of a layer is on training examples, and which range each calibrator chooses → `Ranges`."""

    request: int
    layer: str
    bits: int
    """Of the codes that cover the range."""


class Learn(Message, frozen=True, kw_only=True):
    """Learn how each layer answers to compression under the steps and methods of `plan` → `Learned`.

    It goes on in the background until all is known, or another `Learn` or `OpenSource` comes; everything else that is
    asked comes first, and a job that runs, too.
    """

    request: int
    plan: Plan


class WantRecovery(Message, frozen=True, kw_only=True):
    """Try what gives `plan` its accuracy back → `Recovery`… ; forgotten when another plan is to be measured."""

    request: int
    plan: Plan


class Snapshot(Message, frozen=True, kw_only=True):
    """Write what is open into a new folder, for jobs → `SnapshotWritten`."""

    request: int
    folder: str
    """Does not exist yet; in the exchange folder, or wherever there is room."""


class JobRuns(Message, frozen=True, kw_only=True):
    """Whether a job runs beside the engine, which then keeps to one thread instead of two."""

    running: bool


class Tune(Message, frozen=True, kw_only=True):
    """How much the engine may take, as the person prefers it; said to every engine first."""

    threads: int
    """While no job runs beside it; then one."""
    cache_bytes: int
    """The most that is kept of what was found out."""


class Shutdown(Message, frozen=True, kw_only=True):
    """End; also what the end of the stream means."""


# ---------------------------------------------------------------------------------------------- engine → window


class State(Message, frozen=True, kw_only=True):
    """What the engine is at; sent when it changes."""

    state: Literal["idle", "opening", "measuring", "working"]
    kept: int = 0
    """Bytes of results of layers that are kept, so that a plan which changes a later one begins there."""
    most_kept: int = 0


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
    metric: str
    has_labels: bool
    split_rule: str
    example_shape: tuple[int, ...]
    """As the network takes it, without the batch."""
    card: DataCard | None = None
    """All that is told of it."""


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
    warnings: tuple[Note, ...]


class Baseline(Message, frozen=True, kw_only=True):
    """The accuracy of the network as loaded, on validation data; after every batch until `final`."""

    request: int
    accuracy: Accuracy
    final: bool
    per_class: tuple[float | None, ...] = ()
    """When `final`: accuracy on each class, None where it has no sample."""
    confusion: tuple[Count, ...] = ()
    """When `final`: how many samples of a class are taken for which, on the whole split."""


class Tables(Message, frozen=True, kw_only=True):
    """Numbers for the exact tier and the plots; `client.Worker.map` reads them, `read_tables` makes them `Tables`.

    The first, sent unasked with the request of `OpenSource`, holds for every compressible layer: its sorted weights,
    sorted magnitudes, rounding errors, and filter scores: of small layers under every criterion that needs no data, of
    large ones under the two that plans start with. All else comes on request.
    """

    request: int
    file: str
    values: dict[str, Array] = msgspec.field(default_factory=dict)
    """By layer: all weights, ascending, float32 [n]: histograms are look-ups in it (`inspection.distribution`)."""
    filter_scores: dict[str, dict[str, Array]] = msgspec.field(default_factory=dict)
    """By layer and criterion: float32 [out]."""
    weight_scores: dict[str, dict[str, Array]] = msgspec.field(default_factory=dict)
    """By layer and criterion: float32, shaped like the weight."""
    sorted_scores: dict[str, dict[str, Array]] = msgspec.field(default_factory=dict)
    """By layer and criterion: float32 [n], ascending; the place of θ is the number of weights that it zeroes."""
    bit_errors: dict[str, dict[int, float]] = msgspec.field(default_factory=dict)
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
    """float32 [n, …], as the network takes them, channels first."""
    labels: tuple[int, ...] | None
    chosen: tuple[int, ...]
    """The classes that the network as loaded chooses."""
    targets: tuple[tuple[float, ...], ...] = ()
    """Where numbers are answered: the first that are right …"""
    answers: tuple[tuple[float, ...], ...] = ()
    """… and what the network as loaded answers."""
    scores: tuple[float, ...] = ()
    """Where no classes are told: the error, or how abnormal it looks."""
    others: tuple[Array, ...] = ()
    """What goes into the second, third, … input, as `values`."""


class Logits(Message, frozen=True, kw_only=True):
    """Logits of examples, [n][classes]: what a teacher softens."""

    request: int
    indices: tuple[int, ...]
    labels: tuple[int, ...] | None
    original: tuple[tuple[float, ...], ...]
    """Of the network as loaded."""
    plan: tuple[tuple[float, ...], ...] | None
    """Of the network that the plan of `generation` gives without training; None: no plan has been measured yet."""
    generation: int | None


class Ranges(Message, frozen=True, kw_only=True):
    """The values of one tensor of the network as loaded, batch norm folded, on examples that calibration looks at."""

    request: int
    layer: str
    tensor: str
    """The layer, or the ReLU that is fused into it: what its activation bits are about."""
    bits: int
    samples: int
    values: int
    """How many values stand for all; the extremes are of all."""
    low: float
    high: float
    quantiles: dict[float, float]
    """By share."""
    counts: tuple[int, ...]
    """Of equal bins from `first` to `last`."""
    first: float
    last: float
    covered: dict[str, tuple[float, float]]
    """By calibrator, the range that codes cover."""
    outside: dict[str, float]
    """By calibrator, the share of values that it clips."""


class Learned(Message, frozen=True, kw_only=True):
    """What is known so far of how layers answer: enough to predict any plan, the better the more is `done`."""

    request: int
    done: int
    total: int
    predictions: Predictions


class Recovery(Message, frozen=True, kw_only=True):
    """What was tried so far; all of it when `done` is `total`."""

    request: int
    layer: str | None
    """The layer that hurts most; None: that is not known yet, or the plan changes none."""
    done: int
    total: int
    found: tuple[Recovered, ...] = ()
    """In the order in which they were tried; `planning.recovery.ranked` orders them with their bytes."""


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
    change: Change | None = None
    """Which samples are judged otherwise than by the network as loaded, and whether the drop is real; in every one."""
    warnings: tuple[Note, ...] = ()
    """Of the steps that made the network."""


class Failed(Message, frozen=True, kw_only=True):
    """Something that the person can mend; texts by `errors.UserError(code, **values)`."""

    code: str
    values: dict[str, Value]
    request: int | None = None
    generation: int | None = None
