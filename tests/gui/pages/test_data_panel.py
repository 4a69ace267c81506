"""The data in the window: the card, examples of every part and class, the metric."""

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetricsF
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from penjing.worker import messages as wire
from penjing_gui.pages.data_panel import DataPanel
from penjing_gui.pages.sample_cards import LINES
from penjing_gui.session import Session


def test_that_the_panel_tells_the_card_and_asks_for_a_class(session: Session, qtbot: QtBot) -> None:
    asked: list[wire.WantSamples] = []

    def send(message: object) -> None:
        if isinstance(message, wire.WantSamples):
            asked.append(message)

    session.engine.send = send  # type: ignore[method-assign, assignment]
    panel = DataPanel(session)
    qtbot.addWidget(panel)
    panel.resize(900, 200)
    with qtbot.waitExposed(panel):
        panel.show()
    data = session.data
    assert data is not None and data.card is not None
    assert f"{data.sizes['train']:,}" in panel.card.text() and "1×28×28" in panel.card.text()
    assert panel.measure.currentData() == "top1"
    first = asked[-1]
    assert (first.split, first.label, first.indices[0]) == ("val", None, 0)
    panel.label.setFocus()
    QTest.keyClick(panel.label, Qt.Key.Key_Down)
    QTest.keyClick(panel.label, Qt.Key.Key_Down)
    assert asked[-1].label == 1
    counts = [data.card.class_counts[name][1] for name in ("train", "val", "test")]
    assert f"{data.classes[1]}: {' · '.join(f'{count:,}' for count in counts)}" in panel.card.text().splitlines()
    count = data.card.class_counts["val"][1]
    assert panel.place.text().endswith(f"of {count:,}")
    values = np.zeros((2, 1, 28, 28), np.float32)
    place = wire.Array(offset=0, shape=values.shape, dtype="<f4") if hasattr(wire, "Array") else None
    told = wire.Samples(
        request=asked[-1].request, split="val", indices=(4, 9), file="", values=place, labels=(1, 1), chosen=(1, 7)
    )  # type: ignore[arg-type]
    session.samples_received.emit(told, [values])
    lines = [panel.list.item(row).data(LINES) for row in range(panel.list.count())]
    assert lines == [(data.classes[1], f"→ {data.classes[1]}", "#4"), (data.classes[1], f"→ {data.classes[7]}", "#9")]


def test_that_where_one_is_can_be_read_in_the_narrowest_panel(session: Session, qtbot: QtBot) -> None:
    panel = DataPanel(session)
    qtbot.addWidget(panel)
    with qtbot.waitExposed(panel):
        panel.show()
    narrowest = panel.minimumSizeHint().width()
    panel.label.addItem("a class with a name that is as long as a sentence")
    panel.resize(narrowest, 200)
    qtbot.waitUntil(lambda: panel.width() == narrowest)
    assert panel.minimumSizeHint().width() == narrowest
    assert panel.place.width() >= QFontMetricsF(panel.place.font()).horizontalAdvance(panel.place.text())


def test_that_choosing_a_metric_opens_the_data_again_under_it(session: Session, qtbot: QtBot) -> None:
    asked: list[wire.OpenSource] = []
    panel = DataPanel(session)
    qtbot.addWidget(panel)
    with qtbot.waitExposed(panel):
        panel.show()
    session.engine.start = lambda: None  # type: ignore[method-assign]
    session.engine.send = lambda message: asked.append(message)  # type: ignore[method-assign, assignment]
    panel.measure.setCurrentIndex(panel.measure.findData("top3"))
    panel.measure.activated.emit(panel.measure.currentIndex())
    opened = [message for message in asked if isinstance(message, wire.OpenSource)]
    assert opened[-1].metric == "top3" and opened[-1].data == "sample:digits"
    assert panel.measure.currentData() == "top1"  # until it is open
