"""The tool bar: the one device selector, undo and redo, fit, measure."""

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QComboBox, QLabel, QSizePolicy, QToolBar, QToolButton, QWidget

from penjing.devices.profiles import collection
from penjing.devices.units import size_text
from penjing.errors import UserError
from penjing_gui import icons
from penjing_gui.actions import Actions
from penjing_gui.controls.identity import identify
from penjing_gui.session import Session


class ToolBar(QToolBar):
    """What is needed on every tab."""

    def __init__(self, session: Session, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.setObjectName("toolbar")
        self.setWindowTitle(self.tr("Tool bar"))
        self.setMovable(False)
        self.setIconSize(QSize(18, 18))
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        label = QLabel(self.tr("&Device"))
        self._devices = identify(QComboBox(), "fit.device", self.tr("Device"))
        self._devices.setMinimumWidth(220)
        label.setBuddy(self._devices)
        self._fill()
        self.addWidget(label)
        self.addWidget(self._devices)
        self._add(actions.devices, "fit.compareDevices", "cpu")
        self.addSeparator()
        self._add(actions.undo, "edit.undo", "undo-2")
        self._add(actions.redo, "edit.redo", "redo-2")
        self.middle = QWidget()
        """Between the buttons there is nothing."""
        self.middle.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.addWidget(self.middle)
        self._add(actions.fit, "fit.run", "wand-sparkles", words=True)
        self._add(actions.measure, "run.measureAll", "gauge", words=True)
        self._devices.activated.connect(self._choose)
        actions.fit.hovered.connect(session.prepare_job)
        session.device_changed.connect(self._show)
        session.devices_changed.connect(self._refill)
        session.opened.connect(self._show)
        self._show()

    def _add(self, action: QAction, identifier: str, icon: str, *, words: bool = False) -> None:
        button = identify(QToolButton(), identifier, action.iconText())
        icons.set_icon(action, icon)
        button.setDefaultAction(action)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.setProperty("framed", words)
        if words:
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.addWidget(button)

    def _fill(self) -> None:
        self._devices.clear()
        self._devices.addItem(self.tr("No device"), None)
        known = collection()
        for one in known.devices:
            room = [size_text(size) for size in (one.flash_bytes, one.ram_bytes) if size]
            title = f"{one.title} *" if one.name in known.files else one.title
            self._devices.addItem(f"{title} · {' / '.join(room)}" if room else title, one.name)
        self._devices.setToolTip(self.tr("* marks a device of your own"))
        # When the window is there to show it.
        QTimer.singleShot(0, self, lambda: self._complain(known.problems))

    def _complain(self, problems: Sequence[UserError]) -> None:
        for problem in problems:
            self._session.noticed.emit(self._session.texts.error(problem, key=f"device {problem.values['path']}"))

    def _refill(self) -> None:
        self._fill()
        self._show()

    def _choose(self, index: int) -> None:
        name = self._devices.itemData(index)
        try:
            self._session.set_device(name)
            self._session.prepare_job()  # who chooses a device mostly fits to it next
        except UserError as error:
            self._session.noticed.emit(self._session.texts.error(error, key="device"))

    def _show(self) -> None:
        device = self._session.device
        self._devices.setCurrentIndex(max(0, self._devices.findData(None if device is None else device.name)))
