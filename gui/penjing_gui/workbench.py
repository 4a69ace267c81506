"""The tabs of the workbench, made after the window has been painted."""

from typing import ClassVar

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QTabWidget, QVBoxLayout, QWidget

from penjing_gui.controls.identity import identify
from penjing_gui.session import Session
from penjing_gui.training_record import TrainingRecord

_NARROWEST = 420
_LOWEST = 480
"""Pixels of a page."""


class Workbench(QWidget):
    """Explore, Trade-offs, Train, Export, Learn."""

    EXPLORE: ClassVar[int] = 0
    TRADEOFFS: ClassVar[int] = 1
    TRAIN: ClassVar[int] = 2
    EXPORT: ClassVar[int] = 3
    LEARN: ClassVar[int] = 4
    NAMES: ClassVar[tuple[str, ...]] = ("explore", "tradeoffs", "train", "export", "learn")
    """Of the tabs, for settings."""

    tab_changed = Signal(str)
    """The name of the tab that is now in front."""
    source_wanted = Signal(str)
    """A network that a page would go on with."""

    def __init__(self, session: Session, record: TrainingRecord, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._record = session, record
        self.tabs = identify(QTabWidget(), "tabs.main", self.tr("Workbench"))
        self.tabs.setDocumentMode(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.tabs)
        self.tabs.currentChanged.connect(self._changed)

    @property
    def tab(self) -> str:
        """The name of the tab in front."""
        return self.NAMES[max(self.tabs.currentIndex(), 0)]

    def titles(self) -> tuple[str, ...]:
        """Of the tabs, in their order."""
        return (self.tr("Explore"), self.tr("Trade-offs"), self.tr("Train"), self.tr("Export"), self.tr("Learn"))

    def build(self) -> None:
        """Make the pages, once; what draws them takes longer to load than the rest of the window."""
        if self.tabs.count():
            return
        import numpy.ma  # noqa: F401 (numpy loads it with the first quantile, which is when a network opens)

        from penjing_gui.pages.explore import ExplorePage
        from penjing_gui.pages.export import ExportPage
        from penjing_gui.pages.learn import LearnPage
        from penjing_gui.pages.tradeoffs import TradeoffsPage
        from penjing_gui.pages.train import TrainPage

        session = self._session
        pages = (
            ExplorePage(session),
            TradeoffsPage(session),
            TrainPage(session, self._record),
            ExportPage(session),
            learn := LearnPage(session),
        )
        learn.page_wanted.connect(lambda name: self.tabs.setCurrentIndex(self.NAMES.index(name)))
        learn.sample_wanted.connect(self.source_wanted)
        for page, title in zip(pages, self.titles(), strict=True):
            # The window must fit a small screen, whatever a page would like.
            page.setMinimumSize(_NARROWEST, _LOWEST)
            self.tabs.addTab(page, title)

    def show_lesson(self, path: str) -> None:
        """The tab of lessons with one that somebody shared."""
        self.tabs.setCurrentIndex(self.LEARN)
        learn = self.tabs.currentWidget()
        learn.open_file(path)  # type: ignore[attr-defined]

    def _changed(self, _: int) -> None:
        if self.tabs.count() == len(self.NAMES):
            self.tab_changed.emit(self.tab)
