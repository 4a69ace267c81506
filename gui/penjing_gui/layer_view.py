"""What the plan does to the one layer that plots show: threshold, zeros, filters that go, grid; values only, no widget.

>>> from penjing.plan import Settings
>>> levels(Settings(weight_bits=2), largest=0.5).tolist()
[-0.5, 0.0, 0.5]
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QCoreApplication

from penjing.catalogue.methods import methods
from penjing.devices.units import size_text
from penjing.errors import UserError
from penjing.estimation.prediction import Prediction, predict
from penjing.estimation.tables import Tables
from penjing.inspection.selection import zeros
from penjing.layer_graph import Grid, Layer, LayerGraph
from penjing.plan import Plan, Settings
from penjing_gui import words

SLOW = 0.004
"""Seconds; above this, a prediction is kept as long as it may be."""
MOST_LEVELS = 127
"""Quantization levels that are worth drawing."""


@dataclass(frozen=True, kw_only=True)
class LayerView:
    """One layer under one plan."""

    layer: Layer
    settings: Settings
    threshold: float | None
    """Below which weights or scores go; None: nothing goes, or what goes cannot be said by one threshold here."""
    zeroed: int
    """Weights that a mask zeroes, of those that the filter cut leaves."""
    left: int
    """Weights that the filter cut leaves."""
    cut: NDArray[np.bool_]
    """By filter, whether it goes."""


class Predictions:
    """What plans leave of one network; a large one is not asked again while a slider moves that cuts no channel."""

    def __init__(self, graph: LayerGraph, tables: Tables) -> None:
        self._graph, self._tables = graph, tables
        self._slow = False
        self._cuts: object = None
        self._last: Prediction | None = None

    def are_of(self, graph: LayerGraph | None, tables: Tables) -> bool:
        """Whether these are what they rest on, the very same values."""
        return self._graph is graph and self._tables is tables

    def of(self, plan: Plan) -> Prediction | None:
        """None while scores that decide about it are missing, or where it cannot be done."""
        cuts = _cuts(plan)
        if self._slow and cuts == self._cuts:
            return self._last
        started = time.perf_counter()
        try:
            self._last = predict(self._graph, plan, self._tables)
        except (KeyError, UserError):
            self._last = None
        self._slow = time.perf_counter() - started > SLOW
        self._cuts = cuts
        return self._last


def view(layer: Layer, plan: Plan, prediction: Prediction | None, *, ordered: NDArray[np.float32] | None) -> LayerView:
    """What `plan` does to `layer`.

    Args:
        layer: As loaded.
        plan: What the sliders show.
        prediction: Of `Predictions`; its channels count, and its masks where a layer alone does not decide.
        ordered: What a threshold is compared with, ascending [n]: |w|, or the criterion's scores; None: unknown.
    """
    settings = plan.settings(layer.name)
    filters = layer.weight_shape[0] if layer.weight_shape else 0
    cut, zeroed, left = np.zeros(filters, np.bool_), 0, layer.weights
    if prediction is not None:
        cut = _cut(layer, prediction, filters)
        after = prediction.graph.by_name.get(layer.name)
        if after is None:  # the whole layer is removed
            return LayerView(layer=layer, settings=settings, threshold=None, zeroed=0, left=0, cut=~cut)
        left = after.weights
        zeroed = left - prediction.state.weight(after).kept
    alone = _zeroed_alone(layer, settings, left, ordered)
    zeroed = zeroed if alone is None else alone
    return LayerView(
        layer=layer,
        settings=settings,
        threshold=_threshold(settings, zeroed / left if left else 0.0, ordered),
        zeroed=zeroed,
        left=left,
        cut=cut,
    )


def levels(settings: Settings, *, largest: float) -> NDArray[np.float64]:
    """The values that the layer's widest filter can take after rounding; empty: not rounded, or too many to tell."""
    count = 2 ** (settings.weight_bits - 1) - 1
    if settings.weight_bits > 8 or settings.scheme != "symmetric" or 2 * count + 1 > MOST_LEVELS or largest <= 0:
        return np.zeros(0)
    steps: NDArray[np.float64] = np.arange(-count, count + 1, dtype=np.float64) * (largest / count)
    return steps


def filter_words(found: LayerView, scores: NDArray[np.float32] | None, *, keep: str, cut: str) -> Sequence[str]:
    """By filter, what is said of it: `filter 12 · ℓ₁ .83 · keep`."""
    title = _tr(methods("filter_criterion")[found.settings.filter_criterion].title)
    name = _tr("filter {number}")
    protected, brushed = set(found.settings.keep), set(found.settings.cut)
    said = []
    for index, goes in enumerate(found.cut.tolist()):
        score = "" if scores is None or index >= len(scores) else f" · {title} {scores[index]:.3g}"
        hand = " ✓" if index in protected else " ✗" if index in brushed else ""
        said.append(f"{name.format(number=index)}{score} · {cut if goes else keep}{hand}")
    return said


