"""What layers answer to compression, made up: each adds noise of its own to the margins of a network."""

import numpy as np
from numpy.typing import NDArray

from penjing.estimation.predicted import changes
from penjing.estimation.sensitivity import Joint, Point, Sensitivity, probes, reading, strength, whole_plans
from penjing.layer_graph import LayerGraph
from penjing.plan import Plan

Vector = NDArray[np.float64]
SAMPLES = 256


def margins() -> Vector:
    return np.random.default_rng(0).normal(3, 2, SAMPLES)


def of_layers(graph: LayerGraph, *, noise: float, joints: bool = True) -> Sensitivity:
    """A network each of whose layers adds its own noise to the margins, by its strength, and halves them."""
    before = margins()
    moves = {
        (layer.name, aspect): noise * np.random.default_rng(number).normal(size=SAMPLES)
        for number, layer in enumerate(graph.compressible)
        for aspect in ("sparsity", "filters", "weight_bits", "activation_bits")
    }
    found = Sensitivity(samples=SAMPLES, baseline=reading(0.0, before))
    for layer, aspect, level in probes(graph):
        how = strength(aspect, level)
        after = 0.5 * (before + how * moves[layer, aspect])
        found = found.with_point(layer, aspect, Point(level=level, reading=reading(how, after, slope=0.5)))
    for plan in whole_plans(graph, Plan()) if joints else ():
        total = sum((strength(aspect, level) * moves[layer, aspect] for layer, aspect, level in changes(graph, plan)))
        found = found.with_joint(Joint(plan=plan, reading=reading(0.1, 0.1 * (before + total), slope=0.1)))
    return found
