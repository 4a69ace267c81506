"""Who is hurt: samples judged otherwise than by the network as loaded, and whether that may be chance."""

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QItemSelectionModel, QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QListWidgetItem, QToolButton, QWidget

from penjing.catalogue.metrics import metric
from penjing_gui import theme, words
from penjing_gui.controls.identity import identify
from penjing_gui.controls.readout import Readout
from penjing_gui.new_runs import run_name
from penjing_gui.pages.panel import Panel
from penjing_gui.pages.sample_cards import LINES, SampleCards, input_shapes, pictures_each, values_each
from penjing_gui.plots.scale import SCALE
from penjing_gui.standing import standing, trained_run, whose
from penjing_gui.theme import SPACE
from penjing_gui.thumbnails import sound_bands, thumbnails

if TYPE_CHECKING:
    from PySide6.QtCore import QEvent

    from penjing.worker.messages import Flip, Logits, Samples
    from penjing_gui.session import Session
    from penjing_gui.standing import Standing

Kind = Literal["lost", "gained", "moved"]
KINDS: tuple[Kind, ...] = ("lost", "gained", "moved")
CHANCE = 0.05
"""McNemar's p from which on a change may well be chance."""
_SOON = 120
"""Milliseconds in which several wishes become one request."""
_MOST, _LEAST, _MOST_VALUES = 60, 8, 1_000_000
"""Samples shown of one kind, and the numbers that they may hold together."""
_SHORTEST = 32
"""Steps of a trace that a spectrogram says something about."""
_FLIP, _KNOWN = Qt.ItemDataRole.UserRole, Qt.ItemDataRole.UserRole + 1


