"""On screens with more pixels for each of the layout, pictures and icons are drawn as fine as the screen is."""

import json
import os
import subprocess
import sys

import pytest

PROGRAM = """
import json, sys
import numpy as np
from PySide6.QtCore import QSize
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication
from penjing_gui import icons, theme
from penjing_gui.plots.heatmap import Heatmap
from penjing_gui.thumbnails import thumbnail

def pixels(pixmap):
    image = pixmap.toImage().convertToFormat(QImage.Format.Format_RGBA8888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine() // 4, 4)
    return rows[:, : image.width()].astype(int)

app = QApplication([])
theme.apply(app, "light")
dense = app.devicePixelRatio()
lines = np.tile(np.array([0, 1], np.float32), (1, 62, 43))  # a line for each pixel of the layout
small = thumbnail(lines, width=88, height=64, inks=theme.LIGHT)
icon = icons.tinted("copy", app.palette()).pixmap(QSize(16, 16), dense)
plot = Heatmap()
plot.resize(400, 300)
plot.show_values(np.random.default_rng(0).random((8, 8), np.float32), columns="input", rows="filter")
plot.show()
app.processEvents()
grabbed = plot.grab()
grey = pixels(small)[..., 0]
print(json.dumps({
    "ratio": dense,
    "thumbnail": [small.width(), small.height(), small.devicePixelRatio()],
    "greys": sorted(set(grey[5:-5, 5:-5].ravel().tolist())),
    "icon": [icon.width(), icon.devicePixelRatio()],
    "edge": int((np.abs(np.diff(pixels(icon)[..., 3], axis=1)) > 100).sum()),
    "heatmap": [grabbed.width(), grabbed.height()],
}))
"""


@pytest.mark.parametrize("ratio", ["1.25", "2"])
def test_that_thumbnails_icons_and_plots_have_the_pixels_of_the_screen(ratio: str) -> None:

    environment = {**os.environ, "QT_SCALE_FACTOR": ratio}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.splitlines()[-1])
    scale = float(ratio)
    assert told["ratio"] == scale
    assert told["thumbnail"] == [88 * scale, 64 * scale, scale]
    # A picture that is scaled up afterwards would have greys between its lines where the ratio is whole.
    assert len(told["greys"]) == 2 or scale != 2
    assert told["icon"] == [16 * scale, scale]
    assert told["edge"] > 0
    assert told["heatmap"] == [400 * scale, 300 * scale]
