"""The line at the bottom: the last word, the network as loaded, the network now, what the engine is at."""

from pathlib import Path

from PySide6.QtCore import QSize, QTimer
from PySide6.QtWidgets import QStatusBar, QWidget

from penjing.worker.messages import OpenProgress
from penjing_gui import quality_words, words
from penjing_gui.controls.identity import identify
from penjing_gui.controls.readout import Readout
from penjing_gui.journal import engine_states, engine_words
from penjing_gui.notices import Notice
from penjing_gui.own_memory import own_memory
from penjing_gui.session import Session

_LOOKS = 2000
"""Milliseconds between two looks at how much memory is taken."""
_WIDEST_ACCURACY, _WIDEST_SIZE, _WIDEST_RATIO = "100.0 % ± 10.0", "8888 MiB", "88.8×"


class StatusBar(QStatusBar):
    """Reads the session."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._said_of: str | None = None
        """The key of the notice that is shown."""
        self.setSizeGripEnabled(False)
        self._message = self._label("status.message", grows=False)
        self._baseline = self._label("status.baseline")
        self._now = self._label("status.now")
        self._engine = self._label("engine.state")
        self._memory = self._label("status.memory")
        self.addWidget(self._message, 1)
        for label in (self._baseline, self._now, self._engine, self._memory):
            self.addPermanentWidget(label)
        self._baseline.setToolTip(
            self.tr("The network as loaded: accuracy measured on validation samples, bytes of its weights exact")
        )
        self._now.setToolTip(
            self.tr("The plan: accuracy predicted, then measured; bytes exact under the device's storage")
        )
        self._engine.setToolTip(self.tr("What the process that measures is at"))
        self._make_room()
        session.figures_changed.connect(self._show)
        session.accuracy_changed.connect(self._show)
        session.opened.connect(self._ready)
        session.engine_state_changed.connect(self._show_engine)
        session.foresight.changed.connect(self._show_engine_again)
        session.open_progressed.connect(self._show_opening)
        session.noticed.connect(self._show_notice)
        self._ready()
        self._show()
        self._show_engine(session.engine.state)
        self._look = QTimer(self, interval=_LOOKS)
        self._look.timeout.connect(self._show_memory)
        self._look.start()
        self._show_memory()

    def say(self, text: str) -> None:
        """Show one line."""
        self._put(self._message, text)

    def _ready(self) -> None:
        self.say(self.tr("Ready"))

    def _label(self, identifier: str, *, grows: bool = True) -> Readout:
        return identify(Readout(grows=grows, padding=QSize(8, 2)), identifier)

    def _make_room(self) -> None:
        """For the widest figures and words, so that none moves the others when it changes."""
        figures = f"{_WIDEST_ACCURACY} · {_WIDEST_SIZE}"
        self._baseline.make_room_for(self.tr("baseline {figures}").format(figures=figures))
        self._now.make_room_for(self.tr("now {figures}").format(figures=f"{figures} ({_WIDEST_RATIO})"))
        trying = self.tr("trying layers {share:.0f} %").format(share=100)
        self._memory.make_room_for(self.tr("memory {size}").format(size=_WIDEST_SIZE))
        for told in engine_states().values():
            self._engine.make_room_for(f"{told} · {trying}")

    def _put(self, label: Readout, text: str) -> None:
        label.say(text, text)

    def _show(self) -> None:
        session = self._session
        before, now = session.baseline, session.figures
        if before is None or now is None:
            return
        told = [quality_words.told(before.accuracy)] if before.accuracy is not None else []
        text = " · ".join([*told, words.size(before.size_bytes)])
        self._put(self._baseline, self.tr("baseline {figures}").format(figures=text))
        accuracy = session.shown_accuracy
        told = []
        if accuracy is not None:
            known = not session.accuracy_is_stale
            told = [quality_words.told(accuracy) if known else words.UNKNOWN if session.refusal else "…"]
        times = words.ratio(before.size_bytes, now.size_bytes)
        size = words.size(now.size_bytes) if session.figures_are_current else "…"
        text = " · ".join([*told, f"{size} ({times})" if times else size])
        self._put(self._now, self.tr("now {figures}").format(figures=text))

    def _show_engine_again(self) -> None:
        # No lambda: it would outlive this line when the window is made anew in another language.
        self._show_engine(self._session.engine.state)

    def _show_engine(self, state: str) -> None:
        known = self._session.foresight
        told = engine_words(state)
        if known.done < known.total:
            trying = self.tr("trying layers {share:.0f} %").format(share=100 * known.done / known.total)
            told = trying if state == "idle" else f"{told} · {trying}"
        self._put(self._engine, told)
        layout = self.layout()
        if layout is not None:
            layout.activate()  # now, not with the next event: longer words are never shown cut

    def _show_memory(self) -> None:
        found = own_memory()
        if not found:
            return
        window, *others = found.items()
        told = [self.tr("the window {size}").format(size=words.size(window[1]))]
        for pid, size in others:
            name = self.tr("the engine {size}") if pid == self._session.engine.pid else self.tr("a job {size}")
            told.append(name.format(size=words.size(size)))
        kept, most = self._session.engine.kept
        bound = self.tr("In the engine at most {most} are results of layers that are kept; now {kept}.")
        text = self.tr("memory {size}").format(size=words.size(sum(found.values())))
        tip = self.tr("Taken on this machine: {parts}.").format(parts=", ".join(told))
        self._put(self._memory, text)
        self._memory.setToolTip(f"{tip}\n{bound.format(most=words.size(most), kept=words.size(kept))}" if most else tip)

    def _show_opening(self, progress: OpenProgress | None) -> None:
        if progress is None:
            self._ready()
            return
        stages = {
            "model": self.tr("Reading the network"),
            "data": self.tr("Reading the data"),
            "graph": self.tr("Looking at the layers"),
            "tables": self.tr("Sorting the weights"),
        }
        source = self._session.opening or ""
        name = "" if source.startswith("sample:") else f"{Path(source).name}: "
        waits = self._session.engine.state == "starting"
        self.say(f"{name}{self.tr('Waiting for the engine') if waits else stages[progress.stage]}…")

    def _show_notice(self, notice: Notice) -> None:
        if notice.text:
            self._said_of = notice.key
            self.say(notice.text)
        elif notice.key and notice.key == self._said_of:  # what was said no longer holds
            self._ready()
