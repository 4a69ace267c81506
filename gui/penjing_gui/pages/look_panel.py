"""Where the network looks in one example, as loaded beside the plan or a trained run: Grad-CAM or gradient × input."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QSignalBlocker, Qt, QTimer
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from penjing.catalogue.methods import methods
from penjing_gui import words
from penjing_gui.controls.identity import identify
from penjing_gui.controls.number_box import CountBox
from penjing_gui.controls.short_note import ShortNote
from penjing_gui.pages.panel import Panel
from penjing_gui.plots.look import LookPlot
from penjing_gui.standing import trained_run, whose
from penjing_gui.theme import SPACE
from penjing_gui.thumbnails import sound_bands

if TYPE_CHECKING:
    from penjing.project.values import Run
    from penjing.worker.messages import Look, NetworkLook
    from penjing_gui.session import Session

Aim = Literal["class", "number", "error"]
_LINES = 3
_SOON = 120
"""Milliseconds in which several wishes become one request."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is looked at, and how."""

    sample: int = 0
    method: str = ""
    entry: int = 0
    """The input."""
    number: int = 0
    """Of those that are answered, from 0."""
    run: str | None = None
    """A trained one."""


class LookPanel(Panel):
    """One example of the validation data under one method."""

    def __init__(self, session: "Session", parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self._look: Look | None = None
        self._arrays: dict[str, NDArray[Any]] = {}
        self._request = -1
        self._asked = Wanted()
        self._known: Wanted | None = None
        """What is shown."""
        self._soon = QTimer(self, singleShot=True, interval=_SOON)
        self._soon.timeout.connect(self._ask)
        self.sample = identify(CountBox(), "look.sample", self.tr("Example"))
        self.sample.setRange(0, 0)
        self.method = identify(QComboBox(), "look.method", self.tr("Method"))
        for id_, one in methods("input_saliency").items():
            self.method.addItem(self.tr(one.title), id_)
            self.method.setItemData(
                self.method.count() - 1, f"{self.tr(one.formula)}\n{one.source}", Qt.ItemDataRole.ToolTipRole
            )
        self.entry = identify(QComboBox(), "look.input", self.tr("Input"))
        self.number = identify(CountBox(), "look.number", self.tr("Number"))
        self.number.setRange(1, 1)
        self._by_hand = False
        """Whether the person chose the method; until then it is the first one that this network has an answer to."""
        self.nothing = identify(ShortNote(_LINES), "look.nothing")
        """In place of the plots, why there are none."""
        self.said = _plain()
        self.said.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.before = identify(LookPlot(), "plot.look.before", self.tr("Where the network as loaded looks"))
        self.after = identify(LookPlot(), "plot.look.after", self.tr("Where the network looks under the plan"))
        self.before_said, self.after_said = _plain(), _plain()
        self._lay_out()
        self._connect()

    def title(self) -> str:
        """Of the tab."""
        return self.tr("Where it looks")

    def how(self) -> str:
        """Of the tab's tip."""
        return self.tr(
            "Measured: which places of an example speak for its class, and how probable the class is, before and now"
        )

    def show_example(self, index: int) -> None:
        """Look into another example of the validation data, when the tab is next seen."""
        self._count_examples()
        self.sample.setValue(index)

    def show_now(self) -> None:
        """Ask for what is to be seen; what is shown stays until it comes."""
        data = self.session.data
        for control in (self.sample, self.method):
            control.setEnabled(data is not None)
        self._count_examples()
        if data is None:
            self._look, self._known = None, None
            self._draw()
        else:
            self._soon.start()

    def _count_examples(self) -> None:
        data = self.session.data
        self.sample.setMaximum(0 if data is None else max(data.sizes["val"] - 1, 0))

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        self._named: dict[QWidget, QLabel] = {}
        for text, control in (
            (self.tr("Example"), self.sample),
            (self.tr("Input"), self.entry),
            (self.tr("Number"), self.number),
            (self.tr("Method"), self.method),
        ):
            label = self._named[control] = _plain()
            label.setText(text)
            label.setBuddy(control)
            head.addWidget(label)
            head.addWidget(control)
            head.addSpacing(SPACE)
        head.addWidget(self.said, 1)
        self.column.addLayout(head)
        self._offer()
        self._sides = QWidget()
        sides = QHBoxLayout(self._sides)
        sides.setContentsMargins(0, 0, 0, 0)
        sides.setSpacing(SPACE)
        for caption, plot in ((self.before_said, self.before), (self.after_said, self.after)):
            side = QVBoxLayout()
            side.setSpacing(0)
            side.addWidget(caption)
            side.addWidget(plot, 1)
            sides.addLayout(side, 1)
        instead = QWidget()
        column = QVBoxLayout(instead)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.nothing, 0, Qt.AlignmentFlag.AlignTop)
        # One in the place of the other: both take the same room, and nothing around them moves.
        self._places = QStackedWidget()
        self._places.addWidget(self._sides)
        self._places.addWidget(instead)
        self.column.addWidget(self._places, 1)

    def _connect(self) -> None:
        session = self.session
        for changed in (session.opened, session.closed, session.accuracy_changed, session.runs_changed):
            changed.connect(self.refresh)
        session.plan_changed.connect(self._say_again)
        session.look_received.connect(self._hear)
        self.sample.valueChanged.connect(self.refresh)
        self.number.valueChanged.connect(self.refresh)
        self.entry.activated.connect(self._choose_entry)
        self.method.activated.connect(self._choose_method)
        session.opened.connect(self._begin)

    def _begin(self) -> None:
        """Another network or other data."""
        self._by_hand = False
        self.method.setCurrentIndex(0)
        self._offer()

    def _offer(self) -> None:
        """The inputs, and the numbers that are answered, where there is a choice."""
        data = self.session.data
        card = None if data is None else data.card
        names = () if card is None else tuple(one.name for one in card.inputs)
        with QSignalBlocker(self.entry), QSignalBlocker(self.number):
            self.entry.clear()
            for number, name in enumerate(names if len(names) > 1 else ()):
                self.entry.addItem(name[:40], number)
            self.number.setMaximum(1 if card is None else max(len(card.targets), 1))
            self.number.setValue(1)
        for control, offered in ((self.entry, len(names) > 1), (self.number, self.number.maximum() > 1)):
            control.setVisible(offered)
            self._named[control].setVisible(offered)

    def _choose_entry(self) -> None:
        """Another input may have an answer to another method."""
        if not self._by_hand:
            self.method.setCurrentIndex(0)
        self.refresh()

    def _choose_method(self) -> None:
        self._by_hand = True
        self.refresh()

    def _ask(self) -> None:
        run, shown = trained_run(self.session), self._look
        wanted = Wanted(
            sample=self.sample.value(),
            method=self.method.currentData(),
            entry=max(self.entry.currentIndex(), 0),
            number=self.number.value() - 1,
            run=None if run is None else run.id,
        )
        # A plan that is measured further is the same network: only another one is worth another look.
        same = run is not None or (shown is not None and shown.generation == self.session.measured_generation)
        if wanted == self._known and same:
            self._draw()
        else:
            self._asked = wanted
            where = {"entry": wanted.entry, "number": wanted.number}
            self._request = self.session.request_look(wanted.sample, wanted.method, **where, run=run)

    def _hear(self, told: "Look", arrays: dict[str, NDArray[Any]]) -> None:
        if told.request == self._request:
            following = self.method.currentIndex() + 1
            if told.refused is not None and not self._by_hand and following < self.method.count():
                self.method.setCurrentIndex(following)
                self._soon.start()
                return
            self._look, self._arrays, self._known = told, arrays, self._asked
            self._draw()

    def _say_again(self) -> None:
        """Whether what is shown is of the present plan changes with the plan; what is shown does not."""
        if self.isVisible():
            self._draw()

    def _draw(self) -> None:
        told, data = self._look, self.session.data
        if told is None or told.refused is not None or told.before is None:
            empty = np.zeros(0, np.float32)
            self._show_plots(told is None and data is not None)  # on its way, or why there is none
            for plot in (self.before, self.after):
                plot.show_look(empty, empty, axis="")
            for caption in (self.before_said, self.after_said):
                caption.setText("")
            refused = None if told is None else told.refused
            if refused is not None and told is not None:
                notice = self.session.texts.failure(refused, told.values)
                self.nothing.say(f"{notice.text} {notice.hint}".strip())
            else:
                self.nothing.say("" if data is not None else self.tr("Examples come with data; none is open."))
            self._say("")
            return
        self._show_plots(True)
        names = data.classes if data is not None else ()
        label = (
            "" if told.label is None else self.tr("labelled {name}").format(name=words.class_name(names, told.label))
        )
        key = self._key(told.aim, words.class_name(names, told.before.target))
        layer = "" if told.before.layer is None else self.tr("at {layer}").format(layer=told.before.layer)
        self._say("  ·  ".join(part for part in (key, layer) if part))
        bands = sound_bands(None if data is None else data.card)
        example = self._arrays["example"]
        axis = self.tr("feature") if example.ndim == 1 else self.tr("time step")
        self.before.show_look(example, self._arrays["before"], axis=axis, bands=bands)
        before = f"{self.tr('as loaded')}: {self._words(told.aim, told.before, names)}"
        self.before_said.setText(f"{before}  ·  {label}" if label else before)
        if told.after is None:
            self.after.show_look(example, np.zeros(0, np.float32), axis=axis, bands=bands)
            self.after_said.setText(self.tr("plan: not measured yet"))
        else:
            self.after.show_look(example, self._arrays["after"], axis=axis, bands=bands)
            wait = "" if self._is_current(told) else " …"
            self.after_said.setText(f"{whose(self._run_shown())}: {self._words(told.aim, told.after, names)}{wait}")

    def _show_plots(self, shown: bool) -> None:
        self._places.setCurrentIndex(0 if shown else 1)

    def _run_shown(self) -> "Run | None":
        """The trained run whose look is drawn."""
        id_ = None if self._known is None else self._known.run
        return next((run for run in self.session.runs if run.id == id_), None)

    def _is_current(self, told: "Look") -> bool:
        run, session = trained_run(self.session), self.session
        if run is not None or told.generation is None:
            return run is not None and self._known is not None and self._known.run == run.id
        return session.accuracy_is_current and told.generation == session.measured_generation

    def _say(self, text: str) -> None:
        self.said.setText(text)
        self.said.setToolTip(text)

    def _key(self, aim: Aim, name: str) -> str:
        """What the colours mean."""
        signed = bool((self._arrays["before"] < 0).any())
        if aim != "class":
            key = self.tr("blue: raises it")
            return key + self.tr(", orange: lowers it") if signed else key
        key = self.tr("blue: for {name}").format(name=name)
        return key + self.tr(", orange: against it") if signed else key

    def _words(self, aim: Aim, look: "NetworkLook", names: tuple[str, ...]) -> str:
        if aim == "error":
            return self.tr("error {value}").format(value=f"{look.score:.4g}")
        if aim == "number":
            return words.minus(f"{self._called(look.target)} = {look.score:.4g}")
        share = f"{100 * look.probability:.1f} %"
        target = words.class_name(names, look.target)
        if look.chosen == look.target:
            return self.tr("{name} ({share})").format(name=target, share=share)
        return self.tr("{chosen} instead of {name} ({share})").format(
            chosen=words.class_name(names, look.chosen), name=target, share=share
        )

    def _called(self, number: int) -> str:
        """Of a number that is answered."""
        data = self.session.data
        names = () if data is None or data.card is None else data.card.target_names
        return names[number][:40] if number < len(names) else f"#{number + 1}"


def _plain() -> QLabel:
    label = QLabel(textFormat=Qt.TextFormat.PlainText)
    label.setProperty("muted", True)
    return label
