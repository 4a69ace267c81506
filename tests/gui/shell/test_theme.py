"""Both themes can be read."""

import itertools
import subprocess
import sys

import pytest
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication, QLabel

from penjing_gui import theme


def luminance(color: str) -> float:
    """Relative luminance of WCAG 2.2."""
    channels = (QColor(color).redF(), QColor(color).greenF(), QColor(color).blueF())
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("chosen", [theme.LIGHT, theme.DARK], ids=["light", "dark"])
def test_that_every_text_has_enough_contrast_on_every_ground(chosen: theme.Colors) -> None:
    texts = (chosen.text, chosen.muted, chosen.accent, chosen.warning, chosen.error, chosen.good)
    grounds = (chosen.background, chosen.surface, chosen.raised)
    worst = min((contrast(one, other), one, other) for one, other in itertools.product(texts, grounds))
    assert worst[0] >= 4.5, worst
    assert contrast(chosen.surface, chosen.accent) >= 4.5  # text on the primary button and on what is selected


@pytest.mark.parametrize("chosen", [theme.LIGHT, theme.DARK], ids=["light", "dark"])
def test_that_the_palette_tells_which_theme_it_is(chosen: theme.Colors) -> None:
    palette = theme.palette(chosen)
    assert theme.colors(palette) is chosen
    assert palette.color(QPalette.ColorRole.Base) == QColor(chosen.surface)


def test_that_a_label_keeps_its_tone_through_a_change_of_theme(qapp: QApplication) -> None:
    label = QLabel("✕")
    for choice, chosen in (("light", theme.LIGHT), ("dark", theme.DARK), ("light", theme.LIGHT)):
        theme.apply(qapp, choice)
        for tone in ("error", "good"):
            theme.set_tone(label, tone)
            assert label.palette().color(QPalette.ColorRole.WindowText) == QColor(getattr(chosen, tone))


def test_that_a_change_of_theme_survives_widgets_that_wait_for_the_collector() -> None:
    program = """
import gc
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication, QWidget
from penjing_gui import theme

class Forgotten(QWidget):
    def __init__(self):
        super().__init__()
        self.itself = self
        self.ensurePolished()

class Listener(QWidget):
    def changeEvent(self, event):
        super().changeEvent(event)
        self.made = [[number] for number in range(2000)]  # enough for the collector to come

app = QApplication([])
theme.apply(app, "light")
listeners = [Listener() for _ in range(20)]
for listener in listeners:
    listener.show()
for number in range(6):
    gc.disable()
    for _ in range(20):
        Forgotten()
    gc.enable()
    theme.apply(app, "light" if number % 2 else "dark")
assert gc.isenabled()
print(gc.collect() > 0)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr[-1000:]
