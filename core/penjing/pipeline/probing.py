"""Asks a network how it answers to compression: one layer at a time, then whole plans, through the plan's own steps."""

import dataclasses
import math
import time
from collections.abc import Callable

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from penjing.compression.simulation import simulate
from penjing.errors import UserError
from penjing.estimation.evaluator import Evaluator, Outputs, plainly
from penjing.estimation.measured import classes_of
from penjing.estimation.paired import chosen
from penjing.estimation.scoring import Scorer
from penjing.estimation.sensitivity import (
    LARGEST,
    Joint,
    Point,
    Reading,
    Sensitivity,
    methods_of,
    probe_plan,
    reading,
    schedule,
)
from penjing.layer_graph import LayerGraph
from penjing.loading.dataset import Dataset
from penjing.model.model import Model
from penjing.model.operators.table import operator_of
from penjing.model.two_sided import EVEN
from penjing.pipeline.reuse import Reused
from penjing.pipeline.run import run_plan
from penjing.plan import Plan

MOST_SAMPLES, LEAST_SAMPLES = 512, 32
SECONDS = 0.25
"""About so long may one network take to be heard; fewer samples where it is slower."""
CHOSEN_OF = 16
"""So many times as many samples are looked at to choose those that are listened to."""
MEMORY = 64 << 20
_SMALLEST = 1e-12
_NEAREST = 1e-7
"""Chances are not nearer to 0 and 1: float32 tells none apart that are."""


class Prober:
    """Of one network under the steps and methods of one plan; each `step` is one probe further.

    What compresses how strongly in the plan is of no account.
    """

    def __init__(
        self, model: Model, data: Dataset, plan: Plan, *, graph: LayerGraph, on_part: Callable[[], None] = lambda: None
    ) -> None:
        """Listen to the network as loaded.

        Args:
            model: The network as loaded.
            data: Its validation samples judge, at most 512 of them, fewer of a slow network.
            plan: Whose steps and methods the probes use.
            graph: Of the model.
            on_part: Called often; may raise `errors.Cancelled`.
        """
        self._methods = methods_of(plan)
        self._schedule = schedule(graph, self._methods)
        self._listener = Listener(model, data, graph, on_part, choosing=True)

    def nothing(self) -> Sensitivity:
        """What is known before the first probe."""
        listener = self._listener
        return Sensitivity(
            samples=listener.samples,
            baseline=listener.baseline,
            measure=listener.measure,
            total=len(self._schedule),
        )

    def step(self, known: Sensitivity) -> Sensitivity:
        """What is known after one more probe, the most telling of those that are left; all of it stays the same."""
        if known.done >= len(self._schedule):
            return known
        task = self._schedule[known.done]
        if isinstance(task, Plan):
            return known.with_joint(Joint(plan=task, reading=self._listener.reading(task)))
        layer, aspect, level = task
        reading = self._listener.reading(probe_plan(self._methods, layer, aspect, level))
        return known.with_point(layer, aspect, Point(level=level, reading=reading))