class SamplesPanel(Panel):
    """Pictures of what was lost, gained or moved, the surest first; a choice is looked into."""

    chosen = Signal(int)
    """The sample that was chosen, by its place in the validation data."""
    opened_closer = Signal(int)
    """The same, asked for by double click or Return."""

    def __init__(self, session: "Session", parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self._kind: Kind = "lost"
        self._examples: dict[int, tuple[NDArray[np.float32], ...]] = {}
        """By sample what goes into each input."""
        self._margins: dict[int, tuple[float, float | None]] = {}
        """By sample, as loaded and under the plan of `_margins_of`."""
        self._margins_of: object = None
        """A generation of the plan, or the id of a trained run."""
        self._logits_of: object = None
        self._requests = {"samples": -1, "logits": -1}
        self._soon = QTimer(self, singleShot=True, interval=_SOON)
        self._soon.timeout.connect(self._update_list)
        self.kinds = QButtonGroup(self)
        names = {"lost": self.tr("Lost"), "gained": self.tr("Gained"), "moved": self.tr("Moved")}
        tips = {
            "lost": self.tr("Right as loaded, wrong now"),
            "gained": self.tr("Wrong as loaded, right now"),
            "moved": self.tr("Wrong before and now, but otherwise"),
        }
        self.buttons: dict[Kind, QToolButton] = {}
        for number, kind in enumerate(KINDS):
            button = identify(_toggle(), f"samples.{kind}", names[kind])
            button.setToolTip(tips[kind])
            self.kinds.addButton(button, number)
            self.buttons[kind] = button
        self._names = names
        self.buttons["lost"].setChecked(True)
        self.spectrogram = identify(_toggle(), "samples.spectrogram", self.tr("Spectrogram"))
        self.spectrogram.setText(self.tr("Spectrogram"))
        self.said = identify(Readout(), "samples.said")
        self.list = identify(SampleCards(), "samples.list", self.tr("Samples judged otherwise"))
        self._lay_out()
        self._connect()

    def title(self) -> str:
        """Of the tab."""
        return self.tr("Samples")

    def how(self) -> str:
        """Of the tab's tip."""
        return self.tr(
            "Measured: validation samples judged otherwise than as loaded; the right answer's margin before and now"
        )

    def show_now(self) -> None:
        """Read the session; the list follows a little later, as it changes with every batch that is measured."""
        data, found = self.session.data, standing(self.session)
        change = found.change
        for kind, button in self.buttons.items():
            count = 0 if change is None else getattr(change, kind)
            button.setText(f"{self._names[kind]} {count}")
            button.setEnabled(data is not None)
        self.spectrogram.setVisible(any(map(_long, input_shapes(data))))
        told = self._words(found)
        self.said.say(told, told)
        means = self.tr(
            "p: McNemar's exact test of the lost against the gained; below 0.05 the change is hardly chance"
        )
        self.said.setToolTip(f"{told}\n{means}")
        if not self._soon.isActive():
            self._soon.start()

    # -------------------------------------------------------------------------------------------------------- set-up

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(SPACE // 2)
        for button in self.buttons.values():
            head.addWidget(button)
        head.addSpacing(SPACE)
        head.addWidget(self.said, 1)
        head.addWidget(self.spectrogram)
        self.column.addLayout(head)
        self.column.addWidget(self.list, 1)

    def _connect(self) -> None:
        session = self.session
        session.opened.connect(self._forget)
        session.closed.connect(self._forget)
        for changed in (session.accuracy_changed, session.runs_changed, session.judgements.changed):
            changed.connect(self.refresh)
        session.samples_received.connect(self._take_samples)
        session.logits_received.connect(self._take_logits)
        self.kinds.idToggled.connect(self._choose_kind)
        self.spectrogram.toggled.connect(self._redraw)
        SCALE.changed.connect(self._redraw)
        self.list.currentItemChanged.connect(self._choose)
        self.list.itemActivated.connect(lambda item: self.opened_closer.emit(item.data(_FLIP).sample))

    # --------------------------------------------------------------------------------------------------------- state

    def _forget(self) -> None:
        data = self.session.data
        self.list.fit_words(() if data is None else data.classes, pictures=pictures_each(data))
        self._examples.clear()
        self._margins.clear()
        self._margins_of = None
        self.list.clear()
        self.refresh()

    def _flips(self) -> list["Flip"]:
        data, change = self.session.data, standing(self.session).change
        if data is None or change is None:
            return []
        kinds: dict[Kind, list[Flip]] = {kind: [] for kind in KINDS}
        for flip in change.flips:
            kinds["lost" if flip.lost else "gained" if flip.gained else "moved"].append(flip)
        most = _MOST_VALUES // values_each(data)
        return kinds[self._kind][: min(max(most, _LEAST), _MOST)]

    def _shown_now(self) -> object:
        """Whose answers are listed: a generation of the plan, or the id of a trained run."""
        run = trained_run(self.session)
        return self.session.measured_generation if run is None else run.id

    def _words(self, found: "Standing") -> str:
        session, change = self.session, found.change
        if session.data is None:
            return self.tr("Samples come with data; none is open.")
        if not metric(session.data.metric).is_share:
            return self.tr("No classes are told: the Data tab shows what is.")
        if found.refused:
            return found.refused
        if change is None and found.run is not None:
            return self.tr("The engine judges {name}…").format(name=run_name(found.run))
        if change is None:
            return self.tr("Not measured yet.")
        wait = "" if session.accuracy_is_current else "…"
        seen = f"{change.seen:,}"
        if not change.lost + change.gained + change.moved:
            told = self.tr("All {seen} samples seen are judged as before.").format(seen=seen)
        elif not change.lost + change.gained:
            told = self.tr("Of {seen} samples seen none became right or wrong.").format(seen=seen)
        else:
            p = f"{change.p_value:.3f}" if change.p_value >= 0.001 else "< 0.001"
            chance = self.tr("may be chance") if change.p_value >= CHANCE else self.tr("hardly chance")
            told = self.tr("p {p}: {chance}  ·  {seen} seen").format(seen=seen, chance=chance, p=p)
        return "  ·  ".join(part for part in (whose(found.run), told, wait) if part)

    def _choose_kind(self, number: int, checked: bool) -> None:
        if checked:
            self._kind = KINDS[number]
            self.refresh()

    # ------------------------------------------------------------------------------------------------------ pictures

    def _update_list(self) -> None:
        if not self.isVisible():
            self._stale = True
            return
        self._fill(self._flips())
        self._draw()
        self._ask()

    def _fill(self, flips: list["Flip"]) -> None:
        """Other samples; the one that was chosen stays chosen if it is still among them."""
        shown, current = self.list, self.list.currentItem()
        kept = None if current is None else current.data(_FLIP).sample
        with QSignalBlocker(shown):
            while shown.count() > len(flips):
                shown.takeItem(shown.count() - 1)
            while shown.count() < len(flips):
                item = QListWidgetItem()
                item.setSizeHint(shown.card)
                shown.addItem(item)
            row_kept = -1
            for row, flip in enumerate(flips):
                item = shown.item(row)
                if item.data(_FLIP) != flip:
                    item.setData(_FLIP, flip)
                    item.setData(_KNOWN, None)
                if flip.sample == kept:
                    row_kept = row
            shown.setCurrentRow(row_kept, QItemSelectionModel.SelectionFlag.ClearAndSelect)

    def _draw(self) -> None:
        """Pictures and words of the samples that are listed, as far as they are known and not drawn yet."""
        margins = self._margins if self._margins_of == self._shown_now() else {}
        inks = theme.colors(self.palette())
        data = self.session.data
        names = () if data is None else data.classes
        bands = sound_bands(None if data is None else data.card)
        look: Literal["plain", "spectrogram"] = "plain"
        if self.spectrogram.isVisible() and self.spectrogram.isChecked():
            look = "spectrogram"
        for row in range(self.list.count()):
            item = self.list.item(row)
            flip, example = item.data(_FLIP), self._examples.get(item.data(_FLIP).sample)
            margin = margins.get(flip.sample)
            known = (example is not None, margin, look, inks.dark, SCALE.name)
            if item.data(_KNOWN) == known:
                continue
            item.setData(_KNOWN, known)
            if example is None:
                item.setIcon(QIcon())
            else:
                size = {"width": self.list.picture.width(), "height": self.list.picture.height()}
                item.setIcon(QIcon(thumbnails(example, **size, inks=inks, look=look, bands=bands)))
            lines, whole = self._told(flip, margin, names)
            item.setData(LINES, lines)
            item.setToolTip(whole)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, whole)

    def _told(
        self, flip: "Flip", margin: tuple[float, float | None] | None, names: tuple[str, ...]
    ) -> tuple[tuple[str, ...], str]:
        """The lines of a card, and the sentence that assistive tools say."""
        truth, before, now = (words.class_name(names, at) for at in (flip.truth, flip.before, flip.now))
        change = f"→ {now}" if flip.lost else f"{before} → ✓" if flip.gained else f"{before} → {now}"
        numbers = ""
        if margin is not None:
            after = "" if margin[1] is None else f" → {_signed(margin[1])}"
            numbers = f"{_signed(margin[0])}{after}"
        has_labels = self.session.data is not None and self.session.data.has_labels
        told = [self.tr("example {index}").format(index=flip.sample)]
        told += [self.tr("labelled {name}").format(name=truth)] if has_labels else []
        told.append(self.tr("{before} as loaded, {now} now").format(before=before, now=now))
        if numbers:
            told.append(self.tr("margin {numbers}").format(numbers=numbers))
        return (truth, change, numbers), ", ".join(told)

    def _redraw(self) -> None:
        if self.isVisible():
            self._draw()

    def changeEvent(self, event: "QEvent") -> None:
        """Pictures follow the theme."""
        super().changeEvent(event)
        if event.type() == event.Type.PaletteChange:
            self._redraw()

    # ------------------------------------------------------------------------------------------------------ requests

    def _ask(self) -> None:
        """What the list lacks."""
        listed = [self.list.item(row).data(_FLIP).sample for row in range(self.list.count())]
        if len(self._examples) > 4 * _MOST:
            self._examples = {sample: one for sample, one in self._examples.items() if sample in listed}
        missing = tuple(sample for sample in listed if sample not in self._examples)
        if missing:
            self._requests["samples"] = self.session.request_samples(missing)
        current = self._margins_of == self._shown_now()
        unknown = tuple(sample for sample in listed if not current or sample not in self._margins)
        if unknown:
            run = trained_run(self.session)
            self._logits_of = None if run is None else run.id
            self._requests["logits"] = self.session.request_logits(unknown, run=run)

    def _take_samples(self, told: "Samples", values: list[NDArray[Any]]) -> None:
        if told.request != self._requests["samples"]:
            return
        self._examples.update(zip(told.indices, zip(*values, strict=True), strict=True))
        self._redraw()

    def _take_logits(self, told: "Logits") -> None:
        if told.request != self._requests["logits"]:
            return
        of = self._logits_of if told.generation is None else told.generation
        if of != self._margins_of:
            self._margins.clear()
            self._margins_of = of
        truths = told.labels or tuple(int(np.argmax(row)) for row in told.original)
        for place, (sample, truth) in enumerate(zip(told.indices, truths, strict=True)):
            now = None if told.plan is None else margin_of(told.plan[place], truth)
            self._margins[sample] = margin_of(told.original[place], truth), now
        self._redraw()

    def _choose(self, item: QListWidgetItem | None) -> None:
        if item is not None:
            self.chosen.emit(item.data(_FLIP).sample)


def margin_of(logits: tuple[float, ...], truth: int) -> float:
    """How far the answer for the true class is above the best other one; negative where it is wrong.

    >>> margin_of((1.0, 3.0, 2.5), 1), margin_of((1.0, 3.0, 2.5), 0), margin_of((-2.0,), 0)
    (0.5, -2.0, 2.0)
    """
    if len(logits) == 1:
        return logits[0] if truth > 0 else -logits[0]
    return logits[truth] - max(value for place, value in enumerate(logits) if place != truth)


def _toggle() -> QToolButton:
    button = QToolButton()
    button.setCheckable(True)
    button.setProperty("framed", True)
    return button


def _signed(value: float) -> str:
    return words.minus(f"{value:+.{1 if abs(value) >= 1 else 2}f}")


def _long(shape: tuple[int, ...]) -> bool:
    return len(shape) == 2 and shape[1] >= _SHORTEST
