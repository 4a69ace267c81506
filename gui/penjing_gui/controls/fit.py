"""The Fit dock: every figure of the plan on the device, with its budget, and what is over it in words."""

from collections.abc import Callable

import msgspec
from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QAbstractSpinBox, QFrame, QGridLayout, QLabel, QScrollArea, QSizePolicy, QWidget

from penjing.results import Figures
from penjing_gui import theme, words
from penjing_gui.controls.budget_bar import BudgetBar
from penjing_gui.controls.identity import identify
from penjing_gui.controls.slider import QuietSpinBox
from penjing_gui.session import Session

_KIB = 1024
STALE = "…"


class FitPanel(QScrollArea):
    """Flash, RAM and latency against budgets; accuracy, size, work and energy."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        identify(self, "fit", self.tr("Fit"))
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        content = QWidget()
        self._grid = QGridLayout(content)
        self._grid.setContentsMargins(8, 4, 8, 8)
        self._grid.setHorizontalSpacing(8)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnStretch(1, 1)
        self.setWidget(content)
        self._accuracy = self._readout("estimate.accuracy", self.tr("Accuracy"))
        font = self._accuracy.font()
        font.setPixelSize(theme.HEADING)
        font.setBold(True)
        self._accuracy.setFont(font)
        self._seen = numbers(identify(QLabel(), "estimate.accuracy.seen"))
        self._seen.setProperty("muted", True)
        self._grid.addWidget(self._seen, self._grid.rowCount(), 1, 1, 2)
        self._size = self._readout("estimate.size", self.tr("Size"))
        self._macs = self._readout("estimate.macs", self.tr("MACs"))
        self._flash = _Limited(self, "fit.flash", self.tr("Flash"), "flash_bytes", " KiB", _KIB, words.size)
        self._ram = _Limited(self, "fit.ram", self.tr("RAM"), "ram_bytes", " KiB", _KIB, words.size)
        self._latency = _Limited(
            self, "fit.latency", self.tr("Latency"), "latency_ms", " ms", 1.0, lambda ms: words.banded(ms, "ms", None)
        )
        self._energy = self._readout("estimate.energy", self.tr("Energy"))
        self._grid.setRowStretch(self._grid.rowCount(), 1)
        for changed in (
            session.figures_changed,
            session.accuracy_changed,
            session.budgets_changed,
            session.device_changed,
        ):
            changed.connect(self.show_figures)
        self.show_figures()

    @property
    def session(self) -> Session:
        """Whose figures these are."""
        return self._session

    @property
    def grid(self) -> QGridLayout:
        """Where rows are added."""
        return self._grid

    def show_figures(self) -> None:
        """Read the session."""
        session = self._session
        now, before = session.figures, session.baseline
        stale = not session.figures_are_current
        for limited in (self._flash, self._ram, self._latency):
            limited.show(now, stale=stale)
        self._show_accuracy()
        self._put(self._size, self._against("size_bytes", words.size), stale=stale)
        self._put(self._macs, self._against("macs", words.count), stale=stale)
        energy = words.UNKNOWN if now is None else words.banded(now.energy_mj, "mJ", now.latency_band)
        self._put(self._energy, energy, stale=stale and before is not None)

    def _readout(self, identifier: str, name: str) -> QLabel:
        row = self._grid.rowCount()
        title = QLabel(name)
        label = numbers(identify(QLabel(words.UNKNOWN), identifier))
        label.setProperty("title", name)
        self._grid.addWidget(title, row, 0)
        self._grid.addWidget(label, row, 1, 1, 2)
        return label

    def _against(self, field: str, shown: Callable[[float | None], str]) -> str:
        now, before = self._session.figures, self._session.baseline
        if now is None or before is None:
            return words.UNKNOWN
        times = words.ratio(getattr(before, field), getattr(now, field))
        return f"{shown(getattr(now, field))}  ({times})" if times else shown(getattr(now, field))

    def _show_accuracy(self) -> None:
        session = self._session
        value = session.accuracy
        if value is None:
            waiting = session.data is not None
            self._put(self._accuracy, STALE if waiting else words.UNKNOWN, stale=waiting)
            self._seen.setText("" if waiting or not session.is_open else self.tr("no data to measure with"))
            return
        measured = self.tr("measured") if value.kind == "measured" else self.tr("predicted")
        metric = [self.tr("agreement with the original")] if value.metric == "agreement" else []
        self._seen.setText(", ".join([f"n={value.n}", measured, *metric]))
        self._put(self._accuracy, words.accuracy(value), stale=not session.accuracy_is_current)
        self._accuracy.setAccessibleName(f"{self._accuracy.accessibleName()} ({self._seen.text()})")

    def _put(self, label: QLabel, text: str, *, stale: bool) -> None:
        put(
            label, f"{text} {STALE}" if stale and STALE not in text else text, str(label.property("title")), stale=stale
        )


class _Limited:
    """A bar, its words, and the input of its budget."""

    def __init__(
        self,
        panel: FitPanel,
        identifier: str,
        name: str,
        field: str,
        unit: str,
        factor: float,
        shown: Callable[[float], str],
    ) -> None:
        self._panel, self._name, self._field, self._factor, self._shown = panel, name, field, factor, shown
        title = QLabel(name)
        self._bar = BudgetBar()
        self._label = numbers(identify(QLabel(words.UNKNOWN), identifier))
        if identifier == "fit.latency":
            identify(self._label, "estimate.latency")
        self._box = identify(QuietSpinBox(), f"{identifier}Budget", panel.tr("{name} budget").format(name=name))
        self._box.setRange(0, 1e9)
        self._box.setDecimals(1)
        self._box.setSuffix(unit)
        self._box.setSpecialValueText(panel.tr("no limit"))
        self._box.setKeyboardTracking(False)
        self._box.setAlignment(Qt.AlignmentFlag.AlignRight)
        self._box.setButtonSymbols(QAbstractSpinBox.ButtonSymbols.NoButtons)
        self._box.setFixedWidth(84)
        self._box.setToolTip(panel.tr("The most that it may take; 0 means no limit"))
        self._box.valueChanged.connect(self._set)
        title.setBuddy(self._box)
        grid, row = panel.grid, panel.grid.rowCount()
        grid.addWidget(title, row, 0)
        grid.addWidget(self._bar, row, 1)
        grid.addWidget(self._box, row, 2)
        grid.addWidget(self._label, row + 1, 1, 1, 2)

    def show(self, now: Figures | None, *, stale: bool) -> None:
        """Read figures and budget."""
        panel = self._panel
        limit = getattr(panel.session.budgets, self._field)
        value = None if now is None else getattr(now, self._field)
        with QSignalBlocker(self._box):
            self._box.setValue(0 if limit is None else limit / self._factor)
        self._bar.show_share(None if not limit or value is None else value / limit, stale=stale)
        text, over = words.UNKNOWN, False
        if value is not None:
            text = self._shown(value)
            if self._field == "latency_ms" and now is not None:
                text = words.banded(value, "ms", now.latency_band)
            if limit:
                over = value > limit
                text = (
                    panel.tr("▲ {value}: {excess} over").format(value=text, excess=self._shown(value - limit))
                    if over
                    else panel.tr("{value}, {share} of it").format(
                        value=text, share=words.percent(value / limit, digits=0)
                    )
                )
        if stale and now is not None:
            text = f"{text} {STALE}"
        put(self._label, text, self._name, stale=stale, alarming=over)
        self._bar.setAccessibleName(f"{self._name}: {text}")

    def _set(self, shown: float) -> None:
        session = self._panel.session
        limit: float | int | None = None
        if shown > 0:
            limit = shown * self._factor if self._field == "latency_ms" else round(shown * self._factor)
        session.set_budgets(msgspec.structs.replace(session.budgets, **{self._field: limit}))


def numbers(label: QLabel) -> QLabel:
    """A label whose digits have equal widths, so that nothing jumps while they change."""
    font = label.font()
    font.setFeature(QFont.Tag("tnum"), 1)
    label.setFont(font)
    label.setTextFormat(Qt.TextFormat.PlainText)
    # A long value must not push what stands beside it out of the dock.
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    return label


def put(label: QLabel, text: str, name: str, *, stale: bool = False, alarming: bool = False) -> None:
    """Show a value; its accessible name says it, too."""
    label.setText(text)
    label.setAccessibleName(f"{name}: {text}")
    colors = theme.colors(label.palette())
    color = colors.muted if stale else colors.error if alarming else ""
    style = f"color: {color};{' font-weight: 600;' if alarming else ''}" if color else ""
    if label.styleSheet() != style:
        label.setStyleSheet(style)
