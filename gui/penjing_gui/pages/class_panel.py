"""Accuracy of every class, as loaded and under the plan that was last measured in full, or of a trained run."""

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QWidget

from penjing.catalogue.metrics import metric
from penjing_gui.controls.identity import identify
from penjing_gui.new_runs import run_name
from penjing_gui.pages.panel import Panel
from penjing_gui.plots.bars import Bars
from penjing_gui.standing import standing

if TYPE_CHECKING:
    from penjing_gui.session import Session
    from penjing_gui.standing import Standing


class ClassPanel(Panel):
    """Outlines for the network as loaded, bars for the plan."""

    def __init__(self, session: "Session", parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.plot = identify(Bars(), "plot.classes", self.tr("Accuracy by class"))
        self.plot.name_axes("", self.tr("accuracy, %"))
        self.hint = QLabel(textFormat=Qt.TextFormat.PlainText)
        self.hint.setProperty("muted", True)
        self.column.addWidget(self.hint)
        self.column.addWidget(self.plot, 1)
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
            self.plot.show_shares((), (), ())
            self.hint.setText(self.tr("No data is open; drop a data file on the window to measure with it."))
            return
        if not metric(data.metric).is_share:
            self.plot.show_shares((), (), ())
            self.hint.setText(self.tr("The metric of these data is none of classes."))
            return
        found = standing(session)
        self.plot.show_shares(data.classes, session.baseline_per_class, found.per_class)
        self.hint.setText(self._words(found))

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
