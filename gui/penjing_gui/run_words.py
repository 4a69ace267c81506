"""What a run is in a few plain lines: its figures, what its plan does, how two plans differ."""

from collections.abc import Iterator, Mapping

from PySide6.QtCore import QCoreApplication

from penjing.layer_graph import LayerGraph
from penjing.plan import Plan
from penjing.report.words import plan_lines, settings_words, step_titles, teaching_words
from penjing_gui import words
from penjing_gui.item_models.runs import Row

_MOST_LINES = 8
_EVERY = "–"
"""In place of a layer's name: all layers without a line of their own."""


def tip(row: Row, plan: Plan | None, language: str) -> str:
    """Name, figures and plan, a line each; long plans are cut."""
    found = row.figures
    lines = [
        row.name,
        _tr("{accuracy} · {size} · flash {flash} · RAM {ram}").format(
            accuracy=words.accuracy(row.accuracy),
            size=words.size(found.size_bytes),
            flash=words.size(found.flash_bytes),
            ram=words.size(found.ram_bytes),
        ),
    ]
    if plan is not None:
        told = list(plan_lines(plan, language))
        lines += [f"{layer or _EVERY}: {what}" for layer, what in told[:_MOST_LINES]]
        if len(told) > _MOST_LINES:
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


def _tr(text: str) -> str:
    return QCoreApplication.translate("runs", text)
