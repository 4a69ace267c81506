"""Makes of what probes said all that predicting a plan takes: torch-free, but slow enough to be the engine's work."""

import math

import numpy as np
from numpy.typing import NDArray

from penjing.catalogue.metrics import metric
from penjing.estimation.calibration import FEWEST, Scales, learned, trusted
from penjing.estimation.predicted import LEAST_LOSS, UNTRIED, Answer, Composer, Predictions, whole_share
from penjing.estimation.sensitivity import Aspect, Point, Reading, Sensitivity, strength
from penjing.layer_graph import LayerGraph

TELLING: dict[Aspect, float] = {"sparsity": 0.7, "filters": 0.4, "weight_bits": 4}
"""The levels whose divergence says how sensitive a layer is."""

LEAST_SLOPE = 0.2
"""A network whose outputs shrank by more is noise."""
Vector = NDArray[np.float64]


def fitted(graph: LayerGraph, known: Sensitivity) -> Predictions:
    """Predictions from all probes so far."""
    answers = tuple(
        _answer(layer, aspect, heard, known)
        for layer, own in known.curves.items()
        for aspect, points in own.items()
        if (heard := _heard(graph, layer, aspect, points))
    )
    joints = [joint for joint in known.joints if math.isfinite(joint.reading.divergence)]
    baseline = known.baseline.margins
    scales, trust, error, spread = Scales(), 0.5, UNTRIED, 0.05
    if len(joints) >= FEWEST:
        composer = Composer(graph, baseline, answers)
        moves = np.stack([composer.compose(joint.plan)[0] for joint in joints])
        right = np.array([known.measure.level(joint.reading.margins) for joint in joints])
        scales = learned(baseline, moves, right, known.measure)
        found = trusted(baseline, moves, right, least=LEAST_LOSS, measure=known.measure)
        trust, error, spread = found.weight, found.error, found.spread
    return Predictions(
        baseline=known.baseline.content,
        measure=known.measure,
        answers=answers,
        scales=scales,
        trust=trust,
        error=error,
        spread=spread,
        tried=len(joints),
        sensitivity=_sensitivity(known),
    )


def _heard(graph: LayerGraph, layer: str, aspect: Aspect, points: tuple[Point, ...]) -> tuple[Point, ...]:
    """The probes that say something, at the levels that they really had: of few filters only whole ones go."""
    found = tuple(point for point in points if math.isfinite(point.reading.divergence))
    group = graph.group_of(layer) if aspect == "filters" else None
    if group is None:
        return found
    size = len(group.channels)
    at = {share: point for point in found if (share := whole_share(point.level, size)) > 0}
    return tuple(Point(level=share, reading=point.reading) for share, point in sorted(at.items()))


def _answer(layer: str, aspect: Aspect, points: tuple[Point, ...], known: Sensitivity) -> Answer:
    ordered = sorted(points, key=lambda point: strength(aspect, point.level))
    before = known.baseline.margins
    shares = metric(known.measure.metric).is_share
    moved = np.stack([_unshrunk(point.reading) if shares else point.reading.margins for point in ordered]) - before
    return Answer(
        layer=layer,
        aspect=aspect,
        strengths=tuple(strength(aspect, point.level) for point in ordered),
        moved=np.clip(moved, -6e4, 6e4).astype("<f2").tobytes(),
    )


def _unshrunk(heard: Reading) -> Vector:
    """Margins without what all outputs shrank by, which changes no choice; layers that halve them do not add up to 0.

    Told by the outputs: margins fall where a network errs, and it would seem to have shrunk.
    """
    return heard.margins / max(heard.slope, LEAST_SLOPE)


def _sensitivity(known: Sensitivity) -> dict[str, float]:
    """By layer: the mean divergence at the telling levels, beside the largest one."""
    found = {}
    for layer, own in known.curves.items():
        said = [
            min(point.reading.divergence, 1e3)
            for aspect, level in TELLING.items()
            for point in own.get(aspect, ())
            if point.level == level
        ]
        if said:
            found[layer] = float(np.mean(said))
    largest = max(found.values(), default=0.0)
    return {layer: value / largest for layer, value in found.items()} if largest > 0 else found
