"""Two bars for each of some classes: before as an outline, now filled; what fell furthest is easy to see."""

from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from PySide6.QtWidgets import QWidget

from penjing_gui.plots.canvas import Canvas, faded

MOST_NAMES = 24
_ROOM = 72
"""Letters that stand beside each other in a narrow window."""


class Bars(Canvas):
    """Shares 0..1 by class, in percent."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._before: Sequence[float | None] = ()
        self._now: Sequence[float | None] = ()
        self._names: Sequence[str] = ()
        self._filled = pg.BarGraphItem(x=[], height=[], width=0.62)
        self._outline = pg.BarGraphItem(x=[], height=[], width=0.78)
        self.addItem(self._filled)
        self.addItem(self._outline)
        self.setYRange(0, 100, padding=0.04)
        self.getPlotItem().getAxis("bottom").setTicks([[]])  # the places of classes are no numbers
        self.begin()

    def show_shares(self, names: Sequence[str], before: Sequence[float | None], now: Sequence[float | None]) -> None:
        """Show accuracy by class; None is a class without samples and has no bar."""
        if (names, before, now) == (self._names, self._before, self._now):
            return
        self._names, self._before, self._now = names, before, now
        step = max(1, -(-len(names) // MOST_NAMES))
        most = max(3, _ROOM // max(len(names), 1))
        ticks = [(index, _short(name, most)) for index, name in enumerate(names) if index % step == 0]
        self.getPlotItem().getAxis("bottom").setTicks([ticks])
        self.setXRange(-0.6, max(len(names), 1) - 0.4, padding=0)
        self.restyle()

    def restyle(self) -> None:
        """Inks of the present palette."""
        found = self.inks
        self._filled.setOpts(**_bars(self._now), brush=faded(found.accent, 0.85), pen=pg.mkPen(None))
        self._outline.setOpts(**_bars(self._before), brush=None, pen=pg.mkPen(faded(found.text, 0.75)))


def _bars(shares: Sequence[float | None]) -> dict[str, object]:
    known = [(index, 100 * share) for index, share in enumerate(shares) if share is not None]
    return {"x": np.array([at for at, _ in known]), "height": np.array([height for _, height in known])}


def _short(name: str, most: int) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"
