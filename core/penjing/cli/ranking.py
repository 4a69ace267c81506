"""Scores of every filter under one criterion or several, and how they rank the filters side by side."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from penjing.catalogue.methods import methods
from penjing.cli.terminal import Terminal

if TYPE_CHECKING:
    from penjing.cli.sources import Opened
    from penjing.layer_graph import LayerGraph

ALL = "all"
MOST_FILTERS = 8
"""Shown of each layer, those that go first."""


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """One criterion's scores by layer; low goes first."""

    criterion: str
    layers: dict[str, list[float]]
    error: dict[str, list[float]] | None = None
    """How far estimated scores may be off; None where the criterion estimates nothing."""


def wanted(asked: Iterable[str]) -> tuple[str, ...]:
    """The criteria asked for, once each."""
    return tuple(
        dict.fromkeys(one for name in asked for one in (methods("filter_criterion") if name == ALL else (name,)))
    )


def judge(opened: "Opened", graph: "LayerGraph", criteria: Sequence[str]) -> tuple[Judged, ...]:
    """Every filter under every criterion, all from one look at the data.

    Raises:
        UserError: As `inspection.saliency.weight_scores_from`.
    """
    from penjing.inspection.criteria.evidence import Evidence
    from penjing.inspection.saliency import filter_errors_from, filter_scores_from

    evidence = Evidence(opened.model, opened.data)
    names = [layer.name for layer in graph.compressible]
    found = []
    for criterion in criteria:
        scores = {name: filter_scores_from(evidence, name, criterion).tolist() for name in names}
        errors = {name: filter_errors_from(evidence, name, criterion) for name in names}
        stated = {name: error.tolist() for name, error in errors.items() if error is not None}
        found.append(Judged(criterion=criterion, layers=scores, error=stated or None))
    return tuple(found)


def ranks(scores: Sequence[float]) -> NDArray[np.int64]:
    """1 for the filter that goes first, of equals the one that stands first.

    >>> ranks([0.5, 0.1, 0.5]).tolist()
    [2, 1, 3]
    """
    order = np.argsort(np.asarray(scores), kind="stable")
    result = np.empty(len(order), np.int64)
    result[order] = np.arange(1, len(order) + 1)
    return result


def agreement(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Spearman's rank correlation of two criteria's scores; None for a single filter."""
    if len(one) < 2:
        return None
    return float(np.corrcoef(ranks(one), ranks(other))[0, 1])


def show(terminal: Terminal, judged: Sequence[Judged]) -> None:
    """One criterion: its scores. Several: the filters' ranks side by side, and how far the criteria agree."""
    first, *others = judged
    for layer, scores in first.layers.items():
        if not others:
            shown = "  ".join(f"{score:.3g}" for score in scores[:12])
            terminal.say(f"{layer}: {shown}{'  …' if len(scores) > 12 else ''}")
            continue
        found = [ranks(one.layers[layer]) for one in judged]
        lowest = np.argsort(found[0])[:MOST_FILTERS]
        rows = [(str(index), *(str(rank[index]) for rank in found)) for index in lowest]
        columns = [terminal.text("cli.column.filter"), *(one.criterion for one in judged)]
        title = terminal.text("cli.ranks", layer=layer, shown=len(lowest), filters=len(scores))
        terminal.table(title, columns, rows, right="r" * len(columns))
        alike = [(one.criterion, agreement(scores, one.layers[layer])) for one in others]
        told = ", ".join(f"{name} {value:+.2f}" for name, value in alike if value is not None)
        if told:
            terminal.say(terminal.text("cli.ranks_agree", criterion=first.criterion, others=told))
