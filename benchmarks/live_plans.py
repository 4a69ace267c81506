"""Random plans to try estimates on, and networks as subjects: all seeded."""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.networks import subjects
from benchmarks.pools import Pool, unseen_digits
from penjing.inspection.graph import layer_graph
from penjing.layer_graph import LayerGraph
from penjing.loading.dataset import Dataset, Split
from penjing.model.model import Model
from penjing.pipeline.run import run_plan
from penjing.plan import Override, Plan

QUICK = ("watch", "digits")
BISECTIONS = 5


@functools.lru_cache(maxsize=1)
def networks(quick: bool) -> dict[str, tuple[Model, Dataset, LayerGraph]]:
    """The trained networks with their data and graphs; the two samples alone if it is to be quick."""
    found = subjects(QUICK if quick else None)
    return {name: (model, data, layer_graph(model)) for name, (model, data) in found.items()}


@functools.lru_cache(maxsize=1)
def pooled(quick: bool, folder: Path) -> dict[str, tuple[Model, Dataset, LayerGraph, Pool]]:
    """Four networks that read digits, with as many new digits as MNIST in `folder` has; fewer if it is to be quick."""
    found = {name: one for name, one in networks(quick).items() if name != "watch"}
    (model, data), *_ = subjects(("connected",)).values()
    found["connected"] = model, data, layer_graph(model)
    pool = unseen_digits(folder, next(iter(found.values()))[1])
    return {name: (*one, pool) for name, one in found.items()}


def random_plan(graph: LayerGraph, random: np.random.Generator, *, strength: float | None = None) -> Plan:
    """Each layer by itself a little or a lot, all of them more or less: most of them lose little, some nearly all."""
    strength = random.uniform(0.1, 1.0) if strength is None else strength
    widths = np.array([8, 8, 6, 5, 4, 4, 3, 3])
    prunes, cuts, rounds = random.random(3) < (0.8, 0.6, 0.8)
    layers = {}
    for layer in graph.compressible:
        bits = int(widths[min(int(random.uniform(0, 8 * strength)), 7)]) if rounds else 32
        layers[layer.name] = Override(
            sparsity=min(0.98, round(float(random.uniform(0, 0.9) * strength), 3)) if prunes else 0.0,
            filters=min(0.9, round(float(random.uniform(0, 0.5) * strength), 3))
            if cuts and random.random() < 0.5
            else 0.0,
            weight_bits=bits,
            activation_bits=8 if rounds else 32,
        )
    return Plan(layers=layers)


def spread_plan(graph: LayerGraph, seed: int, wanted: float, lost: Callable[[Plan], float]) -> Plan:
    """Of one random direction the strength at which about as much is lost as is wanted, found by measuring."""
    low, high = 0.1, 2.0
    tried: list[tuple[float, Plan]] = []
    for _ in range(BISECTIONS):
        strength = (low + high) / 2
        plan = random_plan(graph, np.random.default_rng(seed), strength=strength)
        found = lost(plan)
        tried.append((abs(found - wanted), plan))
        low, high = (strength, high) if found < wanted else (low, strength)
    return min(tried, key=lambda one: one[0])[1]


def applied(model: Model, plan: Plan, data: Dataset, graph: LayerGraph) -> Model:
    """The network that an estimate measures."""
    return run_plan(model, plan, data, graph=graph, training=False, measuring=False).model


def unlearned(data: Dataset) -> Dataset:
    """All samples that training has not seen as validation data."""
    return dataclasses.replace(data, val=joined(data.val, data.test))


def judged_by(data: Dataset, split: Split) -> Dataset:
    """The same data with other samples to judge by."""
    return dataclasses.replace(data, val=split)


def joined(*splits: Split) -> Split:
    """One split after the other, recordings of each being their own."""
    labels = [split.y for split in splits if split.y is not None]
    groups = None
    if splits[0].groups is not None:
        first, parts = 0, []
        for split in splits:
            assert split.groups is not None
            parts.append(split.groups - split.groups.min() + first)
            first = int(parts[-1].max()) + 1
        groups = np.concatenate(parts)
    return dataclasses.replace(
        splits[0],
        x=np.concatenate([np.asarray(split.x) for split in splits]),
        y=np.concatenate(labels) if labels else None,
        groups=groups,
    )
