"""Runs as points: names that would lie on each other share one label."""

from collections.abc import Callable

import pyqtgraph
from PySide6.QtCore import QPointF

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


def test_that_the_name_of_a_point_at_the_edge_stays_within_the_plot(shown: Callable[[Scatter], Scatter]) -> None:
    plot = shown(Scatter())
    points = [
        Point(id="one", name="a run with a long name", size=1.0, accuracy=60.0, fits=True, kind=0),
        Point(id="two", name="as loaded", size=495.0, accuracy=94.9, fits=True, kind=0),
    ]
    plot.show_points(points, frozenset())
    plot.grab()  # names are laid out when they are painted
    box = plot.getViewBox().mapRectToScene(plot.getViewBox().rect())
    named = {
        one.toPlainText(): one.mapRectToScene(one.boundingRect())
        for one in plot.scene().items()
        if isinstance(one, pyqtgraph.TextItem) and one.toPlainText()
    }
    assert named["a run with a long name"].left() >= box.left() - 1
    middle = named["as loaded"].center().x()
    assert abs(middle - plot.getViewBox().mapViewToScene(QPointF(495.0, 94.9)).x()) < 1


def test_that_names_lie_on_no_line_no_point_and_no_other_name(shown: Callable[[Scatter], Scatter]) -> None:
    plot = shown(Scatter())
    runs = {"as loaded": (495.0, 96.4), "Distilled 1": (60.0, 96.1), "QAT 1": (62.0, 96.05), "now": (53.0, 94.0)}
    points = [
        Point(id=name, name=name, size=size, accuracy=accuracy, fits=True, kind=0)
        for name, (size, accuracy) in runs.items()
    ]
    plot.show_points(points, frozenset(["now"]), (57.0, "budget"))
    plot.grab()
    view = plot.getViewBox()
    boxes = {
        one.toPlainText(): one.mapRectToScene(one.boundingRect())
        for one in plot.scene().items()
        if isinstance(one, pyqtgraph.TextItem) and one.toPlainText() and one.isVisible()
    }
    assert {*runs, "budget"} <= boxes.keys()
    names = {name: box for name, box in boxes.items() if name in runs}
    for name, box in names.items():
        assert not any(box.intersects(other) for one, other in boxes.items() if one != name), name
        for size, accuracy in runs.values():
            assert not box.contains(view.mapViewToScene(QPointF(size, accuracy))), name
        limit = view.mapViewToScene(QPointF(57.0, 95.0)).x()
        assert not box.left() < limit < box.right(), name
    # In a plot of another size they stand elsewhere, and as well.
    plot.resize(300, 160)
    plot.grab()
    at = view.mapViewToScene(QPointF(53.0, 94.0))
    (now,) = (
        one.mapRectToScene(one.boundingRect())
        for one in plot.scene().items()
        if isinstance(one, pyqtgraph.TextItem) and one.toPlainText() == "now"
    )
    assert abs(now.center().y() - at.y()) < 30 and now.left() - 15 < at.x() < now.right() + 15
