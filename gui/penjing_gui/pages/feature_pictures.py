"""What feature and attention losses compare: where teacher and student look in an example, and what they find there."""

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QSignalBlocker, Qt, QTimer
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from penjing_gui.controls.identity import identify
from penjing_gui.controls.number_box import CountBox
from penjing_gui.plots.pairs import PairPlot, tiles
from penjing_gui.theme import SPACE

if TYPE_CHECKING:
    from collections.abc import Callable

    from penjing.worker.messages import Array, FeaturePair, Features
    from penjing_gui.session import Session

_SOON = 150
"""Milliseconds in which several wishes become one request."""


class FeaturePictures(QWidget):
    """One pair of layers in one example of the validation data; the student is the plan now, or the run applied."""

    def __init__(self, session: "Session", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._told: Features | None = None
        self._values: Callable[[Array], Any] | None = None
        self._request = -1
        self._soon = QTimer(self, singleShot=True, interval=_SOON)
        self._soon.timeout.connect(self._ask)
        self.sample = identify(CountBox(), "train.featureSample", self.tr("Example"))
        self.sample.setRange(0, 0)
        self.pair = identify(QComboBox(), "train.featurePair", self.tr("Layers that are compared"))
        self.pair.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.plot = identify(PairPlot(), "plot.features", self.tr("Attention and features of teacher and student"))
        self.said = identify(QLabel(textFormat=Qt.TextFormat.PlainText), "train.featureSaid")
        self.said.setProperty("muted", True)
        self.said.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.said.setToolTip(
            self.tr("½ ‖Q_s/‖Q_s‖ - Q_t/‖Q_t‖‖, Q = Σ A² over the channels: what the attention loss makes less")
        )
        self._lay_out()
        for changed in (session.accuracy_changed, session.plan_changed, session.runs_changed):
            changed.connect(self._ask_soon)
        session.opened.connect(self._opened)
        session.features_received.connect(self._hear)
        self.sample.valueChanged.connect(self._ask_soon)
        self.pair.currentIndexChanged.connect(self._draw)
        self._opened()

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        for text, field in ((self.tr("Example"), self.sample), (self.tr("Layers"), self.pair)):
            label = QLabel(text)
            label.setBuddy(field)
            head.addWidget(label)
            head.addWidget(field)
            head.addSpacing(SPACE)
        head.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(head)
        layout.addWidget(self.plot, 1)
        layout.addWidget(self.said)

    def showEvent(self, event: QShowEvent) -> None:
        """What changed while another tab was in front."""
        super().showEvent(event)
        self._ask_soon()

    def _opened(self) -> None:
        self._told = self._values = None
        data = self._session.data
        self.sample.setMaximum(0 if data is None else max(data.sizes["val"] - 1, 0))
        self._fill()
        self._ask_soon()

    def _ask_soon(self, *_: object) -> None:
        if self.isVisible() and self._session.data is not None:
            self._soon.start()

    def _ask(self) -> None:
        session = self._session
        self._request = session.request_features(self.sample.value(), session.plan.distillation, run=session.run)

    def _hear(self, told: "Features", values: "Callable[[Array], Any] | None") -> None:
        if told.request == self._request:
            self._told, self._values = told, values
            self._fill()

    def _fill(self) -> None:
        pairs = () if self._told is None else self._told.pairs
        names = [pair.teacher if pair.teacher == pair.student else f"{pair.teacher} · {pair.student}" for pair in pairs]
        if names != [self.pair.itemText(number) for number in range(self.pair.count())]:
            with QSignalBlocker(self.pair):
                self.pair.clear()
                self.pair.addItems(names)
                self.pair.setCurrentIndex(len(names) - 1)
        self._draw()

    def _draw(self, *_: object) -> None:
        told, number = self._told, self.pair.currentIndex()
        if told is None or self._values is None or not 0 <= number < len(told.pairs):
            self.plot.show_pictures(())
            self.said.setText(self._empty(told))
            return
        pair, values = told.pairs[number], self._values
        shown = []
        if pair.teacher_attention is not None and pair.student_attention is not None:
            shown += [
                (self.tr("teacher looks"), tiles(values(pair.teacher_attention)[None])),
                (self.tr("student looks"), tiles(values(pair.student_attention)[None])),
            ]
        shown += [
            (self.tr("teacher's features"), tiles(values(pair.teacher_features))),
            (self.tr("student's features"), tiles(values(pair.student_features))),
        ]
        self.plot.show_pictures(shown)
        self.said.setText(self._caption(pair))

    def _empty(self, told: "Features | None") -> str:
        if told is not None and told.refused is not None:
            return self._session.texts.of(told.refused, **told.values)
        return self.tr("The pictures come when the plan is measured.")

    def _caption(self, pair: "FeaturePair") -> str:
        theirs, ours = pair.channels
        said = self.tr("teacher: {theirs} channels, student: {ours}").format(theirs=theirs, ours=ours)
        if pair.distance is None:
            return said
        return self.tr("attention apart by {distance:.3f}").format(distance=pair.distance) + "  ·  " + said
