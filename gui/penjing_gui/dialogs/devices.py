"""Compares the plan across devices: fit, time, energy, battery life, and what each part of the plan saves there."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QSortFilterProxyModel, Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from penjing.devices.battery import Battery, Duty
from penjing.devices.profiles import collection, user_folder
from penjing.errors import UserError
from penjing.estimation.comparison import Compared, compare, variants
from penjing_gui.controls.identity import identify
from penjing_gui.controls.number_box import NumberBox
from penjing_gui.item_models.compared import SORT, ComparedModel
from penjing_gui.saved import saving_lines
from penjing_gui.theme import SPACE

if TYPE_CHECKING:
    from penjing_gui.session import Session

_SIZE = (1120, 640)
_DETAIL_LINES = 9


class DevicesDialog(QDialog):
    """A table of devices under the plan that the sliders show; the choice is the session's device."""

    def __init__(self, session: "Session", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        identify(self, "devices", self.tr("Compare devices"))
        self.setWindowTitle(self.tr("Compare devices"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(*_SIZE)
        self.model = ComparedModel(self)
        self._sorted = _Fitting(self)
        self._sorted.setSourceModel(self.model)
        self.table = identify(QTableView(), "devices.table", self.tr("Devices"))
        self.libraries = identify(QCheckBox(self.tr("Every library")), "devices.libraries")
        self.fitting = identify(QCheckBox(self.tr("Only where it fits")), "devices.fitting")
        self.details = identify(QLabel(textFormat=Qt.TextFormat.PlainText, wordWrap=True), "devices.details")
        self.use = identify(QPushButton(self.tr("&Use this device")), "devices.use")
        self.measured = identify(QPushButton(self.tr("&Enter a measured time…")), "devices.measured")
        self.folder = identify(QPushButton(self.tr("&Own devices…")), "devices.folder")
        self.cell = self._number("devices.cell", self.tr("Battery"), 220, 1, 1e6, " mAh", decimals=0)
        self.volts = self._number("devices.volts", self.tr("Voltage"), 3.0, 0.5, 100, " V", decimals=2)
        self.hourly = self._number("devices.perHour", self.tr("Inferences an hour"), 60, 0, 1e7, "", decimals=0)
        self.sleep = self._number("devices.sleep", self.tr("Sleep current"), 1.0, 0, 1e6, " µA", decimals=2)
        self._lay_out()
        self._connect()
        self._show_battery()
        self.refresh()

    def refresh(self) -> None:
        """Count the plan on every device anew."""
        session = self._session
        if session.graph is None:
            return
        known = collection()
        chosen = known.devices
        if self.libraries.isChecked():
            chosen = tuple(one for device in known.devices for one in variants(device))
        try:
            rows = compare(session.graph, session.plan, session.tables, chosen)
        except (KeyError, UserError) as error:  # scores on their way, or a plan that cannot be done
            said = error.message(session.texts.language) if isinstance(error, UserError) else ""
            self.details.setText(said or self.tr("The plan is still being looked at; open this again in a moment."))
            rows = ()
        self.model.show_rows(rows, known.files)
        self._select(None if session.device is None else session.device.name)
        self._show_details()

    @property
    def current(self) -> Compared | None:
        """The row that is selected."""
        index = self._sorted.mapToSource(self.table.currentIndex())
        return self.model.rows[index.row()] if index.isValid() else None

    def _number(
        self, identifier: str, name: str, value: float, low: float, high: float, unit: str, *, decimals: int
    ) -> NumberBox:
        box = identify(NumberBox(), identifier, name)
        box.setDecimals(decimals)
        box.setRange(low, high)
        box.setSuffix(unit)
        box.setValue(value)
        box.setGroupSeparatorShown(True)
        box.valueChanged.connect(self._show_battery)
        return box

    def _lay_out(self) -> None:
        table = self.table
        table.setModel(self._sorted)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setTabKeyNavigation(False)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.setSortingEnabled(True)
        table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        table.verticalHeader().hide()
        table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        head = QHBoxLayout()
        shown = self.tr("Your plan on every device. Latency needs a plan in integers on microcontrollers.")
        head.addWidget(QLabel(shown, textFormat=Qt.TextFormat.PlainText), 1)
        head.addWidget(self.libraries)
        head.addWidget(self.fitting)
        battery = QHBoxLayout()
        for box in (self.cell, self.volts, self.hourly, self.sleep):
            label = QLabel(box.accessibleName())
            label.setBuddy(box)
            battery.addWidget(label)
            battery.addWidget(box)
            battery.addSpacing(SPACE)
        battery.addStretch(1)
        self.details.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.details.setMinimumHeight(_DETAIL_LINES * self.fontMetrics().lineSpacing())
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        action = QDialogButtonBox.ButtonRole.ActionRole
        for button in (self.use, self.measured, self.folder):
            buttons.addButton(button, action)
            button.setAutoDefault(False)
        # Return in a field takes the field's value; it must not close the dialog, too.
        buttons.button(QDialogButtonBox.StandardButton.Close).setAutoDefault(False)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * SPACE, 2 * SPACE, 2 * SPACE, SPACE)
        layout.setSpacing(SPACE)
        layout.addLayout(head)
        layout.addWidget(table, 1)
        layout.addLayout(battery)
        layout.addWidget(self.details)
        layout.addWidget(buttons)

    def _connect(self) -> None:
        self.libraries.toggled.connect(lambda _: self.refresh())
        self.fitting.toggled.connect(self._sorted.set_only_fitting)
        self.table.selectionModel().currentRowChanged.connect(self._current_changed)
        self.table.doubleClicked.connect(lambda _: self._use())
        self.use.clicked.connect(self._use)
        self.measured.clicked.connect(self._measure)
        self.folder.clicked.connect(self._open_folder)
        self._session.devices_changed.connect(self.refresh)

    def _current_changed(self, _: QModelIndex, __: QModelIndex) -> None:
        self._show_details()

    def _show_details(self) -> None:
        row = self.current
        self.use.setEnabled(row is not None)
        self.measured.setEnabled(row is not None)
        if row is None:
            return
        lines = saving_lines(row.savings, self._session.texts)
        lines = lines or [self.tr("The plan sets nothing yet: nothing is saved.")]
        text = "\n".join([self.tr("What the plan saves on {device}:").format(device=row.title), *lines])
        self.details.setText(text)
        self.details.setAccessibleName(text)

    def _show_battery(self) -> None:
        volts = self.volts.value()
        self.model.show_battery(
            Battery(capacity_mah=self.cell.value(), volts=volts),
            Duty(per_hour=self.hourly.value(), sleep_uw=self.sleep.value() * volts),
        )

    def _select(self, name: str | None) -> None:
        rows = [number for number, row in enumerate(self.model.rows) if row.device == name]
        index = self._sorted.mapFromSource(self.model.index(rows[0], 0)) if rows else self._sorted.index(0, 0)
        self.table.setCurrentIndex(index)

    def _use(self) -> None:
        row = self.current
        if row is None:
            return
        try:
            self._session.set_device(row.device)
        except UserError as error:  # its file went away meanwhile
            self._session.noticed.emit(self._session.texts.error(error, key="device"))
        self.accept()

    def _measure(self) -> None:
        from penjing_gui.dialogs.measured_time import MeasuredTime

        row = self.current
        if row is not None:
            MeasuredTime(self._session, row.device, self).open()

    def _open_folder(self) -> None:
        folder = user_folder()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            refused = UserError("devices.cannot_write", path=folder, detail=error.strerror or error)
            self.details.setText(refused.message(self._session.texts.language))
            return
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))


class _Fitting(QSortFilterProxyModel):
    """Orders by numbers, and leaves out what does not fit, if asked to."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._only = False
        self.setSortRole(SORT)

    def set_only_fitting(self, only: bool) -> None:
        """Leave out what is known not to fit."""
        self._only = only
        self.invalidate()

    def filterAcceptsRow(self, row: int, parent: QModelIndex) -> bool:  # type: ignore[override]
        """Whether a row is shown."""
        source = self.sourceModel()
        assert isinstance(source, ComparedModel)
        return not self._only or source.rows[row].fits is not False
