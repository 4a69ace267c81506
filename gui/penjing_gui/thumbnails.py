"""Small pictures of examples: an image as it is, traces over time, their spectrogram, or a bar for each feature."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QGuiApplication, QImage, QPainter, QPen, QPixmap, QPolygonF

from penjing.results import DataCard
from penjing_gui.plots.scale import color_map
from penjing_gui.theme import Colors

Values = NDArray[np.float32]
Look = Literal["plain", "spectrogram"]
MOST_SIDES = 4
"""So many inputs are seen side by side."""
_BETWEEN = 4
_MOST_TRACES = 8
_SHORTEST_WINDOW, _LONGEST_WINDOW = 8, 256


def thumbnail(
    example: Values, *, width: int, height: int, inks: Colors, look: Look = "plain", bands: int = 0
) -> QPixmap:
    """A picture of an example on a ground that shows through.

    Args:
        example: [channels, height, width], [channels, length] or [features].
        width: Of the picture, in pixels of the layout; the densest screen has more for each.
        height: Of the picture, in the same pixels.
        inks: Of the present theme.
        look: `spectrogram` shows what [channels, length] holds at which frequency.
        bands: Where examples are spectrograms themselves (`sound_bands`): how many bands they have.
    """
    density = QGuiApplication.instance().devicePixelRatio()  # type: ignore[union-attr]
    result = QPixmap(QSize(width, height) * density)
    result.setDevicePixelRatio(density)
    result.fill(Qt.GlobalColor.transparent)
    painter = QPainter(result)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    room = QRectF(1, 1, width - 2, height - 2)
    if bands and (heard := upright(example, bands)) is not None:
        _draw_picture(painter, room, _as_heat(heard), keeps_shape=False)
    elif example.ndim == 3:
        _draw_picture(painter, room, _as_picture(example), keeps_shape=True)
    elif example.ndim == 2 and look == "spectrogram":
        _draw_picture(painter, room, _as_heat(spectrogram(example)), keeps_shape=False)
    elif example.ndim == 2:
        _draw_traces(painter, room, example, inks.series)
    elif example.size:
        _draw_bars(painter, room, example, inks)
    painter.end()
    return result


def thumbnails(
    examples: Sequence[Values], *, width: int, height: int, inks: Colors, look: Look = "plain", bands: int = 0
) -> QPixmap:
    """One picture of what goes into each input, side by side; arguments as of `thumbnail`."""
    shown = examples[:MOST_SIDES]
    if len(shown) == 1:
        return thumbnail(shown[0], width=width, height=height, inks=inks, look=look, bands=bands)
    each = (width - _BETWEEN * (len(shown) - 1)) // len(shown)
    density = QGuiApplication.instance().devicePixelRatio()  # type: ignore[union-attr]
    result = QPixmap(QSize(width, height) * density)
    result.setDevicePixelRatio(density)
    result.fill(Qt.GlobalColor.transparent)
    painter = QPainter(result)
    for place, example in enumerate(shown):
        one = thumbnail(example, width=each, height=height, inks=inks, look=look if example.ndim == 2 else "plain")
        painter.drawPixmap(place * (each + _BETWEEN), 0, one)
    painter.end()
    return result


def sound_bands(card: DataCard | None) -> int:
    """How many bands the spectrograms have that a data set's recordings became; 0 where there are none."""
    told = {note.code: note.values for note in (() if card is None else card.preparation)}
    found = told.get("data.fact.sound_cosines", {}).get("count", told.get("data.fact.sound_mels", {}).get("mels", 0))
    return int(found)


def upright(example: Values, bands: int) -> NDArray[np.float64] | None:
    """A spectrogram as [bands, time], lowest band first, of any layout that a network takes; None if it is none."""
    extents = tuple(extent for extent in example.shape if extent != 1)
    if len(extents) != 2 or bands not in extents:
        return None
    values = example.reshape(extents).astype(np.float64)
    # As `loading.audio_data` lays them: of equal extents the bands come first only in [channels, length].
    first = extents[0] == bands and (extents[1] != bands or example.ndim == 2)
    return values if first else values.T


def spectrogram(example: Values) -> NDArray[np.float64]:
    """Magnitudes by frequency and time, [window / 2 + 1, windows], the mean of all channels of [channels, length].

    A short-time Fourier transform with Hann windows, each a quarter of the length (but 8 to 256 steps), one beginning
    after every quarter of the one before.
    """
    length = example.shape[1]
    size = min(max(length // 4, _SHORTEST_WINDOW), _LONGEST_WINDOW, length)
    starts = np.arange(0, length - size + 1, max(size // 4, 1))
    pieces = example[:, starts[:, None] + np.arange(size)].astype(np.float64)
    # A constant part would outshine everything that moves.
    pieces = (pieces - pieces.mean(axis=2, keepdims=True)) * np.hanning(size + 2)[1:-1]
    return np.asarray(np.abs(np.fft.rfft(pieces, axis=2)).mean(axis=0).T)


def _as_picture(example: Values) -> NDArray[np.ubyte]:
    shown = example if len(example) == 3 else example.mean(axis=0, keepdims=True)
    low, high = _span(shown)
    grey = ((shown - low) / (high - low) * 255).astype(np.ubyte)
    return np.ascontiguousarray(np.moveaxis(np.broadcast_to(grey, (3, *grey.shape[1:])), 0, -1))


def _as_heat(values: NDArray[np.float64]) -> NDArray[np.ubyte]:
    """Lowest frequencies at the bottom."""
    low, high = _span(values)
    colours = color_map().map((values[::-1] - low) / (high - low), mode="byte")
    return np.ascontiguousarray(colours[..., :3])


def _draw_picture(painter: QPainter, room: QRectF, picture: NDArray[np.ubyte], *, keeps_shape: bool) -> None:
    rows, columns = picture.shape[:2]
    image = QImage(picture.data, columns, rows, 3 * columns, QImage.Format.Format_RGB888)
    place = room
    if keeps_shape:
        scale = min(room.width() / columns, room.height() / rows)
        place = QRectF(0, 0, columns * scale, rows * scale)
        place.moveCenter(room.center())
    # Few pixels are meant to be seen as such, many to be seen as a picture.
    smooth = max(rows, columns) > max(room.width(), room.height()) * painter.device().devicePixelRatio()
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smooth)
    painter.drawImage(place, image)


def _draw_traces(painter: QPainter, room: QRectF, example: Values, series: Sequence[str]) -> None:
    low, high = _span(example)
    xs = np.linspace(room.left(), room.right(), example.shape[1])
    for number, row in enumerate(example[:_MOST_TRACES]):
        ys = room.bottom() - (row - low) / (high - low) * room.height()
        painter.setPen(QPen(QColor(series[number % len(series)]), 1))
        painter.drawPolyline(QPolygonF([QPointF(x, y) for x, y in zip(xs.tolist(), ys.tolist(), strict=True)]))


def _draw_bars(painter: QPainter, room: QRectF, example: Values, inks: Colors) -> None:
    low, high = _span(np.append(example, 0.0))
    wide = room.width() / len(example)
    zero = room.bottom() + low / (high - low) * room.height()
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(inks.accent))
    for number, value in enumerate(example.tolist()):
        top = room.bottom() - (value - low) / (high - low) * room.height()
        painter.drawRect(QRectF(room.left() + number * wide, min(top, zero), 0.8 * wide, abs(top - zero)))


def _span(values: NDArray[np.floating]) -> tuple[float, float]:
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    return (low, high) if high > low else (low - 0.5, low + 0.5)