def facts(layer: Layer) -> str:
    """Shape and costs of a layer in one line."""
    shape = " × ".join(str(extent) for extent in layer.weight_shape or ())
    parts = [layer.type, shape]
    parts.append(_tr("{count} parameters").format(count=f"{layer.params:,}"))
    parts.append(_tr("{count} MACs").format(count=f"{layer.macs:,}"))
    parts.append(_tr("output {size} in float32").format(size=size_text(layer.activation_bytes)))
    return "  ·  ".join(part for part in parts if part)


def grid_words(grid: Grid) -> str:
    """The grid of a network that was quantized before: bits, scale or scales, and a zero point that is not 0.

    >>> from penjing.layer_graph import Grid
    >>> grid_words(Grid(bits=8, smallest=0.25, largest=0.5, per_channel=True, zero_point=-3))
    '8 bits, scale 0.25…0.5, zero point −3'
    """
    scale = f"{grid.smallest:.3g}…{grid.largest:.3g}" if grid.per_channel else f"{grid.smallest:.3g}"
    said = _tr("{bits} bits, scale {scale}").format(bits=grid.bits, scale=scale)
    if not grid.zero_point:
        return said
    return said + _tr(", zero point {zero}").format(zero=words.minus(str(grid.zero_point)))


def brushed(settings: Settings, index: int) -> dict[str, tuple[int, ...]]:
    """The settings after a filter was clicked: automatic → cut → keep → automatic."""
    keep, cut = set(settings.keep), set(settings.cut)
    if index in cut:
        cut.discard(index)
        keep.add(index)
    elif index in keep:
        keep.discard(index)
    else:
        cut.add(index)
    return {"keep": tuple(sorted(keep)), "cut": tuple(sorted(cut))}


def painted(settings: Settings, rows: Sequence[int], brush: str) -> dict[str, tuple[int, ...]]:
    """The settings after a brush went over filters: `cut`, `keep`, or `free`, which leaves them to the rule.

    >>> painted(Settings(cut=(1, 2)), [2, 3], "keep")
    {'keep': (2, 3), 'cut': (1,)}
    """
    over = set(rows)
    keep, cut = set(settings.keep) - over, set(settings.cut) - over
    keep, cut = (keep | over, cut) if brush == "keep" else (keep, cut | over) if brush == "cut" else (keep, cut)
    return {"keep": tuple(sorted(keep)), "cut": tuple(sorted(cut))}


def _cut(layer: Layer, prediction: Prediction, filters: int) -> NDArray[np.bool_]:
    channels = np.array(layer.output_channels, np.int64)
    if len(channels) != filters:
        return np.zeros(filters, np.bool_)
    kept = np.ones(filters, np.bool_)
    own = channels >= 0  # fixed channels cannot be cut
    kept[own] = prediction.keep[channels[own]]
    return ~kept


def _zeroed_alone(layer: Layer, settings: Settings, left: int, ordered: NDArray[np.float32] | None) -> int | None:
    """How many weights go, where the layer's own settings and one look tell."""
    if not settings.prunes_weights:
        return 0
    if settings.nm is not None or settings.scope == "global":
        return None
    if settings.threshold is None:
        return zeros(settings.sparsity, left)
    if ordered is None or left != layer.weights:
        return None
    return int(np.searchsorted(ordered, np.float32(settings.threshold), side="left"))


def _cuts(plan: Plan) -> object:
    """Everything of a plan that decides about channels, or about masks over several layers."""

    def of(settings: Settings) -> tuple[object, ...]:
        own = (settings.filters, settings.filter_threshold, settings.filter_criterion, settings.keep, settings.cut)
        together = (settings.sparsity, settings.criterion) if settings.scope == "global" else ()
        return (*own, settings.remove, settings.locked, settings.nm, settings.scope, together)

    return of(plan.defaults), {name: of(plan.settings(name)) for name in plan.layers}, plan.pipeline


def _threshold(settings: Settings, share: float, ordered: NDArray[np.float32] | None) -> float | None:
    if settings.threshold is not None:
        return settings.threshold
    if ordered is None or not len(ordered) or settings.nm is not None:
        return None
    place = round(share * len(ordered))
    if place <= 0:
        return 0.0
    if place >= len(ordered):
        return float(np.nextafter(ordered[-1], np.float32(np.inf)))
    # Between the last that goes and the first that stays.
    return float((np.float64(ordered[place - 1]) + np.float64(ordered[place])) / 2)


def _tr(text: str) -> str:
    return QCoreApplication.translate("layer", text)
