"""Pictures of the window that tests take; the folder that `PENJING_SCREENSHOTS` names keeps them for people."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QAbstractButton, QCheckBox, QLabel, QPushButton, QSizePolicy, QWidget

from tests.support import said

SLACK = 2
"""Pixels by which a text may be larger than its place: fonts round."""


def folder(otherwise: Path) -> Path:
    """Where pictures go."""
    found = Path(os.environ.get("PENJING_SCREENSHOTS", otherwise))
    found.mkdir(parents=True, exist_ok=True)
    return found


def picture(widget: QWidget, path: Path) -> NDArray[np.uint8]:
    """Draw a widget into a file; its pixels [height, width, 3]."""
    for _ in range(3):  # layouts settle, then plots
        QCoreApplication.processEvents()
    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    assert image.save(str(path))
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()


def cut_off(root: QWidget) -> Iterator[str]:
    """Texts of labels and buttons that have less room than they need, and where they are."""
    for widget in root.findChildren(QWidget):
        if not widget.isVisible() or not isinstance(widget, QLabel | QPushButton | QCheckBox) or not widget.text():
            continue
        room = widget.contentsRect().size()
        if isinstance(widget, QLabel) and widget.hasHeightForWidth():
            needed = widget.heightForWidth(widget.width())
            wrong = needed > widget.height() + SLACK
        elif widget.sizePolicy().horizontalPolicy() == QSizePolicy.Policy.Ignored:
            continue  # cut on purpose, whole in its tip
        elif isinstance(widget, QAbstractButton):
            wrong = widget.sizeHint().width() > widget.width() + SLACK
        else:
            metrics = widget.fontMetrics()
            wide = max(metrics.horizontalAdvance(line.replace("&", "")) for line in widget.text().split("\n"))
            wrong = wide > room.width() + SLACK or metrics.height() > room.height() + SLACK
        if wrong:
            yield f"{said.place(widget)}: {widget.text()!r} in {widget.width()} × {widget.height()}"
