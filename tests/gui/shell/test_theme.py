"""Both themes can be read."""

import itertools

import pytest
from PySide6.QtGui import QColor, QPalette

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
