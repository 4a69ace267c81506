"""What a run is in a few plain lines: its figures, what its plan does, how two plans differ."""

from collections.abc import Iterator, Mapping, Sequence

from PySide6.QtCore import QCoreApplication

from penjing.layer_graph import LayerGraph
from penjing.plan import Plan
from penjing.report.words import settings_words, step_titles, teaching_words
from penjing_gui import quality_words, words
from penjing_gui.item_models.runs import Row

_MOST_LINES = 8
_MOST_NAMES = 4


def tip(row: Row, plan: Plan | None, graph: LayerGraph | None, language: str) -> str:
    """Name, figures and plan; a line tells all layers that are treated alike, and long plans are cut."""
    found = row.figures
    lines = [
        row.name,
        _tr("{accuracy} · {size} · flash {flash} · RAM {ram}").format(
            accuracy=quality_words.told(row.accuracy),
            size=words.size(found.size_bytes),
            flash=words.size(found.flash_bytes),
            ram=words.size(found.ram_bytes),
        ),
    ]
    if plan is not None and graph is not None:
        told: dict[str, list[str]] = {}
        for layer in graph.compressible:
            told.setdefault(settings_words(plan.settings(layer.name), language), []).append(layer.name)
        alike = list(told.items())
        lines += [f"{_named(layers, graph)}: {what}" for what, layers in alike[:_MOST_LINES]]
        if len(alike) > _MOST_LINES:
            lines.append("…")
        lines.append(step_titles(plan, language))
    return "\n".join(lines)


def differences(plans: Mapping[str, Plan], graph: LayerGraph, language: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """(what, words by run) wherever plans do not say the same: layer by layer, then the steps and the teaching."""
    for layer in graph.compressible:
        told = {run: settings_words(plan.settings(layer.name), language) for run, plan in plans.items()}
        if len(set(told.values())) > 1:
            yield layer.name, told
    steps = {run: step_titles(plan, language) for run, plan in plans.items()}
    if len(set(steps.values())) > 1:
        yield "→", steps
    teaching = {run: teaching_words(plan, language) or words.UNKNOWN for run, plan in plans.items()}
    if len(set(teaching.values())) > 1:
        yield "T", teaching


def _named(layers: Sequence[str], graph: LayerGraph) -> str:
    if len(layers) == len(graph.compressible):
        return _tr("all layers")
    names = ", ".join(layers[:_MOST_NAMES])
    more = len(layers) - _MOST_NAMES
    return names if more <= 0 else _tr("{names} and {count} more").format(names=names, count=more)


def _tr(text: str) -> str:
    return QCoreApplication.translate("runs", text)
