"""RAM over the steps of one inference: which tensors make the peak, and what the plan does to them."""

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from penjing.errors import UserError
from penjing.estimation.prediction import predict
from penjing.estimation.tensors import loaded
from penjing_gui import words
from penjing_gui.controls.identity import identify
from penjing_gui.controls.readout import Readout
from penjing_gui.memory import Block, Timeline, made_by, shaping, timeline
from penjing_gui.pages.panel import Panel
from penjing_gui.plots.timeline import MemoryTimeline

if TYPE_CHECKING:
    from penjing.estimation.tables import Tables
    from penjing_gui.session import Session

_MOST_NAMED = 3


class MemoryPanel(Panel):
    """The arena of the plan that the sliders show, or with B held that of the network as loaded."""

    def __init__(self, session: "Session", parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self._of: tuple[object, ...] = ()
        """What the timeline was made of."""
        self._tables: Tables | None = None
        self.timeline: Timeline | None = None
        self.plot = identify(MemoryTimeline(), "plot.memory", self.tr("RAM over time"))
        self.plot.name_axes("", self.tr("RAM, KiB"))
        self.said = identify(Readout(), "memory.said")
        self.pointed = identify(Readout(), "memory.pointed")
        self.pointed.setProperty("muted", True)
        self.column.addWidget(self.said)
        self.column.addWidget(self.plot, 1)
        self.column.addWidget(self.pointed)
        for changed in (
            session.opened,
            session.closed,
            session.plan_changed,
            session.tables_changed,
            session.device_changed,
            session.budgets_changed,
            session.selection_changed,
            session.before_changed,
        ):
            changed.connect(self.refresh)
        self.plot.pointed.connect(self._point)
        self.plot.chosen.connect(self._choose)

    def title(self) -> str:
        """Of the tab."""
        return self.tr("Memory")

    def how(self) -> str:
        """Of the tab's tip."""
        return self.tr("Exact: bytes of the tensors that are alive at once, step by step, each at its place")

    def show_now(self) -> None:
        """Read the session; a timeline of which nothing changed is kept."""
        session = self.session
        self._count()
        self.plot.show_timeline(self.timeline, limit=self.limit, marked=session.layer)
        told = self._words()
        self.said.say(told, told)
        self.said.setToolTip(told)
        self.plot.setAccessibleDescription(told)
        self._point(-1)

    @property
    def limit(self) -> int | None:
        """Bytes that there are: the budget, else all of the device."""
        session = self.session
        if session.budgets.ram_bytes is not None:
            return session.budgets.ram_bytes
        return None if session.device is None else session.device.ram_bytes

    def _count(self) -> None:
        session = self.session
        graph, tables = session.graph, session.tables
        if graph is None:
            self.timeline, self._of = None, ()
            return
        of = (graph, True) if session.shows_before else (graph, False, *shaping(graph, session.plan))
        if of == self._of and tables is self._tables:
            return
        try:
            if session.shows_before:
                found = timeline(graph, loaded(graph))
            else:
                prediction = predict(graph, session.plan, tables)
                found = timeline(prediction.graph, prediction.state)
        except (KeyError, UserError):
            return  # scores on their way, or a plan that is told of elsewhere: what was known stays
        self.timeline, self._of, self._tables = found, of, tables

    def _words(self) -> str:
        shown, session = self.timeline, self.session
        if shown is None or not shown.blocks:
            return ""
        size, limit, baseline = words.size(shown.size), self.limit, session.baseline
        if limit is None:
            told = [size]
        elif shown.size > limit:
            over = self.tr("{size}: {over} over the limit of {limit}")
            told = [over.format(size=size, over=words.size(shown.size - limit), limit=words.size(limit))]
        else:
            told = [self.tr("{size} of {limit}").format(size=size, limit=words.size(limit))]
        if baseline is not None and not session.shows_before and baseline.ram_bytes != shown.size:
            told.append(self.tr("as loaded {size}").format(size=words.size(baseline.ram_bytes)))
        alive = sorted((one for one in shown.blocks if one.at_peak), key=lambda one: -one.size)
        names = [one.tensors[0] for one in alive[:_MOST_NAMED]] + (["…"] if len(alive) > _MOST_NAMED else [])
        peak = self.tr("peak while {layer} runs: {tensors}")
        told.append(peak.format(layer=shown.steps[shown.peak_step], tensors=" + ".join(names)))
        if shown.size > shown.peak:
            told.append(self.tr("{size} of it gaps").format(size=words.size(shown.size - shown.peak)))
        return "  ·  ".join(told)

    def _point(self, index: int) -> None:
        blocks = self.plot.blocks
        hint = self.tr("strong: there at the peak; a click on a tensor selects its layer") if blocks else ""
        told = self._told(blocks[index]) if 0 <= index < len(blocks) else hint
        self.pointed.say(told, told)

    def _told(self, block: Block) -> str:
        shown = self.timeline
        assert shown is not None
        parts = [
            " = ".join(block.tensors),
            self.tr("{size} from {offset}").format(size=words.size(block.size), offset=f"0x{block.offset:X}"),
            self.tr("from {first} to {last}").format(first=shown.steps[block.first], last=shown.steps[block.last]),
        ]
        maker = None if self.session.graph is None else made_by(self.session.graph, block)
        if maker is None:
            parts.append(self.tr("an input: no layer makes it"))
        elif maker != block.tensors[0]:
            parts.append(self.tr("as large as {layer} makes it").format(layer=maker))
        return "  ·  ".join(parts)

    def _choose(self, index: int) -> None:
        graph, blocks = self.session.graph, self.plot.blocks
        maker = None if graph is None or index >= len(blocks) else made_by(graph, blocks[index])
        if maker is not None:
            self.session.select([maker])
