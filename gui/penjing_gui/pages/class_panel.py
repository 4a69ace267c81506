"""Accuracy of every class, as loaded and under the plan that was last measured in full, or of a trained run."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QStackedWidget, QVBoxLayout, QWidget

from penjing.catalogue.metrics import metric
from penjing_gui import quality_words, words
from penjing_gui.controls.identity import identify
from penjing_gui.new_runs import run_name
from penjing_gui.pages.empty import Empty
from penjing_gui.pages.panel import Panel
from penjing_gui.plots.bars import Bars
from penjing_gui.standing import standing

if TYPE_CHECKING:
    from penjing_gui.session import Session
    from penjing_gui.standing import Standing


MOST = 48
"""Classes whose bars can be told apart."""


class ClassPanel(Panel):
    """Outlines for the network as loaded, bars for the plan."""

    def __init__(self, session: "Session", parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.plot = identify(Bars(), "plot.classes", self.tr("Accuracy by class"))
        self.plot.name_axes("", quality_words.axis(None))
        self.hint = QLabel(textFormat=Qt.TextFormat.PlainText)
        self.hint.setProperty("muted", True)
        self._shown = QWidget()
        column = QVBoxLayout(self._shown)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.hint)
        column.addWidget(self.plot, 1)
        self.empty = Empty("", "")
        self._stack = QStackedWidget()
        for widget in (self.empty, self._shown):
            self._stack.addWidget(widget)
        self.column.addWidget(self._stack, 1)
        for changed in (session.accuracy_changed, session.opened, session.closed, session.tables_changed):
            changed.connect(self.refresh)
        for changed in (session.runs_changed, session.judgements.changed):
            changed.connect(self.refresh)

    def title(self) -> str:
        """Of the tab."""
        return self.tr("Classes")

    def how(self) -> str:
        """Of the tab's tip."""
        return self.tr("Measured on all validation samples: the share of each class that is recognised")

    def show_now(self) -> None:
        """Read the session."""
        session, data = self.session, self.session.data
        if data is None:
            self._say_empty(self.tr("No data is open; drop a data file on the window to measure with it."))
            return
        if not metric(data.metric).is_share:
            self._say_empty(self.tr("The metric of these data is none of classes."))
            return
        found = standing(session)
        before, now = session.baseline_per_class, found.per_class
        names = [words.class_name(data.classes, at) for at in range(len(before))]
        chosen = most_changed(before, now, most=MOST)
        told = [self._words(found)]
        if len(chosen) < len(names):
            few = self.tr("{shown} of {all} classes, those that change most")
            told.append(few.format(shown=len(chosen), all=len(names)))
        self.hint.setText(" · ".join(told))
        shares = ([one[at] if at < len(one) else None for at in chosen] for one in (before, now))
        self.plot.name_axes("", quality_words.axis(data.metric))
        self.plot.show_shares([names[at] for at in chosen], *shares)
        self._stack.setCurrentWidget(self._shown)

    def _say_empty(self, text: str) -> None:
        self.empty.say(text, "")
        self._stack.setCurrentWidget(self.empty)

    def _words(self, found: "Standing") -> str:
        if found.refused:
            return found.refused
        if found.run is not None and found.per_class:
            return self.tr("outline: as loaded; bars: {name}, trained").format(name=run_name(found.run))
        if found.run is not None:
            return self.tr("outline: as loaded; the engine judges {name}…").format(name=run_name(found.run))
        if found.per_class:
            return self.tr("outline: as loaded; bars: plan last measured in full")
        return self.tr("outline: as loaded; F5 measures the plan in full")


def most_changed(before: Sequence[float | None], now: Sequence[float | None], *, most: int) -> Sequence[int]:
    """The classes to show, in their order: all, or of more than `most` those with examples that change most.

    >>> most_changed([1.0, None, 0.5, 0.9], [1.0, None, 0.2, 0.8], most=2)
    [2, 3]
    """
    if len(before) <= most:
        return range(len(before))
    later = [now[at] if at < len(now) else None for at in range(len(before))]
    known = [at for at, share in enumerate(before) if share is not None]
    changes = {at: abs((later[at] or 0.0) - (before[at] or 0.0)) if later[at] is not None else 0.0 for at in known}
    return sorted(sorted(known, key=lambda at: -changes[at])[:most])
