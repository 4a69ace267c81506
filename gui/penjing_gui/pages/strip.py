"""The lower strip of Explore: tabs that each show one more view of the plan.

A new tab is a subclass of `Panel` and one entry in `Strip`.
"""

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QTabWidget, QWidget

from penjing_gui.controls.identity import identify
from penjing_gui.pages.bytes_panel import BytesPanel
from penjing_gui.pages.class_panel import ClassPanel
from penjing_gui.pages.data_panel import DataPanel
from penjing_gui.pages.look_panel import LookPanel
from penjing_gui.pages.memory_panel import MemoryPanel
from penjing_gui.pages.recovery_panel import RecoveryPanel
from penjing_gui.pages.samples_panel import SamplesPanel

if TYPE_CHECKING:
    from penjing_gui.pages.panel import Panel
    from penjing_gui.session import Session


class Strip(QTabWidget):
    """The tabs; a sample that is chosen in one is looked into in the other."""

    def __init__(self, session: "Session", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        identify(self, "explore.strip", self.tr("More views"))
        self.setDocumentMode(True)
        samples, look = SamplesPanel(session), LookPanel(session)
        self.panels: tuple[Panel, ...] = (
            ClassPanel(session),
            DataPanel(session),
            samples,
            look,
            MemoryPanel(session),
            BytesPanel(session),
            RecoveryPanel(session),
        )
        for panel in self.panels:
            self.setTabToolTip(self.addTab(panel, panel.title()), panel.how())
        samples.chosen.connect(look.show_example)
        samples.opened_closer.connect(lambda _: self.setCurrentWidget(look))
