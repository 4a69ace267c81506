"""Pictures of the window that tests take; the folder that `PENJING_SCREENSHOTS` names keeps them for people."""

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QWidget


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
