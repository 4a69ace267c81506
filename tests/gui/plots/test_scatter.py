"""Runs as points: names that would lie on each other share one label."""

from collections.abc import Callable

import pyqtgraph

from penjing_gui.plots.scatter import Point, Scatter


def test_that_points_at_the_same_place_share_a_label(shown: Callable[[Scatter], Scatter]) -> None:
    plot = shown(Scatter())
    places = {"now": (53.0, 95.1), "Distilled 1": (53.0, 95.1), "as loaded": (495.0, 94.9)}
    points = [
        Point(id=name, name=name, size=size, accuracy=accuracy, fits=True, kind=0)
        for name, (size, accuracy) in places.items()
    ]
    plot.show_points(points, frozenset())
    texts = [one.toPlainText() for one in plot.scene().items() if isinstance(one, pyqtgraph.TextItem)]
    assert sorted(text for text in texts if text) == ["as loaded", "now · Distilled 1"]
