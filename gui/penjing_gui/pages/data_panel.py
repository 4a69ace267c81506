"""The data as the network sees them: the card, and examples of any split and class to look through."""

from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray
from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QListWidgetItem,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from penjing.assets import phrase
from penjing.catalogue.metrics import OFFERED, TASKS, metric, metric_name
from penjing_gui import theme, words
from penjing_gui.controls.identity import identify
from penjing_gui.controls.readout import Readout
from penjing_gui.pages.panel import Panel
from penjing_gui.pages.sample_cards import LINES, SampleCards, pictures_each, values_each
from penjing_gui.plots.scale import SCALE
from penjing_gui.theme import SPACE
from penjing_gui.thumbnails import sound_bands, thumbnails

if TYPE_CHECKING:
    from PySide6.QtCore import QEvent

    from penjing.results import DataCard
    from penjing.worker.messages import Samples
    from penjing_gui.session import Session

SPLITS = ("train", "val", "test")
_PAGE, _LEAST, _MOST_VALUES = 48, 6, 1_000_000
"""Examples shown at a time, and the numbers that they may hold together."""
_WIDEST_NUMBER, _MOST_NUMBERS = "−0.123", 3
_INDEX = Qt.ItemDataRole.UserRole
_ARROW = 28
_MOST_CLASSES = 100
"""So many are counted one by one."""
_WIDE = 250
"""Pixels of the card."""
_NARROW = 72
"""Least width of the choice of a class: of its arrow and some letters."""


