"""What the window asks about single examples and whole runs, beside what their network is, and the answers."""

from typing import Literal

import msgspec

from penjing.plan import Distillation, Plan
from penjing.results import Accuracy
from penjing.worker.change import Change
from penjing.worker.message import Array, Message, SplitName, Value


class WantLook(Message, frozen=True, kw_only=True):
    """Where the network as loaded and the plan measured last, or a trained run, look in an example → `Look`."""

    request: int
    index: int
    method: str
    """An id of the catalogue's `input_saliency`."""
    split: SplitName = "val"
    run: str | None = None
    """The folder that a `train` job wrote: its network in place of the plan."""
    entry: int = 0
    """The input that is looked into."""
    number: int = 0
    """Where numbers are answered: which one is explained."""


class WantFeatures(Message, frozen=True, kw_only=True):
    """What teacher and student make of an example in the layers that a training under `options` compares → `Features`.

    The student is the plan that was measured last, without training, or the trained network of `run`.
    """

    request: int
    index: int
    options: Distillation
    run: str | None = None
    """The folder that a `train` job wrote."""
    split: SplitName = "val"


class WantJudgement(Message, frozen=True, kw_only=True):
    """Judge `plan` without training, or a trained run, on all validation samples → `Judged`.

    It is done in the background, in the order asked, until another `OpenSource` comes.
    """

    request: int
    plan: Plan
    run: str | None = None
    """The folder that a `train` job wrote."""


class NetworkLook(msgspec.Struct, frozen=True, kw_only=True):
    """What one network makes of an example (`inspection.input_saliency.InputSaliency`)."""

    values: Array
    """float32 by position: [height, width], [length] or [features]."""
    target: int
    """The class that is explained: what the network as loaded chooses; or the place of the number."""
    chosen: int
    score: float
    """What is explained: before any softmax, the number, or the error."""
    probability: float
    """Of `target`."""
    layer: str | None


class Look(Message, frozen=True, kw_only=True):
    """Where networks look in one example; or why that cannot be said."""

    request: int
    index: int
    method: str
    label: int | None = None
    entry: int = 0
    aim: Literal["class", "number", "error"] = "class"
    """What is explained (`inspection.input_saliency.Aim`)."""
    file: str = ""
    example: Array | None = None
    """float32 as the network takes it, channels first."""
    before: NetworkLook | None = None
    after: NetworkLook | None = None
    """Of the network that the plan of `generation` gives without training; None: no plan has been measured yet."""
    generation: int | None = None
    """None for a run."""
    refused: str | None = None
    """Instead of all this: the code of a message, with `values`."""
    values: dict[str, Value] = msgspec.field(default_factory=dict)


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """How the weights of a layer are spread."""

    edge: float
    """Bins reach from -edge to edge, the same for every network of what is open; the outermost hold what is beyond."""
    counts: tuple[int, ...]
    """Weights that are not 0, by bin."""
    zeros: int


class Judged(Message, frozen=True, kw_only=True):
    """What a plan or a run is worth, sample by sample; without data only its weights."""

    request: int
    accuracy: Accuracy | None = None
    per_class: tuple[float | None, ...] = ()
    change: Change | None = None
    """Against the network as loaded."""
    weights: dict[str, Spread] = msgspec.field(default_factory=dict)
    """By layer, after all that was done to it."""
    refused: str | None = None
    """Instead of all this: the code of a message, with `values`."""
    values: dict[str, Value] = msgspec.field(default_factory=dict)


class FeaturePair(msgspec.Struct, frozen=True, kw_only=True):
    """Two layers that are compared, in one example."""

    teacher: str
    student: str
    """Names of the layers."""
    channels: tuple[int, int]
    """How many each has; features are told of the first few."""
    distance: float | None
    """½ ‖Q_s/‖Q_s‖ - Q_t/‖Q_t‖‖, 0 to 1/√2; None for layers without positions."""
    teacher_attention: Array | None
    """float32 by position, of length 1; so is that of the student."""
    student_attention: Array | None
    teacher_features: Array
    """float32 [channels, positions…]; so are those of the student."""
    student_features: Array


class Features(Message, frozen=True, kw_only=True):
    """Pairs of layers in one example; none: no plan has been measured yet, or why they cannot be told."""

    request: int
    index: int
    pairs: tuple[FeaturePair, ...] = ()
    file: str = ""
    refused: str | None = None
    """Instead of all this: the code of a message, with `values`."""
    values: dict[str, Value] = msgspec.field(default_factory=dict)
