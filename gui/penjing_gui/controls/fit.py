"""The Fit dock: every figure of the plan on the device, with its budget, and what is over it in words."""

from collections.abc import Callable, Iterator

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QPushButton, QScrollArea, QWidget

from penjing.catalogue.methods import methods
from penjing.catalogue.metrics import metric_name
from penjing.results import Accuracy
from penjing_gui import quality_words, theme, words
from penjing_gui.controls.identity import identify
from penjing_gui.controls.limited import BOX, STALE, Limit, Limited
from penjing_gui.controls.readout import Readout
from penjing_gui.controls.unhurried import Unhurried
from penjing_gui.session import Session

_KIB = 1024


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
        self._grid.setVerticalSpacing(2)  # Chinese lines are higher, and all rows stay in sight
        self._grid.setColumnStretch(1, 1)
        self.setWidget(content)
        self._quality = QLabel(quality_words.noun(None))
        self._accuracy = self._readout(
            "estimate.accuracy",
            self._quality,
            self.tr(
                "On validation samples, ± half of a 95 % interval. Predicted at once from how layers answer alone, "
                "then measured; F5 measures on all samples"
            ),
        )
        font = self._accuracy.font()
        font.setPixelSize(theme.HEADING)
        font.setBold(True)
        self._accuracy.setFont(font)
        self._seen = identify(Readout(), "estimate.accuracy.seen")
        self._seen.setToolTip(self.tr("How many validation samples that is told from, and how"))
        self._grid.addWidget(self._seen, self._grid.rowCount(), 1, 1, 2)
        self._size = self._readout(
            "estimate.size",
            self.tr("Size"),
            self.tr(
                "Exact: bytes of all weights and biases as this device's storage keeps them; how many times smaller"
            ),
        )
        self._macs = self._readout(
            "estimate.macs",
            self.tr("MACs"),
            self.tr("Exact: multiply-accumulates of one inference after the filter cut; how many times fewer"),
        )
        self._fix = self._fixing()
        self._limited = tuple(Limited(session, limit, self._grid, self) for limit in self._limits())
        self._energy = self._readout(
            "estimate.energy",
            self.tr("Energy"),
            self.tr("Predicted: the device's power while it computes × latency; – without a sourced power"),
        )
        self._file = self._readout(
            "estimate.file",
            self.tr("File"),
            self.tr("Predicted: bytes of the file that an export for this device writes, ± how far off it may be"),
        )
        self._file_soon = Unhurried(self._show_file, self)
        self._grid.setRowStretch(self._grid.rowCount(), 1)
        for changed in (session.figures_changed, session.budgets_changed, session.device_changed):
            changed.connect(self.show_figures)
        session.accuracy_changed.connect(self._show_accuracy)
        self.show_figures()
        self._show_accuracy()

    def show_figures(self) -> None:
        """Read the session."""
        session = self._session
        now, before = session.figures, session.baseline
        stale = not session.figures_are_current
        for limited in self._limited:
            limited.show(now, stale=stale)
        over = any(limited.over for limited in self._limited)
        if over == self._fix.isHidden():
            self._fix.setVisible(over)
        self._put(self._size, self._against("size_bytes", words.size), stale=stale)
        self._put(self._macs, self._against("macs", words.count), stale=stale)
        energy = words.UNKNOWN if now is None else words.banded(now.energy_mj, "mJ", now.energy_band)
        self._put(self._energy, energy, stale=stale and before is not None)
        self._file_soon.ask()

    def _show_file(self) -> Iterator[None]:
        """A little later than what is exact: it takes longer to tell."""
        found = self._session.file_size()
        text = words.UNKNOWN
        if found is not None:
            title = self.tr(methods("format")[found.format].title)
            text = self.tr("{size} ± {band:.0f} %  ·  {format}").format(
                size=words.size(found.bytes), band=100 * found.band, format=title
            )
        self._put(self._file, text, stale=found is None and self._session.is_open)
        yield

    def _limits(self) -> tuple[Limit, ...]:
        def latency(ms: float) -> str:
            return words.banded(ms, "ms", None)

        return (
            Limit(
                field="flash_bytes",
                identifier="fit.flash",
                budget_identifier="fit.flashBudget",
                name=self.tr("Flash"),
                how=self.tr("Exact: weights, scales and the code that the network needs on this device"),
                unit=" KiB",
                factor=_KIB,
                shown=words.size,
            ),
            Limit(
                field="ram_bytes",
                identifier="fit.ram",
                budget_identifier="fit.ramBudget",
                name=self.tr("RAM"),
                how=self.tr("Exact: the tensors that are alive at once, placed as the Memory tab shows"),
                unit=" KiB",
                factor=_KIB,
                shown=words.size,
            ),
            Limit(
                field="latency_ms",
                identifier="estimate.latency",
                budget_identifier="fit.latencyBudget",
                name=self.tr("Latency"),
                how=self.tr("Predicted: Σ MACs / the device's rate for each kind of layer, ± the band of these rates"),
                unit=" ms",
                factor=1.0,
                shown=latency,
            ),
        )

    def _readout(self, identifier: str, name: str | QLabel, how: str) -> Readout:
        row = self._grid.rowCount()
        label = identify(Readout(words.UNKNOWN), identifier)
        label.setToolTip(how)
        named = name if isinstance(name, QLabel) else QLabel(name)
        label.setProperty("title", named.text())
        self._grid.addWidget(named, row, 0)
        self._grid.addWidget(label, row, 1, 1, 2)
        return label

    def _fixing(self) -> QPushButton:
        """Above the budgets, beside figures that leave it room: it comes and goes, and nothing moves."""
        button = identify(QPushButton(self.tr("Fix it…")), "fit.fix")
        button.setToolTip(self.tr("What helps, and exactly how much"))
        button.setFixedWidth(BOX)
        policy = button.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        button.setSizePolicy(policy)
        button.hide()
        button.clicked.connect(self._offer)
        bottom = self._grid.rowCount() - 1
        for label, row in ((self._size, bottom - 1), (self._macs, bottom)):
            self._grid.addWidget(label, row, 1)
        self._grid.addWidget(button, bottom - 1, 2, 2, 1)
        return button

    def _offer(self) -> None:
        from penjing_gui.dialogs.remedies import RemediesDialog

        RemediesDialog(self._session, self.window()).open()

    def _against(self, field: str, shown: Callable[[float | None], str]) -> str:
        now, before = self._session.figures, self._session.baseline
        if now is None or before is None:
            return words.UNKNOWN
        times = words.ratio(getattr(before, field), getattr(now, field))
        return f"{shown(getattr(now, field))}  ({times})" if times else shown(getattr(now, field))

    def _show_accuracy(self) -> None:
        session = self._session
        value = session.shown_accuracy
        tip = session.refusal if session.refusal and session.accuracy_is_stale else ""
        known = None if session.data is None else session.data.metric
        self._quality.setText(quality_words.noun(known if value is None else value.metric))
        self._accuracy.setProperty("title", self._quality.text())
        if tip:
            seen = self.tr("not measured: {why}").format(why=tip)
            self._put(self._accuracy, words.UNKNOWN, stale=False, more=seen)
        elif value is None:
            waiting = session.data is not None
            seen = "" if waiting or not session.is_open else self.tr("no data to measure with")
            self._put(self._accuracy, STALE if waiting else words.UNKNOWN, stale=waiting, more=seen)
        else:
            measured = self.tr("measured") if value.kind == "measured" else self.tr("predicted")
            # What the label and the value do not say.
            metric = [metric_name(value.how, session.texts.language)] if value.how.k > 1 else []
            blanks = [self.tr("{count} no numbers").format(count=value.blank)] if value.blank else []
            seen = ", ".join([f"n={value.n}", *blanks, measured, *metric])
            tip = self._meaning(value)
            self._put(self._accuracy, quality_words.beside(value), stale=session.accuracy_is_stale, more=seen)
        self._seen.say(seen, seen, "alarming" if value is not None and value.blank else "muted")
        self._seen.setToolTip(tip or seen)

    def _meaning(self, value: Accuracy) -> str:
        """What is behind a number that is not simply the share of right answers."""
        told = []
        if value.metric == "agreement":
            told.append(self.tr("How often the plan answers as the network as loaded does: the data has no labels."))
        if value.blank:
            told.append(self._session.texts.of("measure.blank", count=value.blank, all=value.n))
        return "\n".join(told)

    def _put(self, label: Readout, text: str, *, stale: bool, more: str = "") -> None:
        text = f"{text} {STALE}" if stale and STALE not in text else text
        said = f"{label.property('title')}: {text}"
        label.say(text, f"{said} ({more})" if more else said, "muted" if stale else "plain")
