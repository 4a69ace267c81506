"""Criterion, scope, scheme and the like: a combo box for each, filled from the catalogue; and the lock."""

from collections.abc import Mapping

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtGui import QStandardItemModel, QWheelEvent
from PySide6.QtWidgets import QCheckBox, QComboBox, QGridLayout, QLabel

from penjing.catalogue.methods import Kind, Method, Need, methods
from penjing_gui.controls.binding import Binding
from penjing_gui.controls.identity import identify
from penjing_gui.session import Session


class QuietComboBox(QComboBox):
    """A combo box that leaves the wheel to the page."""

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scrolling past must not change a plan."""
        event.ignore()


class ChoiceControl(Binding):
    """A combo box whose item data are the plan's own words."""

    def __init__(self, session: Session, field: str, identifier: str, name: str, entries: Mapping[str, str]) -> None:
        super().__init__(session, field, name)
        self.title = QLabel(name)
        self.box = identify(QuietComboBox(), identifier, name)
        self.title.setBuddy(self.box)
        self.box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.box.setMinimumContentsLength(10)
        for value, title in entries.items():
            self.box.addItem(title, value)
        self.box.setPlaceholderText(session.tr("(several)"))
        self.box.activated.connect(self._choose)
        self.changed.connect(self.show)

    def add_to(self, grid: QGridLayout) -> None:
        """Label and combo box below what is there."""
        row = grid.rowCount()
        grid.addWidget(self.title, row, 0)
        grid.addWidget(self.box, row, 1, 1, 2)

    def show(self) -> None:
        """Read the plan."""
        common = self.read()
        self.box.setEnabled(common is not None)
        if common is not None:
            with QSignalBlocker(self.box):
                self.box.setCurrentIndex(-1 if common.mixed else self.box.findData(common.value))

    def _choose(self, index: int) -> None:
        self.write(self.box.itemData(index))


class MethodControl(ChoiceControl):
    """The same for methods of the catalogue; what the data cannot give is greyed with the reason."""

    def __init__(self, session: Session, field: str, identifier: str, name: str, kind: Kind) -> None:
        self._methods: Mapping[str, Method] = methods(kind)
        super().__init__(
            session, field, identifier, name, {id: session.tr(one.title) for id, one in self._methods.items()}
        )
        for index, method in enumerate(self._methods.values()):
            tip = "\n".join(session.tr(part) for part in (method.formula, method.source) if part)
            self.box.setItemData(index, tip, Qt.ItemDataRole.ToolTipRole)
        session.opened.connect(self._enable)
        self._enable()

    def _enable(self) -> None:
        data = self.session.data
        missing: set[Need] = set()
        if data is None:
            missing |= {"data", "labels", "gradients"}
        elif not data.has_labels:
            missing |= {"labels"}
        model = self.box.model()
        assert isinstance(model, QStandardItemModel)
        for row, method in enumerate(self._methods.values()):
            model.item(row).setEnabled(missing.isdisjoint(method.needs))


class LockControl(Binding):
    """Whether pruning leaves the layers alone."""

    def __init__(self, session: Session) -> None:
        super().__init__(session, "locked", session.tr("Lock"))
        name = session.tr("Locked: nothing is pruned here")
        self.box = identify(QCheckBox(name), "compress.locked", name)
        self.box.clicked.connect(self._click)
        self.changed.connect(self.show)

    def add_to(self, grid: QGridLayout) -> None:
        """Below what is there."""
        grid.addWidget(self.box, grid.rowCount(), 0, 1, 3)

    def show(self) -> None:
        """Read the plan."""
        common = self.read()
        self.box.setEnabled(common is not None)
        if common is not None:
            state = Qt.CheckState.Checked if common.value else Qt.CheckState.Unchecked
            with QSignalBlocker(self.box):
                self.box.setCheckState(Qt.CheckState.PartiallyChecked if common.mixed else state)

    def _click(self) -> None:
        self.box.setTristate(False)
        self.write(self.box.checkState() != Qt.CheckState.Unchecked)
