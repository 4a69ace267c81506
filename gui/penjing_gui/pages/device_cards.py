"""The devices as cards: what each has, and what the plan would take of it; the one that is chosen is everybody's."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QShowEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from penjing.devices.facts import fact_title
from penjing.devices.profiles import Device, devices
from penjing.errors import UserError
from penjing.estimation.exact import figures
from penjing_gui import words
from penjing_gui.controls.identity import identify
from penjing_gui.controls.readout import Readout
from penjing_gui.theme import SPACE, colors

if TYPE_CHECKING:
    from penjing.results import Figures
    from penjing_gui.session import Session

_WIDTH = 208
_LINES = 5


def _devices() -> tuple[Device, ...]:
    try:
        return devices()
    except UserError:  # the tool bar, which lists them too, says what is wrong
        return ()


class DeviceCards(QScrollArea):
    """A row of cards; arrow keys go from one to the next."""

    def __init__(self, session: "Session", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        identify(self, "export.devices", self.tr("Devices"))
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._group = QButtonGroup(self)
        self._waiting: list[DeviceCard] = []
        self._one = QTimer(self, singleShot=True, interval=0)
        self._one.timeout.connect(self._estimate_one)
        inside = QWidget()
        row = QHBoxLayout(inside)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(SPACE)
        self.cards = {one.name: DeviceCard(one, session.texts.language) for one in _devices()}
        for card in self.cards.values():
            self._group.addButton(card)
            row.addWidget(card)
            card.clicked.connect(lambda _=False, name=card.device.name: self._choose(name))
        row.addStretch(1)
        self.setWidget(inside)
        self.setFixedHeight(inside.sizeHint().height() + self.horizontalScrollBar().sizeHint().height() + 4)
        session.device_changed.connect(self._show_chosen)
        for changed in (session.plan_changed, session.tables_changed, session.opened):
            changed.connect(self._estimate)
        self._show_chosen()

    def showEvent(self, event: QShowEvent) -> None:
        """What changed while another tab was in front."""
        super().showEvent(event)
        self._show_chosen()
        self._estimate()

    def _choose(self, name: str) -> None:
        try:
            self._session.set_device(name)
        except UserError as error:
            self._session.noticed.emit(self._session.texts.error(error, key="device"))

    def _show_chosen(self) -> None:
        device = self._session.device
        chosen = None if device is None else self.cards.get(device.name)
        # A group that always has one chosen would keep the last one when there is none.
        self._group.setExclusive(chosen is not None)
        for card in self.cards.values():
            card.setChecked(card is chosen)
        if chosen is not None:
            self.ensureWidgetVisible(chosen, SPACE, 0)

    def _estimate(self) -> None:
        """All cards anew, one at each turn of the event loop: a large network takes a while on every device."""
        if self.isVisible() and self._session.is_open:
            first = None if self._session.device is None else self.cards.get(self._session.device.name)
            self._waiting = sorted(self.cards.values(), key=lambda card: card is first)
            self._one.start()

    def _estimate_one(self) -> None:
        graph = self._session.graph
        if graph is None or not self._waiting:
            return
        card = self._waiting.pop()
        try:
            card.show_figures(figures(graph, self._session.plan, tables=self._session.tables, device=card.device))
        except (KeyError, UserError):  # scores are on their way, or the plan cannot be done
            card.show_figures(None)
        if self._waiting:
            self._one.start()


class DeviceCard(QAbstractButton):
    """One device."""

    def __init__(self, device: Device, language: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.device = device
        self._fits: bool | None = None
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        identify(self, f"export.device.{device.name}")
        self._lines = [Readout() for _ in range(_LINES)]
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 8, 12, 8)
        layout.setSpacing(1)
        for line in self._lines:
            line.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            layout.addWidget(line)
        font = self._lines[0].font()
        font.setWeight(font.Weight.DemiBold)
        self._lines[0].setFont(font)
        clock = f"{device.core} · {device.clock_mhz:g} MHz"
        # The board is told by the tip; a card has room for the chip.
        chip = device.title.partition(" (")[0]
        self._lines[0].setText(chip if device.kind == "microcontroller" else device.title)
        self._lines[1].say(clock, clock, "muted")
        told = ((fact_title(f"sources.{key}", language), self.tr(text)) for key, text in device.sources.items())
        facts = [device.title, clock, *(f"{title}: {text}" for title, text in told)]
        self.setToolTip("\n".join(facts))
        self.show_figures(None)

    def sizeHint(self) -> QSize:
        """All cards are as large as each other."""
        layout = self.layout()
        return QSize(_WIDTH, 0 if layout is None else layout.sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        """As `sizeHint`."""
        return self.sizeHint()

    def show_figures(self, found: "Figures | None") -> None:
        """What the plan would take here; None while that is unknown."""
        device = self.device
        flash = None if found is None else found.flash_bytes
        ram = None if found is None else found.ram_bytes
        rooms = [
            (flash, device.flash_bytes, self.tr("{mark} {value} of {room} flash"), self.tr("{value} flash")),
            (ram, device.ram_bytes, self.tr("{mark} {value} of {room} RAM"), self.tr("{value} RAM")),
        ]
        known = [value <= room for value, room, *_ in rooms if value is not None and room is not None]
        self._fits = all(known) if known else None
        for line, (value, room, text, alone) in zip(self._lines[2:4], rooms, strict=True):
            mark = "·" if value is None or room is None else "✓" if value <= room else "▲"
            told = text if room is not None else alone if value is not None else ""
            shown = told.format(mark=mark, value=words.size(value), room=words.size(room))
            line.say(shown, shown, "alarming" if mark == "▲" else "plain")
        latency = None if found is None else words.banded(found.latency_ms, "ms", found.latency_band)
        self._lines[4].setText(self.tr("{latency} latency").format(latency=latency or words.UNKNOWN))
        said = {True: self.tr("the plan fits"), False: self.tr("the plan does not fit")}
        parts = [device.title, said.get(self._fits, "") if self._fits is not None else ""]
        self.setAccessibleName(", ".join(part for part in parts if part))

    def paintEvent(self, event: QPaintEvent) -> None:
        """A frame; what is chosen and what has the keyboard is seen."""
        found = colors(self.palette())
        marked = self.isChecked() or self.hasFocus() or self.underMouse()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(found.accent if marked else found.border), 2 if self.hasFocus() else 1))
        painter.setBrush(QColor(found.accent_soft if self.isChecked() else found.surface))
        painter.drawRoundedRect(self.rect().adjusted(1, 1, -2, -2), 6, 6)
        painter.end()
