"""Writes a plot as a picture: SVG by Qt's own generator (pyqtgraph's exporter fails on filled curves), else PNG."""

from pathlib import Path

from PySide6.QtCore import QPoint, QRect, QSize
from PySide6.QtGui import QImage, QPainter
from PySide6.QtSvg import QSvgGenerator

from penjing_gui.plots.canvas import Canvas
from penjing_gui.plots.network import NetworkPlot

Plot = Canvas | NetworkPlot
"""What can be kept as a picture."""
_SCALE = 2
"""Pixels of a PNG for each of the screen."""


def write_picture(widget: Plot, path: Path) -> None:
    """Draw a plot into a file; the suffix says which kind, `.svg` or `.png`.

    Raises:
        OSError: The file cannot be written.
    """
    area = QRect(QPoint(0, 0), widget.picture_size())
    if path.suffix.lower() == ".svg":
        # Qt says nothing of a file that cannot be written.
        path.open("wb").close()
        drawing = QSvgGenerator()
        drawing.setFileName(str(path))
        drawing.setSize(area.size())
        drawing.setViewBox(area)
        painter = QPainter(drawing)
        widget.draw_picture(painter)
        painter.end()
        return
    image = QImage(QSize(area.width() * _SCALE, area.height() * _SCALE), QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(_SCALE)
    image.fill(widget.palette().color(widget.backgroundRole()))
    painter = QPainter(image)
    widget.draw_picture(painter)
    painter.end()
    if not image.save(str(path)):
        path.open("wb").close()  # says why not
        raise OSError(0, "")