class DataPanel(Panel):
    """On the left what is known of the data, on the right examples; keys go through them."""

    def __init__(self, session: "Session", parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self._request, self._first = -1, 0
        self._told: tuple[Samples, list[NDArray[Any]]] | None = None
        self.split = identify(QComboBox(), "data.split", self.tr("Part of the data"))
        self.label = identify(QComboBox(), "data.class", self.tr("Class"))
        self.measure = identify(QComboBox(), "data.metric", self.tr("Metric"))
        self.back = identify(_arrow("‹"), "data.back", self.tr("Earlier examples"))
        self.more = identify(_arrow("›"), "data.more", self.tr("Later examples"))
        self.place = identify(Readout(grows=True), "data.place")
        self.card = identify(QLabel(wordWrap=True, textFormat=Qt.TextFormat.PlainText), "data.card", "")
        self.list = identify(SampleCards(), "data.list", self.tr("Examples as the network sees them"))
        self._lay_out()
        self._connect()

    def title(self) -> str:
        """Of the tab."""
        return self.tr("Data")

    def how(self) -> str:
        """Of the tab's tip."""
        return self.tr(
            "Exact: counted in the data as the network takes them; answers are those of the network as loaded"
        )

    def show_now(self) -> None:
        """Read the session."""
        data = self.session.data
        for widget in (self.split, self.label, self.measure, self.back, self.more):
            widget.setEnabled(data is not None)
        if data is None or data.card is None:
            self.card.setText(self.tr("No data is open; drop a data file on the window to measure with it."))
            self.place.say("", "")
            self.list.clear()
            return
        self._fill_choices()
        self.card.setText("\n".join(self._lines(data.card)))
        self.card.setAccessibleName(self.card.text())
        self._ask()

    # -------------------------------------------------------------------------------------------------------- set-up

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(SPACE // 2)
        self._class_named = QLabel(self.tr("Class"))
        self._class_named.setBuddy(self.label)
        self.split.setToolTip(self.tr("Part of the data"))
        # A long name of a class is cut, so that where one is among the examples is not.
        self.label.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.label.setMinimumContentsLength(10)
        self.label.setMinimumWidth(_NARROW)
        for widget in (self.split, self._class_named, self.label):
            head.addWidget(widget)
        head.addSpacing(SPACE)
        head.addWidget(self.place, 1)
        head.addWidget(self.back)
        head.addWidget(self.more)
        body = QHBoxLayout()
        body.setSpacing(SPACE)
        scroll = identify(QScrollArea(widgetResizable=True), "data.about", self.tr("About the data"))
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFixedWidth(_WIDE)
        self.card.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self.card.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        scroll.setWidget(self.card)
        measured = QHBoxLayout()
        named = QLabel(self.tr("Metric"))
        named.setBuddy(self.measure)
        measured.addWidget(named)
        measured.addWidget(self.measure, 1)
        left = QVBoxLayout()
        left.setSpacing(SPACE // 2)
        left.addLayout(measured)
        left.addWidget(scroll, 1)
        body.addLayout(left)
        right = QVBoxLayout()
        right.setSpacing(SPACE // 2)
        right.addLayout(head)
        right.addWidget(self.list, 1)
        body.addLayout(right, 1)
        self.column.addLayout(body, 1)

    def _connect(self) -> None:
        session = self.session
        session.opened.connect(self._forget)
        session.closed.connect(self._forget)
        session.samples_received.connect(self._take)
        SCALE.changed.connect(self._draw)
        self.split.activated.connect(self._choose)
        self.label.activated.connect(self._choose)
        self.measure.activated.connect(self._choose_metric)
        self.back.clicked.connect(self._go_back)
        self.more.clicked.connect(self._go_on)

    # --------------------------------------------------------------------------------------------------------- state

    def _forget(self) -> None:
        self._first, self._told, self._request = 0, None, -1
        with QSignalBlocker(self.label), QSignalBlocker(self.split), QSignalBlocker(self.measure):
            for box in (self.label, self.split, self.measure):
                box.clear()
        self.list.clear()
        data = self.session.data
        numbers = 0 if data is None or data.card is None else min(len(data.card.targets), _MOST_NUMBERS)
        names = (", ".join([_WIDEST_NUMBER] * numbers),) if numbers else () if data is None else data.classes
        self.list.fit_words(names, pictures=pictures_each(data))
        self.refresh()

    def _fill_choices(self) -> None:
        data = self.session.data
        assert data is not None and data.card is not None
        if self.split.count():
            return
        texts = self.session.texts
        with QSignalBlocker(self.label), QSignalBlocker(self.split), QSignalBlocker(self.measure):
            for name in SPLITS:
                self.split.addItem(texts.of(f"split.{name}"), name)
            self.split.setCurrentIndex(1)
            # Its few words are never cut; names of classes may be.
            self.split.setMinimumWidth(self.split.sizeHint().width())
            self.label.addItem(self.tr("all"), None)
            for number, name in enumerate(data.classes if data.card.class_counts else ()):
                self.label.addItem(name[:40], number)
            for widget in (self._class_named, self.label):  # numbers have no classes to choose
                widget.setVisible(self.label.count() > 1)
            for name in OFFERED if not data.card.metrics else data.card.metrics:
                self.measure.addItem(metric_name(metric(name), texts.language), name)
            if self.measure.findData(data.metric) < 0:
                self.measure.addItem(metric_name(metric(data.metric), texts.language), data.metric)
            self.measure.setCurrentIndex(self.measure.findData(data.metric))

    def _lines(self, card: "DataCard") -> list[str]:
        texts = self.session.texts
        told = [f"{card.title} · {texts.of(TASKS.get(card.task, TASKS['unlabelled']))}"]
        told += [f"{words.MARKS['warning']} {texts.of(note.code, **note.values)}" for note in card.cautions]
        told.append(" · ".join(f"{texts.of(f'split.{name}')} {card.sizes[name]:,}" for name in SPLITS))
        rule = phrase(card.split_rule, language=texts.language) if card.split_rule else self.tr("it came in parts")
        told.append(self.tr("Split: {rule}").format(rule=rule))
        for one in card.inputs:
            shape = "×".join(map(str, one.shape))
            span = f"{one.low:.3g} … {one.high:.3g}, {one.mean:.3g} ± {one.std:.3g}"
            told.append(words.minus(f"{one.name[:40]}: {shape}, {span}"))
        for number, (low, mean, high) in enumerate(card.targets[:4], start=1):
            named = card.target_names[number - 1][:40] if card.target_names else number
            text = self.tr("Target {number}: {low:.4g} … {high:.4g}, mean {mean:.4g}")
            told.append(words.minus(text.format(number=named, low=low, high=high, mean=mean)))
        if card.balance is not None:
            told.append(self.tr("Balance of the classes: {balance:.2f} (1: equal)").format(balance=card.balance))
        told += [texts.of(note.code, **note.values) for note in card.preparation]
        return [*told, *_counted(card)]

    def _count(self) -> int:
        data = self.session.data
        if data is None or data.card is None:
            return 0
        name, label = self.split.currentData(), self.label.currentData()
        if label is None:
            return data.card.sizes.get(name, 0)
        counts = data.card.class_counts.get(name, ())
        return counts[label] if label < len(counts) else 0

    def _page(self) -> int:
        data = self.session.data
        return max(_LEAST, min(_PAGE, _MOST_VALUES // (1 if data is None else values_each(data))))

    # ------------------------------------------------------------------------------------------------------- choices

    def _choose(self, _: int) -> None:
        self._first = 0
        self._ask()

    def _choose_metric(self, _: int) -> None:
        wanted, data = self.measure.currentData(), self.session.data
        if data is not None and wanted != data.metric:
            with QSignalBlocker(self.measure):  # until it is open under the other one, this one holds
                self.measure.setCurrentIndex(self.measure.findData(data.metric))
            self.session.measure_by(wanted)

    def _go_back(self) -> None:
        self._first = max(0, self._first - self._page())
        self._ask()

    def _go_on(self) -> None:
        if self._first + self._page() < self._count():
            self._first += self._page()
            self._ask()

    def _ask(self) -> None:
        count, page = self._count(), self._page()
        last = min(count, self._first + page)
        self.back.setEnabled(self._first > 0)
        self.more.setEnabled(last < count)
        said = self.tr("{first}–{last} of {count}")
        self.place.make_room_for(said.format(first=count, last=count, count=f"{count:,}"))
        text = said.format(first=self._first + 1, last=last, count=f"{count:,}") if count else self.tr("no examples")
        self.place.say(text, text, "muted")
        if not count:
            self.list.clear()
            return
        places = range(self._first, last)
        self._request = self.session.request_samples(places, self.split.currentData(), label=self.label.currentData())

    # ------------------------------------------------------------------------------------------------------ pictures

    def _take(self, told: "Samples", values: list[NDArray[Any]]) -> None:
        if told.request == self._request:
            self._told = told, [one.copy() for one in values]
            self._draw()

    def _draw(self) -> None:
        if self._told is None or not self.isVisible():
            return
        told, values = self._told
        chosen = max(self.list.currentRow(), 0)
        inks, data = theme.colors(self.palette()), self.session.data
        bands, size = sound_bands(None if data is None else data.card), self.list.picture
        with QSignalBlocker(self.list):
            self.list.clear()
            for number, index in enumerate(told.indices):
                item = QListWidgetItem()
                item.setSizeHint(self.list.card)
                example = [one[number] for one in values]
                made = thumbnails(example, width=size.width(), height=size.height(), inks=inks, bands=bands)
                item.setIcon(QIcon(made))
                lines = self._words(told, number)
                whole = ", ".join([self.tr("example {index}").format(index=index), *filter(None, lines)])
                item.setData(_INDEX, index)
                item.setData(LINES, (*lines, f"#{index}"))
                item.setToolTip(whole)
                item.setData(Qt.ItemDataRole.AccessibleTextRole, whole)
                self.list.addItem(item)
            self.list.setCurrentRow(min(chosen, self.list.count() - 1))

    def _words(self, told: "Samples", number: int) -> tuple[str, ...]:
        """What is right, and what the network as loaded says."""
        data = self.session.data
        names = () if data is None else data.classes
        lines: list[str] = []
        if told.targets:
            lines.append(_numbers(told.targets[number]))
            lines.append(f"→ {_numbers(told.answers[number])}")
        elif told.labels is not None:
            lines.append(words.class_name(names, told.labels[number]))
        if told.scores and not told.targets:
            lines.append(self.tr("error {value}").format(value=f"{told.scores[number]:.3g}"))
        elif not told.scores:
            lines.append(f"→ {words.class_name(names, told.chosen[number])}")
        return tuple(lines)

    def changeEvent(self, event: "QEvent") -> None:
        """Pictures follow the theme."""
        super().changeEvent(event)
        if event.type() == event.Type.PaletteChange:
            self._draw()


def _counted(card: "DataCard") -> list[str]:
    """Examples of each class, in the parts as above."""
    parts = [card.class_counts.get(name, ()) for name in SPLITS]
    lines = [
        f"{name[:40]}: {' · '.join(f'{part[place]:,}' if place < len(part) else '–' for part in parts)}"
        for place, name in enumerate(card.classes[:_MOST_CLASSES] if any(parts) else ())
    ]
    return [*lines, "…"] if len(card.classes) > len(lines) > 0 else lines


def _arrow(text: str) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setProperty("framed", True)
    button.setFixedWidth(_ARROW)
    return button


def _numbers(values: tuple[float, ...]) -> str:
    return words.minus(", ".join(f"{value:.3g}" for value in values))
