"""What a temperature does: the soft labels of one example, teacher beside plan, moving with T."""

from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from penjing.catalogue.metrics import metric
from penjing_gui.controls.identity import identify
from penjing_gui.controls.number_box import CountBox
from penjing_gui.controls.slider import Scale, ValueSlider
from penjing_gui.plots.bars import Bars
from penjing_gui.theme import SPACE

if TYPE_CHECKING:
    from penjing.worker.messages import Logits
    from penjing_gui.session import Session

LOW, HIGH = 0.5, 50.0
"""Temperatures of the slider, which is logarithmic; the form takes others, too."""
_SOON = 120
"""Milliseconds in which several wishes become one request."""
_SURE = 0.9
_LOOKED_AT = 256
"""Examples that are looked through for one of which the network is less sure."""


def softened(logits: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """The shares softmax(z / T) over the last axis (Hinton 2015).

    >>> softened(np.log([3.0, 1.0]), 1.0).round(2).tolist()
    [0.75, 0.25]
    """
    scaled = logits / temperature
    grown = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    shares: NDArray[np.float64] = grown / grown.sum(axis=-1, keepdims=True)
    return shares


class SoftLabels(QWidget):
    """One example of the validation data."""

    def __init__(self, session: "Session", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._logits: Logits | None = None
        self._request, self._plan_counts = -1, False
        self._drags, self._dragging = 0, False
        self._soon = QTimer(self, singleShot=True, interval=_SOON)
        self._soon.timeout.connect(self._ask)
        self.sample = identify(CountBox(), "train.sample", self.tr("Example"))
        self.sample.setRange(0, 0)
        self.next = identify(QPushButton(self.tr("Next doubtful one")), "train.sample.next")
        self.next.setToolTip(self.tr("The next example of which the original network is less than 90 % sure"))
        scale = Scale(
            steps=1000,
            to_position=lambda value: float(np.clip(np.log(value / LOW) / np.log(HIGH / LOW), 0, 1)),
            to_value=lambda at: float(LOW * (HIGH / LOW) ** at),
            decimals=1,
            low=0.1,
            high=100.0,
            step=0.5,
        )
        self.temperature = ValueSlider("train.softTemperature", self.tr("T"), scale, self)
        self.bars = identify(Bars(), "plot.softLabels", self.tr("Soft labels"))
        self.said = QLabel(textFormat=Qt.TextFormat.PlainText)
        self.said.setProperty("muted", True)
        self.said.setToolTip(
            self.tr("The entropy of the teacher's answer at this temperature: a hard label tells 0 bits")
        )
        self.said.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._lay_out()
        self._connect()
        self._opened()

    def _lay_out(self) -> None:
        title = QLabel(self.tr("Soft labels of example"))
        title.setProperty("heading", True)
        title.setBuddy(self.sample)
        head = QHBoxLayout()
        head.addWidget(title)
        head.addWidget(self.sample)
        head.addWidget(self.next)
        head.addSpacing(SPACE)
        head.addWidget(self.temperature.label)
        head.addWidget(self.temperature.slider, 1)
        head.addWidget(self.temperature.box)
        self.temperature.box.setFixedWidth(56)
        self.bars.name_axes("", self.tr("share, %"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(head)
        layout.addWidget(self.bars, 1)
        layout.addWidget(self.said)

    def _connect(self) -> None:
        session = self._session
        session.opened.connect(self._opened)
        session.plan_changed.connect(self._plan_changed)
        session.accuracy_changed.connect(self._ask_soon)
        session.logits_received.connect(self._hear)
        self.sample.valueChanged.connect(self._ask_soon)
        self.next.clicked.connect(self._find_doubtful)
        self.temperature.began.connect(self._begin_drag)
        self.temperature.moved.connect(self._heat)
        self.temperature.ended.connect(self._end_drag)

    def showEvent(self, event: QShowEvent) -> None:
        """What changed while another tab was in front."""
        super().showEvent(event)
        self._ask_soon()

    # --------------------------------------------------------------------------------------------------------- engine

    def _opened(self) -> None:
        self._logits = None
        data = self._session.data
        self.sample.setMaximum(0 if data is None else max(data.sizes["val"] - 1, 0))
        self.sample.setValue(0)
        self._plan_changed()
        self._ask_soon()

    def _ask_soon(self) -> None:
        if self.isVisible() and self._session.data is not None:
            self._soon.start()

    def _ask(self, *indices: int) -> None:
        session = self._session
        # The engine knows the plan that it measured; an applied run that was trained brings its own network.
        trained = session.run is not None and session.run.has_network
        self._plan_counts = trained or session.accuracy_is_current
        self._request = session.request_logits(indices or (self.sample.value(),), run=session.run)

    def _find_doubtful(self) -> None:
        """Ask for all that follow, and go to the first that is not clear."""
        count = self.sample.maximum() + 1
        start = self.sample.value() + 1
        self._ask(*(index % count for index in range(start, start + min(count, _LOOKED_AT))))

    def _hear(self, told: "Logits") -> None:
        if told.request != self._request:
            return
        if len(told.indices) > 1:
            sure = softened(np.array(told.original), 1.0).max(axis=-1)
            doubtful = np.flatnonzero(sure < _SURE)
            self.sample.setValue(told.indices[int(doubtful[0]) if len(doubtful) else int(sure.argmin())])
            self._ask_soon()
            return
        self._logits = told
        self._draw()

    # ----------------------------------------------------------------------------------------------------- temperature

    def _plan_changed(self) -> None:
        self.temperature.show_value(self._session.plan.distillation.temperature)
        self._draw()

    def _begin_drag(self) -> None:
        self._drags += 1
        self._dragging = True

    def _end_drag(self) -> None:
        self._dragging = False

    def _heat(self, value: float) -> None:
        plan = self._session.plan
        options = msgspec.structs.replace(plan.distillation, temperature=round(value, 1))
        gesture = f"train.softTemperature-{self._drags}" if self._dragging else None
        self._session.edit(msgspec.structs.replace(plan, distillation=options), self.tr("Temperature T"), gesture)

    def _draw(self) -> None:
        told, data = self._logits, self._session.data
        if told is None or data is None:
            self.bars.show_shares((), (), ())
            self.said.setText(self.tr("outline: original network; bars: plan now"))
            return
        if not metric(data.metric).is_share:
            self.bars.show_shares((), (), ())
            self.said.setText(
                self.tr("This network answers numbers: its teacher shows it those, without a temperature.")
            )
            return
        heat = self._session.plan.distillation.temperature
        teacher = softened(np.array(told.original[0]), heat)
        known = told.plan is not None and self._plan_counts
        student = softened(np.array(told.plan[0]), heat).tolist() if known and told.plan is not None else []
        names = data.classes or tuple(str(number) for number in range(len(teacher)))
        self.bars.show_shares(names, teacher.tolist(), student or [None] * len(teacher))
        self.said.setText(self._caption(told, names, teacher, known=known))

    def _caption(self, told: "Logits", names: tuple[str, ...], teacher: NDArray[np.float64], *, known: bool) -> str:
        parts = [self.tr("outline: original network")]
        if known:
            parts.append(self.tr("bars: plan now"))
        if told.labels is not None:
            parts.append(self.tr("label: {name}").format(name=names[told.labels[0]]))
        entropy = float(-(teacher * np.log(np.maximum(teacher, 1e-30))).sum() / np.log(2))
        parts.append(self.tr("the teacher tells {bits:.2f} bits").format(bits=entropy))
        return "  ·  ".join(parts)
