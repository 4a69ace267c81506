"""The main window: menus, tool bar, the stack Start | Workbench, docks, status bar; layout that is remembered."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDragLeaveEvent, QDropEvent, QKeyEvent, QPaintEvent
from PySide6.QtWidgets import QApplication, QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from penjing_gui import icons
from penjing_gui.actions import Actions
from penjing_gui.commands import Commands
from penjing_gui.docks import Docks
from penjing_gui.drops import DropOverlay, dropped, what_happens
from penjing_gui.menus import fill_menus
from penjing_gui.notice_bar import NoticeBar
from penjing_gui.notices import Notice
from penjing_gui.pages.start import StartPage
from penjing_gui.remembering import Remembering
from penjing_gui.session import Session
from penjing_gui.settings import SettingsFile
from penjing_gui.status_bar import StatusBar
from penjing_gui.toolbar import ToolBar
from penjing_gui.workbench import Workbench

if TYPE_CHECKING:
    from pathlib import Path

SIZE = (1280, 800)
_LAYOUT_VERSION = 1
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
        self.actions_ = Actions(session, self)
        self.commands = Commands(self)
        self.notices = NoticeBar()
        self.start = StartPage(settings)
        # The window must fit a small screen, whatever the page would like.
        self.start.setMinimumWidth(_NARROWEST)
        self.workbench = Workbench(session)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.start)
        self._stack.addWidget(self.workbench)
        central = QWidget()
        layout = QVBoxLayout(central)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.notices)
        layout.addWidget(self._stack, 1)
        self.setCentralWidget(central)
        self.tool_bar = ToolBar(session, self.actions_)
        self.addToolBar(self.tool_bar)
        self.docks = Docks(session, self)
        self.setStatusBar(StatusBar(session))
        fill_menus(self)
        self._overlay = DropOverlay(self)
        self._remembering = Remembering(session, settings)
        self._closing = self._painted = False
        self._connect()
        self.show_start()
        self._restore()

    def _connect(self) -> None:
        session = self.session
        session.noticed.connect(self._notice)
        session.opened.connect(self._opened)
        session.project_changed.connect(self._entitle)
        session.undo_stack.cleanChanged.connect(self._entitle)
        session.projects.locate_wanted.connect(self.commands.locate)
        self.start.open_wanted.connect(self.commands.open)
        self.start.choose_model_wanted.connect(self.commands.choose_model)
        self.start.choose_project_wanted.connect(self.commands.choose_project)
        app = QApplication.instance()
        assert app is not None
        app.installEventFilter(self)

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
        if self._stack.currentWidget() is self.workbench:
            self._keep_layout()
        self._stack.setCurrentWidget(self.start)
        self.tool_bar.hide()
        self.docks.hide_all()
        if self.start.first is not None:
            self.start.first.setFocus()

    def show_workbench(self) -> None:
        """The tabs and the docks as they were left."""
        if self._stack.currentWidget() is self.workbench:
            return
        self.workbench.build()
        self._stack.setCurrentWidget(self.workbench)
        self.tool_bar.show()
        layout = self.settings.value.layout
        if not (layout and self.restoreState(QByteArray.fromBase64(layout.encode()), _LAYOUT_VERSION)):
            self.docks.arrange()
        self.tool_bar.show()

    def show_tab(self, number: int) -> None:
        """One of the tabs, from 0."""
        if self.session.is_open:
            self.show_workbench()
            self.workbench.tabs.setCurrentIndex(number)

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
            QTimer.singleShot(0, self, self.painted.emit)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Ask about what is not saved, remember the layout, let go."""
        if not self._closing and self.session.unsaved:
            event.ignore()
            self.guard(self._close_for_good)
            return
        if self._stack.currentWidget() is self.workbench:
            self._keep_layout()
        self.settings.update(geometry=bytes(self.saveGeometry().toBase64().data()).decode())
        app = QApplication.instance()
        assert app is not None
        app.removeEventFilter(self)
        # What takes time happens when nobody looks at the window any more.
        self.hide()
        self.session.close()
        event.accept()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Holding B shows the network before compression."""
        if event.type() in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease) and isinstance(event, QKeyEvent):
            plain = event.modifiers() == Qt.KeyboardModifier.NoModifier
            ours = watched is self.windowHandle() and event.key() == Qt.Key.Key_B and plain
            if ours and not event.isAutoRepeat() and self.session.is_open and not _types_text():
                self.session.show_before(event.type() == QEvent.Type.KeyPress)
        return super().eventFilter(watched, event)

    def changeEvent(self, event: QEvent) -> None:
        """Icons follow the palette; a key that is held is let go when the window loses the keyboard."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            icons.retint(self)
        elif event.type() == QEvent.Type.ActivationChange and not self.isActiveWindow():
            self.session.show_before(False)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Say what will happen."""
        drop = dropped(event.mimeData())
        if drop is None:
            return
        self._overlay.announce(what_happens(drop, network_open=self.session.is_open))
        if drop.kind != "unknown" and (drop.kind != "data" or self.session.is_open):
            event.acceptProposedAction()
        else:
            # A refused drag is not told when it leaves.
            QTimer.singleShot(2000, self._overlay.hide)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """Nothing happens after all."""
        self._overlay.hide()

    def dropEvent(self, event: QDropEvent) -> None:
        """Do what the overlay says."""
        self._overlay.hide()
        drop = dropped(event.mimeData())
        if drop is not None:
            event.acceptProposedAction()
            self.commands.take_drop(drop)

    def _close_for_good(self) -> None:
        self._closing = True
        self.close()

    def _opened(self) -> None:
        self.notices.dismiss("open")
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
        name = session.title if path is None else path.name
        self.setWindowTitle(f"{name}[*] – Penjing" if name else "Penjing")
        self.setWindowModified(bool(name) and session.unsaved)

    def _keep_layout(self) -> None:
        self.settings.update(layout=bytes(self.saveState(_LAYOUT_VERSION).toBase64().data()).decode())

    def _restore(self) -> None:
        geometry = self.settings.value.geometry
        if geometry:
            self.restoreGeometry(QByteArray.fromBase64(geometry.encode()))


def _types_text() -> bool:
    focus = QApplication.focusWidget()
    return focus is not None and focus.inputMethodQuery(Qt.InputMethodQuery.ImEnabled) is True
