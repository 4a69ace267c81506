"""What speaks for and against an export, in words: operators, flash, RAM, accuracy, training, proof."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from penjing.report.words import gained
from penjing_gui import quality_words, words
from penjing_gui.theme import SPACE, Tone, set_tone

if TYPE_CHECKING:
    from penjing.results import Verdict
    from penjing_gui.session import Session

State = Literal["good", "warning", "error", "open"]
MARKS: dict[State, str] = {"good": "✓", "warning": "▲", "error": "✕", "open": "○"}
"""Never colour alone."""
_TONES: dict[State, Tone] = {"good": "good", "warning": "warning", "error": "error", "open": "muted"}


@dataclass(frozen=True, kw_only=True)
class Check:
    """One line."""

    state: State
    name: str
    text: str


class Checklist(QWidget):
    """Lines with a mark each."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(SPACE)
        self._grid.setColumnStretch(2, 1)
        self._labels: list[tuple[QLabel, QLabel, QLabel]] = []
        self._checks: tuple[Check, ...] = ()

    def show_checks(self, found: tuple[Check, ...]) -> None:
        """Show these lines."""
        if found == self._checks:
            return
        self._checks = found
        while len(self._labels) < len(found):
            labels = tuple(QLabel(textFormat=Qt.TextFormat.PlainText) for _ in range(3))
            labels[2].setWordWrap(True)
            for column, label in enumerate(labels):
                self._grid.addWidget(label, len(self._labels), column, Qt.AlignmentFlag.AlignTop)
            self._labels.append((labels[0], labels[1], labels[2]))
        for number, (mark, name, text) in enumerate(self._labels):
            shown = number < len(found)
            for label in (mark, name, text):
                label.setVisible(shown)
            if shown:
                check = found[number]
                mark.setText(MARKS[check.state])
                set_tone(mark, _TONES[check.state])
                name.setText(check.name)
                text.setText(check.text)
        self.setAccessibleDescription("; ".join(f"{one.name}: {one.text}" for one in found))


def checks(session: "Session", *, verdict: "Verdict | None" = None) -> tuple[Check, ...]:
    """The lines for what is open; `verdict` is that of an export of the plan as it is now."""
    figures, graph = session.figures, session.graph
    if figures is None or graph is None:
        return ()
    opaque = [layer.type for layer in graph.layers if layer.kind == "opaque"]
    operators = (
        Check(
            state="good", name=_tr("Operators"), text=_tr("all {n} layers are understood").format(n=len(graph.layers))
        )
        if not opaque
        else Check(
            state="warning",
            name=_tr("Operators"),
            text=_tr("{types}: written as they came, only ONNX carries them").format(
                types=", ".join(sorted(set(opaque)))
            ),
        )
    )
    budgets = session.budgets
    return (
        operators,
        _room(_tr("Flash"), figures.flash_bytes, budgets.flash_bytes),
        _room(_tr("RAM"), figures.ram_bytes, budgets.ram_bytes),
        _accuracy(session),
        _problems(session),
        _proof(verdict),
    )


def _proof(verdict: "Verdict | None") -> Check:
    name = _tr("Proof")
    if verdict is None:
        return Check(state="open", name=name, text=_tr("comes with the export: every file is run again and compared"))
    if verdict.passed:
        return Check(state="good", name=name, text=_tr("the files compute what was on screen"))
    return Check(state="error", name=name, text=_tr("the files do not compute what was on screen"))


def _room(name: str, value: int | None, limit: int | None) -> Check:
    if value is None:
        return Check(state="open", name=name, text=_tr("unknown without a device"))
    if limit is None:
        return Check(state="good", name=name, text=_tr("{value}, no limit set").format(value=words.size(value)))
    told = _tr("{value} of {limit}").format(value=words.size(value), limit=words.size(limit))
    if value <= limit:
        return Check(state="good", name=name, text=told)
    over = _tr("{over} over").format(over=words.size(value - limit))
    return Check(state="error", name=name, text=f"{told}: {over}")


def _accuracy(session: "Session") -> Check:
    found, name = session.accuracy, quality_words.noun(None if session.data is None else session.data.metric)
    if session.data is None:
        return Check(state="open", name=name, text=_tr("unknown without data"))
    if found is None or not session.accuracy_is_current:
        return Check(state="open", name=name, text=_tr("being measured…"))
    baseline = session.baseline
    before = None if baseline is None else baseline.accuracy
    told = quality_words.beside(found)
    if before is None:
        return Check(state="good", name=name, text=told)
    drop = found.drop_from(before)
    change = gained(before, found, session.texts.language)
    told = _tr("{now}, {change} against the network as loaded").format(now=told, change=change)
    allowed = session.budgets.max_drop
    lost = drop > (2.0 if allowed is None else allowed)
    if lost and session.run is None:
        told += _tr("; training may bring it back")
    return Check(state="warning" if lost else "good", name=name, text=told)


def _problems(session: "Session") -> Check:
    found = [problem for problem in session.problems if problem.level != "note"]
    errors = [problem for problem in found if problem.level == "error"]
    if errors:
        said = session.texts.of(errors[0].code, **errors[0].values)
        return Check(state="error", name=_tr("Plan"), text=said)
    if found:
        one = _tr("1 hint; the Compress panel of the Explore page tells it")
        more = _tr("{n} hints; the Compress panel of the Explore page tells them").format(n=len(found))
        text = one if len(found) == 1 else more
        return Check(state="warning", name=_tr("Plan"), text=text)
    return Check(state="good", name=_tr("Plan"), text=_tr("nothing to object to"))


def _tr(text: str) -> str:
    return QCoreApplication.translate("Checklist", text)
