"""The main window: menus, tool bar, the stack Start | Workbench, docks, status bar; layout that is remembered.

Everything that shows a text is made in `_furnish`, and made anew in another language: who shows something reads it from
the session when it is made, and keeps nothing that would be lost.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QEvent, QObject, QRect, Qt, QTimer, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QContextMenuEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QKeyEvent,
    QPaintEvent,
)
from PySide6.QtWidgets import QApplication, QMainWindow, QMenuBar, QStackedWidget, QVBoxLayout, QWidget

from penjing_gui import icons, language
from penjing_gui.actions import Actions
from penjing_gui.commands import Commands
from penjing_gui.docks import Docks
from penjing_gui.drops import Drags, DropOverlay
from penjing_gui.focus_ring import FocusRing
from penjing_gui.job_record import JobRecord
from penjing_gui.journal import Journal
from penjing_gui.menus import fill_menus
from penjing_gui.notice_bar import NoticeBar
from penjing_gui.notices import Notice
from penjing_gui.pages.start import StartPage
from penjing_gui.pictures import Pictures
from penjing_gui.remembering import Remembering
from penjing_gui.session import Session
from penjing_gui.settings import SettingsFile
from penjing_gui.status_bar import StatusBar
from penjing_gui.toolbar import ToolBar
from penjing_gui.training_record import TrainingRecord
from penjing_gui.tuning import Tuning
from penjing_gui.workbench import Workbench

if TYPE_CHECKING:
    from pathlib import Path

SIZE = (1280, 800)
_LAYOUT_VERSION = 2
_NARROWEST = 420


class MainWindow(QMainWindow):
    """Everything that is seen; it knows the session and lays out pages and docks."""

    painted = Signal()
    """For the first time: what takes long may begin."""

    def __init__(self, session: Session, settings: SettingsFile, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session, self.settings = session, settings
        self.setWindowTitle("Penjing")
        self.setAccessibleName("Penjing")
        self.setObjectName("main")
        self.setAcceptDrops(True)
        self.setDockNestingEnabled(True)
        self.resize(*SIZE)
        FocusRing(self)
        self.commands = Commands(self)
        self.pictures = Pictures(self)
        self.journal = Journal(session, self)
        self.job_record = JobRecord(session, self)
        self.record = TrainingRecord(session, self)
        self._remembering = Remembering(session, settings)
        self._tuning = Tuning(session, settings)
        self._closing = self._painted = self._refurnishing = False
        self._tab: str | None = None
        """The tab beside which docks are shown; None on the Start page."""
        self._furnish()
        self._connect()
        self.show_start()
        self._restore()

    def _furnish(self) -> None:
        """Make everything that is seen."""
        session = self.session
        self.actions_ = Actions(session, self)
        self.start = StartPage(self.settings)
        # The window must fit a small screen, whatever the page would like.
        self.start.setMinimumWidth(_NARROWEST)
        self.start.open_wanted.connect(self.commands.open)
        self.start.choose_model_wanted.connect(self.commands.choose_model)
        self.start.choose_project_wanted.connect(self.commands.choose_project)
        self.workbench = Workbench(session, self.record)
        self.workbench.tab_changed.connect(self._tab_changed)
        self.workbench.source_wanted.connect(self.commands.open)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.start)
        self._stack.addWidget(self.workbench)
        central = QWidget()
        layout = QVBoxLayout(central)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._stack, 1)
        self.setCentralWidget(central)
        self.tool_bar = ToolBar(session, self.actions_)
        self.addToolBar(self.tool_bar)
        self.docks = Docks(session, self.journal, self.job_record, self)
        self.setStatusBar(StatusBar(session))
        self.notices = NoticeBar(self, self._room_for_notices)
        fill_menus(self)
        self._overlay = DropOverlay(self)
        self._drags = Drags(self._overlay, lambda: session.is_open, self.commands.take_drop)

    def _room_for_notices(self) -> QRect:
        """The middle of the tool bar; without it, the upper edge of the page."""
        top = self.menuBar().height()
        if not self.tool_bar.isVisible():
            return QRect(0, top, 0, 0)
        middle = self.tool_bar.middle
        return QRect(middle.mapTo(self, middle.rect().topLeft()).x(), top, middle.width(), self.tool_bar.height())

    def _refurnish(self) -> None:
        """Make everything anew in another language, and leave the person where they were."""
        self._refurnishing = False
        at_work, tab = self._stack.currentWidget() is self.workbench, self.workbench.tabs.currentIndex()
        built, notices, sizes = self.workbench.tabs.count() > 0, self.notices.notices, self.docks.sizes()
        self._keep_docks()
        self._tab = None  # until the new docks stand where the old ones did
        for action in self.actions():
            self.removeAction(action)
        self.removeToolBar(self.tool_bar)
        self.tool_bar.setObjectName("")
        self.docks.remove()
        self._overlay.hide()
        for gone in (self.actions_, self.tool_bar, self.notices, self._overlay):
            gone.deleteLater()
        self.setMenuBar(QMenuBar())
        self._furnish()
        if built:
            self.workbench.build()
        if at_work:
            self.workbench.tabs.setCurrentIndex(tab)
            self.show_workbench()
        else:
            self.show_start()
        self.docks.want(sizes)
        self._entitle()
        for notice in notices:
            self.notices.show_notice(notice)

    def _connect(self) -> None:
        session = self.session
        session.noticed.connect(self._notice)
        session.opened.connect(self._opened)
        session.project_changed.connect(self._entitle)
        session.undo_stack.cleanChanged.connect(self._entitle)
        session.projects.locate_wanted.connect(self.commands.locate)
        session.architecture_wanted.connect(self.commands.ask_architecture)
        self.painted.connect(self._fit_screen)

    def begin(self, source: str | None) -> None:
        """The first thing after the window has been painted: the engine, then what the person named."""
        self.session.start()
        self.session.projects.offer_recovery()
        if source is not None:
            self.commands.open(source)
        QTimer.singleShot(0, self.workbench.build)

    def take_over(self, sources: Sequence[str]) -> None:
        """Another start handed this over."""
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.raise_()
        self.activateWindow()
        for source in sources[:1]:
            self.commands.open(source)

    def show_start(self) -> None:
        """The first page; docks and tool bar have nothing to say there."""
        self._keep_docks()
        self._tab = None
        self._stack.setCurrentWidget(self.start)
        self.tool_bar.hide()
        self.docks.hide_all()
        self.notices.place()
        if self.start.first is not None:
            self.start.first.setFocus()

    def show_workbench(self) -> None:
        """The tabs and the docks as they were left."""
        if self._stack.currentWidget() is self.workbench:
            return
        self.workbench.build()
        self._stack.setCurrentWidget(self.workbench)
        layout = self.settings.value.layout
        if not (layout and self.restoreState(QByteArray.fromBase64(layout.encode()), _LAYOUT_VERSION)):
            self.docks.arrange()
        self._show_docks()

    def reset_layout(self) -> None:
        """Docks as they are at first, beside every tab."""
        self.settings.update(layout="", docks={})
        self.docks.place()
        if self._tab is not None:
            self._show_docks()
            self.docks.arrange()

    def show_tab(self, number: int) -> None:
        """One of the tabs, from 0."""
        if self.session.is_open:
            self.show_workbench()
            self.workbench.tabs.setCurrentIndex(number)

    def show_lesson(self, path: str) -> None:
        """A lesson that somebody shared; it needs no network."""
        self.show_workbench()
        self.workbench.show_lesson(path)

    def guard(self, then: Callable[[], None]) -> None:
        """Do something that would lose unsaved changes, after asking."""
        if not self.session.unsaved:
            then()
            return
        from penjing_gui.dialogs import unsaved

        unsaved.ask(self, save=lambda: self.commands.save(then), discard=then)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Tells when there is something to see."""
        super().paintEvent(event)
        if not self._painted:
            self._painted = True
            # Keys pass here first. On the application the filter would be asked about every event of every widget.
            self.windowHandle().installEventFilter(self)
            QTimer.singleShot(0, self, self.painted.emit)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """A plot offers to be kept; elsewhere the docks are listed."""
        by_keys = event.reason() == QContextMenuEvent.Reason.Keyboard
        widget = QApplication.focusWidget() if by_keys else self.childAt(event.pos())
        if not self.pictures.show_menu(widget, event.globalPos()):
            super().contextMenuEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Ask about what is not saved, remember the layout, let go."""
        if not self._closing and self.session.unsaved:
            event.ignore()
            self.guard(self._close_for_good)
            return
        self._keep_docks()
        self.settings.update(geometry=bytes(self.saveGeometry().toBase64().data()).decode())
        if (handle := self.windowHandle()) is not None:
            handle.removeEventFilter(self)
        # What takes time happens when nobody looks at the window any more.
        self.hide()
        self.session.close()
        event.accept()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Holding B shows the network before compression; files go to the window, whatever they are dragged over."""
        if watched is self.windowHandle() and self._drags.hear(event):
            return True
        if event.type() in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease) and isinstance(event, QKeyEvent):
            plain = event.modifiers() == Qt.KeyboardModifier.NoModifier
            ours = watched is self.windowHandle() and event.key() == Qt.Key.Key_B and plain
            if ours and not event.isAutoRepeat() and self.session.is_open and not _types_text():
                self.session.show_before(event.type() == QEvent.Type.KeyPress)
        return super().eventFilter(watched, event)

    def changeEvent(self, event: QEvent) -> None:
        """Icons follow the palette, texts the language; a held key is let go when the window loses the keyboard."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            icons.retint(self)
        elif event.type() == QEvent.Type.LanguageChange and not self._refurnishing and hasattr(self, "docks"):
            # Every translator that goes or comes is told; one change is enough, when all of them are there.
            self._refurnishing = True
            QTimer.singleShot(0, self, self._refurnish)
        elif event.type() == QEvent.Type.ActivationChange and not self.isActiveWindow():
            self.session.show_before(False)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Say what will happen."""
        self._drags.hear(event)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """Nothing happens after all."""
        self._drags.hear(event)

    def dropEvent(self, event: QDropEvent) -> None:
        """Do what the overlay says."""
        self._drags.hear(event)

    def _close_for_good(self) -> None:
        self._closing = True
        self.close()

    def _opened(self) -> None:
        for of_before in ("open", "job", "plan", "measure"):
            self.notices.dismiss(of_before)
        self.show_workbench()
        self._entitle()

    def _notice(self, notice: Notice) -> None:
        # What nobody has to act on is said in the status bar alone.
        if notice.level != "information" or notice.actions or not notice.text:
            self.notices.show_notice(notice)
        else:
            self.notices.dismiss(notice.key or "information")

    def _entitle(self) -> None:
        session = self.session
        path: Path | None = session.projects.path
        name = language.title_of(session.source or "", session.title) if path is None else path.name
        if session.projects.read_only:
            name = self.tr("{name} (read-only)").format(name=name)
        self.setWindowTitle(f"{name}[*] – Penjing" if name else "Penjing")
        self.setWindowModified(bool(name) and session.unsaved)

    def _tab_changed(self, _: str) -> None:
        self._keep_docks()
        self._show_docks()

    def _show_docks(self) -> None:
        self._tab = self.workbench.tab
        self.tool_bar.show()
        self.docks.show_for(self._tab, self.settings.value.docks)
        # The tool bar that was just shown has no size yet.
        QTimer.singleShot(0, self.notices, self.notices.place)

    def _keep_docks(self) -> None:
        """Remember what stands beside the tab that is about to be left."""
        if self._tab is None:
            return
        changes: dict[str, object] = {"docks": {**self.settings.value.docks, self._tab: self.docks.shown()}}
        if self._tab == "explore":
            # Only there all docks have their sizes.
            changes["layout"] = bytes(self.saveState(_LAYOUT_VERSION).toBase64().data()).decode()
        self.settings.update(**changes)

    def _fit_screen(self) -> None:
        """On a screen as large as the window, the frame, which is known only now, must not push the status bar off."""
        screen, frame = self.screen().availableGeometry().size(), self.frameGeometry().size() - self.size()
        if self.size().boundedTo(screen) == self.size():
            self.resize(self.size().boundedTo(screen - frame))

    def _restore(self) -> None:
        geometry = self.settings.value.geometry
        if geometry:
            self.restoreGeometry(QByteArray.fromBase64(geometry.encode()))


def _types_text() -> bool:
    focus = QApplication.focusWidget()
    return focus is not None and focus.inputMethodQuery(Qt.InputMethodQuery.ImEnabled) is True
