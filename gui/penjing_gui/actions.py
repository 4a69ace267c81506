"""Every command of the menus with its shortcut, and when it can be given."""

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QKeySequence

from penjing_gui.session import Session

Key = QKeySequence.StandardKey
TABS = 5


class Actions(QObject):
    """The commands; the main window decides what most of them do."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.open_model = self._make(self.tr("&Open Model…"), Key.Open)
        self.open_data = self._make(self.tr("Open &Data…"), "Ctrl+D")
        self.open_project = self._make(self.tr("Open &Project…"), "Ctrl+Shift+O")
        self.save = self._make(self.tr("&Save Project"), Key.Save)
        self.save_as = self._make(self.tr("Save Project &As…"), Key.SaveAs)
        self.save_plan = self._make(self.tr("Save P&lan…"))
        self.export = self._make(self.tr("&Export…"), "Ctrl+E")
        self.picture = self._make(self.tr("Save Plot as Pict&ure…"), "Ctrl+Shift+P")
        self.start_page = self._make(self.tr("S&tart Page"), "Ctrl+Home")
        self.quit = self._make(self.tr("&Quit"), Key.Quit)
        self.undo = session.undo_stack.createUndoAction(self, self.tr("Undo"))
        self.undo.setShortcuts(Key.Undo)
        self.redo = session.undo_stack.createRedoAction(self, self.tr("Redo"))
        self.redo.setShortcuts(Key.Redo)
        self.copy_settings = self._make(self.tr("&Copy Settings of Layer"), "Ctrl+Shift+C")
        self.paste_settings = self._make(self.tr("&Paste Settings"), "Ctrl+Shift+V")
        self.reset_plan = self._make(self.tr("&Reset Plan"))
        self.filter = self._make(self.tr("&Filter Layers"), Key.Find)
        # The key is held, so it is no shortcut: the main window hears it go down and up.
        self.before = self._make(self.tr("&Before Compression") + "\tB")
        self.before.setCheckable(True)
        self.before.toggled.connect(session.show_before)
        session.before_changed.connect(self.before.setChecked)
        self.measure = self._make(self.tr("&Measure All"), "F5")
        self.fit = self._make(self.tr("&Fit to Device"), "Ctrl+Shift+F")
        self.devices = self._make(self.tr("Compare &Devices…"), "Ctrl+Shift+D")
        self.cancel = self._make(self.tr("&Cancel"), "Esc")
        self.help = self._make(self.tr("&Learn"), Key.HelpContents)
        self.shortcuts = self._make(self.tr("&Keyboard Shortcuts"), "Ctrl+F1")
        self.about = self._make(self.tr("&About Penjing"))
        self.preferences = self._make(self.tr("Pr&eferences…"), "Ctrl+,")
        self.reset_layout = self._make(self.tr("&Reset Layout"))
        self.to_notice = self._make(self.tr("Go to &Notice"), "F6")
        self.tabs = [self._make(self.tr("Tab {number}").format(number=n + 1), f"Ctrl+{n + 1}") for n in range(TABS)]
        self.measure.setToolTip(self.tr("Measure on all validation samples (F5)"))
        self.fit.setToolTip(self.tr("Find the plan that fits the device at the least loss"))
        self.devices.setToolTip(self.tr("What the plan takes and saves on every device"))
        self.devices.setIconText(self.tr("Compare devices"))
        self.measure.setIconText(self.tr("Measure all"))
        self.fit.setIconText(self.tr("Fit to device"))
        session.opened.connect(self._update)
        session.device_changed.connect(self._update)
        session.job_changed.connect(self._update)
        session.open_progressed.connect(self._update)
        session.project_changed.connect(self._update)
        self._update()

    def _make(self, text: str, shortcut: QKeySequence.StandardKey | str | None = None) -> QAction:
        action = QAction(text, self)
        if isinstance(shortcut, str):
            action.setShortcut(QKeySequence(shortcut))
        elif shortcut is not None:
            action.setShortcuts(shortcut)
        action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
        return action

    def _update(self) -> None:
        session = self._session
        working = session.job is not None and session.job.active
        for action in (
            self.save_as,
            self.save_plan,
            self.open_data,
            self.export,
            self.copy_settings,
            self.paste_settings,
            self.reset_plan,
            self.filter,
            self.before,
            self.picture,
            self.devices,
            *self.tabs,
        ):
            action.setEnabled(session.is_open)
        self.save.setEnabled(session.is_open)
        self.measure.setEnabled(session.data is not None)
        self.fit.setEnabled(session.is_open and session.device is not None and not working)
        self.cancel.setEnabled(working or session.opening is not None)
