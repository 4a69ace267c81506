"""What single layers answer to compression, measured once: values for predictions, without torch.

Every probe changes one aspect of one layer (or, for filters, of one coupled group); `joints` are whole plans. Each
reading says how far the outputs moved and which samples are still right.
"""

from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from penjing.estimation.quality import Measure
from penjing.layer_graph import LayerGraph
from penjing.plan import Override, Plan, Settings

Aspect = Literal["sparsity", "filters", "weight_bits", "activation_bits"]
ASPECTS: tuple[Aspect, ...] = ("sparsity", "filters", "weight_bits", "activation_bits")

LEVELS: Mapping[Aspect, tuple[float, ...]] = {
    "sparsity": (0.7, 0.9, 0.5, 0.8, 0.95, 0.3, 0.6, 0.4, 0.85, 0.98),
    "filters": (0.4, 0.2, 0.6, 0.1, 0.3, 0.5, 0.8, 0.9),
    "weight_bits": (4, 3, 2, 6, 5),
    "activation_bits": (4, 6, 3, 8),
}
"""Where curves are measured, the most telling first: an unfinished curve is then already useful. What is stronger than
the last of them is taken to be like it.

Rounding to another number of bits moves margins another way, so nothing between two of them stands for a third.
"""


WHOLE_PLANS = 24
"""Plans that change all layers at once; what single layers lose does not simply add up."""
WIDTHS = (8, 8, 6, 5, 4, 4, 3, 3)
LARGEST = 65504.0
"""Of float16."""
TRAINING = frozenset({"finetune", "qat", "distill"})


WHOLE_BITS = 12.0
"""From this width on rounding is taken to change nothing."""


def strength(aspect: Aspect, level: float) -> float:
    """How strong a change is, from 0: margins move about in proportion to it.

    Of the smallest weights little energy goes: the square of their share was nearest. Rounding halves with each bit.
    """
    if aspect in ("weight_bits", "activation_bits"):
        return float(2.0**-level)
    return level**2 if aspect == "sparsity" else level


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What a changed network says on the samples of the curves."""

    divergence: float
    """Mean KL(original ‖ changed) of the outputs' softmax, in nats; of numbers Σ(a - b)² / Σ(b - b̄)²."""
    content: bytes
    """By how much each sample is right, of classes the truth's output less the largest other one: float16."""
    slope: float = 1.0
    """What all outputs shrank by together: Σ a b / Σ b² of the outputs now and before, each less their mean."""

    @property
    def margins(self) -> NDArray[np.float64]:
        """[samples]; more is better, above 0 where a class is right."""
        return np.frombuffer(self.content, "<f2").astype(np.float64)


def reading(divergence: float, margins: NDArray[np.float64], *, slope: float = 1.0) -> Reading:
    """A reading of these margins."""
    content = np.clip(margins, -LARGEST, LARGEST).astype("<f2").tobytes()
    return Reading(divergence=divergence, content=content, slope=slope)


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One probe of one layer."""

    level: float
    reading: Reading


class Joint(msgspec.Struct, frozen=True, kw_only=True):
    """A whole plan that was tried."""

    plan: Plan
    reading: Reading


class Sensitivity(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known so far; a value, so that what has it goes on with it while more is measured."""

    samples: int
    baseline: Reading
    """The network as loaded: its divergence is 0."""
    curves: dict[str, dict[Aspect, tuple[Point, ...]]] = {}
    """By layer (for filters the first producer of a coupled group) and aspect, in ascending order of levels."""
    joints: tuple[Joint, ...] = ()
    measure: Measure = Measure()
    """How margins become the level that is lost."""
    done: int = 0
    total: int = 0
    """Probes; the curves are complete when all are done."""

    def with_point(self, layer: str, aspect: Aspect, point: Point) -> "Sensitivity":
        """With one more probe."""
        own = self.curves.get(layer, {})
        points = tuple(sorted((*own.get(aspect, ()), point), key=lambda one: one.level))
        curves = {**self.curves, layer: {**own, aspect: points}}
        return msgspec.structs.replace(self, curves=curves, done=self.done + 1)

    def with_joint(self, joint: Joint) -> "Sensitivity":
        """With one more whole plan."""
        return msgspec.structs.replace(self, joints=(*self.joints, joint), done=self.done + 1)

    def lost(self, reading: Reading) -> float:
        """By how much the level fell, of classes the share of right samples; negative if it rose."""
        return self.measure.level(self.baseline.margins) - self.measure.level(reading.margins)


def probes(graph: LayerGraph) -> list[tuple[str, Aspect, float]]:
    """(layer, aspect, level) of every probe: a first look at all layers comes before a second at any."""
    first = {group.producers[0] for group in graph.groups}
    found = []
    for turn in range(max(len(levels) for levels in LEVELS.values())):
        for aspect in ASPECTS:
            for layer in graph.compressible:
                if turn < len(LEVELS[aspect]) and (aspect != "filters" or layer.name in first):
                    found.append((layer.name, aspect, LEVELS[aspect][turn]))
    return found


def methods_of(plan: Plan) -> Plan:
    """A plan's steps (those that train left out) and methods, with nothing to do: what probes share.

    Where layers have methods of their own, probes use those of all others.
    """
    chosen = plan.defaults
    kept = {name: getattr(chosen, name) for name in _METHODS}
    steps = tuple(step for step in plan.steps if step.step not in TRAINING)
    return Plan(defaults=Settings(**kept), pipeline=steps)


_METHODS = (
    "criterion",
    "filter_criterion",
    "scheme",
    "granularity",
    "calibrator",
    "rounding",
    "equalize",
    "bias_correction",
)


def probe_plan(methods: Plan, layer: str, aspect: Aspect, level: float) -> Plan:
    """The plan of one probe."""
    whole = int(level) if aspect in ("weight_bits", "activation_bits") else level
    return methods.with_layer(layer, **{aspect: whole})


def whole_plans(graph: LayerGraph, methods: Plan) -> Iterator[Plan]:
    """Plans that change everything at once: all layers alike, as a slider without a selection does, or each by itself.

    The same at every call; the strength is spread evenly, each other plan mixes pruning, cutting and rounding.
    """
    random = np.random.default_rng(0)
    for number in range(WHOLE_PLANS):
        strength = 0.1 + 0.9 * (number * 0.6180339887 % 1)
        alike = number % 3 == 0
        prunes, cuts, rounds = random.random(3) < (0.8, 0.6, 0.8)
        common = random.random(3)
        layers = {}
        for layer in graph.compressible:
            own = common if alike else random.random(3)
            layers[layer.name] = Override(
                sparsity=round(float(0.9 * strength * own[0]), 3) if prunes or not (cuts or rounds) else 0.0,
                filters=round(float(0.5 * strength * own[1]), 3) if cuts else 0.0,
                weight_bits=WIDTHS[min(int(8 * strength * own[2]), 7)] if rounds else 32,
                activation_bits=8 if rounds else 32,
            )
        yield msgspec.structs.replace(methods, layers=layers)


def schedule(graph: LayerGraph, methods: Plan) -> list[Plan | tuple[str, Aspect, float]]:
    """Everything that is to be tried, the most telling first; whole plans are strewn among the probes."""
    single, whole = probes(graph), list(whole_plans(graph, methods))
    pace = max(1, len(single) // (2 * len(whole)))
    found: list[Plan | tuple[str, Aspect, float]] = []
    for number, probe in enumerate(single, start=1):
        found.append(probe)
        if number % pace == 0 and whole:
            found.append(whole.pop(0))
    return [*found, *whole]