class Listener:
    """Hears what networks say on the samples that judge, beside what the network as loaded says."""

    def __init__(
        self,
        model: Model,
        data: Dataset,
        graph: LayerGraph,
        on_part: Callable[[], None],
        *,
        choosing: bool = False,
    ) -> None:
        """Listen to the network as loaded, on as many samples as its speed allows.

        With `choosing` these are drawn more densely where margins are small and choices may change, and each counts
        for as many as it stands for (`paired.chosen`); otherwise they are spread evenly and count alike.
        """
        self._model, self._data, self._graph, self._on_part = model, data, graph, on_part
        self._reused = Reused()
        # Chances are heard as the scores that they are made of, whose border is 0.
        scorer = Scorer(dataclasses.replace(data, border=0.0), "val")
        self._tells_classes = scorer.metric.is_share
        self._softmax = self._tells_classes and any(
            name == model.outputs[0].layer and operator_of(module).kind == "softmax"
            for name, module, _ in model.layers()
        )
        self._chance = self._tells_classes and data.border == EVEN
        self._evaluator = Evaluator(data, "val", memory=MEMORY, fast=False)
        count = len(data.val)
        few = _spread(count, LEAST_SAMPLES)
        outputs = self._evaluator.outputs(model, on_part=on_part)
        outputs(few)
        started = time.thread_time()  # what else runs on the machine does not make a network slow
        outputs(few)
        each = (time.thread_time() - started) / max(len(few), 1)
        most = max(LEAST_SAMPLES, min(MOST_SAMPLES, int(SECONDS / max(each, 1e-9))))
        weights = b""
        choosing = choosing and self._tells_classes and count > most
        self._indices = _spread(count, CHOSEN_OF * most if choosing else most)
        if choosing:
            # Apart from what the others share, where what flows through so many samples would find no room.
            self._said = self._settled(plainly(simulate(model), data, "val"))
        else:
            self._said = self._answers(model)
        if scorer.needs_reference:
            classes = np.zeros(count, np.int64)
            classes[self._indices] = classes_of(self._said)
            scorer = Scorer(scorer.data, "val", reference=classes)
        self._scorer = scorer
        if choosing:
            places, shares = chosen(scorer.margins(self._said, self._indices), most)
            self._indices, self._said = self._indices[places], self._said[torch.from_numpy(places)]
            weights = shares.astype("<f4").tobytes()
        self.measure = msgspec.structs.replace(scorer.measure.part(self._indices), weights=weights)
        """How margins become the level that is lost."""
        self.baseline = reading(0.0, scorer.margins(self._said, self._indices))

    @property
    def samples(self) -> int:
        """How many judge."""
        return len(self._indices)

    def reading(self, plan: Plan) -> Reading:
        """What the network of a plan says; one that cannot be made (nothing would be left) says nothing right."""
        try:
            made = run_plan(
                self._model,
                plan,
                self._data,
                graph=self._graph,
                training=False,
                measuring=False,
                reused=self._reused,
                on_progress=lambda _: self._on_part(),
            ).model
        except UserError as error:
            if error.code == "prune.nothing_removed":
                return self.baseline
            return reading(math.inf, np.full(self.samples, -LARGEST))
        said = self._answers(made)
        margins = np.nan_to_num(self._scorer.margins(said, self._indices), nan=-LARGEST)
        if not self._tells_classes:
            return reading(_apart(self._said, said), margins)
        return reading(self._divergence(said), margins, slope=self._slope(said))

    def _answers(self, model: Model) -> Tensor:
        return self._settled(self._evaluator.outputs(model, on_part=self._on_part))

    def _settled(self, outputs: Outputs) -> Tensor:
        """Logits, also of a chance, or of a softmax the logarithm, float64 [n, outputs]."""
        parts = np.array_split(self._indices, max(1, -(-len(self._indices) // MOST_SAMPLES)))
        said = torch.cat([outputs(part) for part in parts]).double()
        if self._chance:
            return torch.logit(said, eps=_NEAREST)
        return said.clamp_min(_SMALLEST).log() if self._softmax else said

    def _mean(self, values: Tensor) -> float:
        """Of a value by sample, each counting as it is to."""
        return float(self.measure.mean(values.numpy()))

    def _divergence(self, after: Tensor) -> float:
        """Mean KL(before ‖ after) of the classes' chances in nats; of one logit that of its sigmoid."""
        first, second = (functional.log_softmax(_pair(values), 1) for values in (self._said, after))
        found = self._mean((first.exp() * (first - second)).sum(dim=1))
        return max(0.0, found) if math.isfinite(found) else math.inf

    def _slope(self, after: Tensor) -> float:
        """Σ a b / Σ b² of the outputs after and before, each less the mean of its sample's."""
        before, now = (values - values.mean(dim=1, keepdim=True) for values in map(_pair, (self._said, after)))
        found = self._mean((now * before).sum(dim=1)) / max(self._mean(before.square().sum(dim=1)), _SMALLEST)
        return found if math.isfinite(found) else 0.0


def _pair(values: Tensor) -> Tensor:
    """Outputs by class; the other class of a single logit has 0."""
    return functional.pad(values, (0, 1)) if values.shape[1] == 1 else values


def _apart(before: Tensor, after: Tensor) -> float:
    """Σ(after - before)² / Σ(before - mean)²: what changed beside what the answers tell apart."""
    most = float((before - before.mean(dim=0)).square().sum())
    found = float((after - before).square().sum()) / max(most, _SMALLEST)
    return found if math.isfinite(found) else math.inf


def _spread(count: int, most: int) -> NDArray[np.int64]:
    """Evenly spaced places, because a split may be sorted by class."""
    return np.unique(np.linspace(0, count - 1, num=min(count, most)).round().astype(np.int64))
