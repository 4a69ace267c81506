"""Pictures of recordings: time runs to the right, frequency upwards, in the colours of every map."""

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from penjing.results import DataCard, Note
from penjing_gui import theme
from penjing_gui.pages.sample_cards import PICTURE, SampleCards
from penjing_gui.plots.look import LookPlot
from penjing_gui.thumbnails import sound_bands, thumbnail, thumbnails, upright


def card(*notes: Note) -> DataCard:
    return DataCard(
        title="", source="", metric="top1", task="classification", sizes={}, classes=(), class_counts={}, balance=None,
        split_rule="", grouped=False, inputs=(), targets=(), preparation=notes,
    )  # fmt: skip


def test_that_the_card_says_how_many_bands_there_are() -> None:
    mels = Note(code="data.fact.sound_mels", values={"mels": 40, "frames": 49})
    assert sound_bands(None) == sound_bands(card()) == 0
    assert sound_bands(card(mels)) == 40
    assert sound_bands(card(mels, Note(code="data.fact.sound_cosines", values={"count": 10}))) == 10


@pytest.mark.parametrize("shape", [(1, 6, 4), (1, 4, 6), (4, 6), (6, 4, 1), (4, 1, 6)])
def test_that_bands_come_first_whatever_the_layout(shape: tuple[int, ...]) -> None:
    heard = np.arange(24, dtype=np.float32).reshape(4, 6)  # [bands, time]
    bands_first = next(extent for extent in shape if extent != 1) == 4
    example = (heard if bands_first else heard.T).reshape(shape)
    found = upright(example, 4)
    assert found is not None and (found == heard).all()
    assert upright(np.zeros((3, 5, 5), np.float32), 5) is None


def test_that_a_low_sound_at_the_end_lies_in_the_lower_right(qtbot: QtBot) -> None:
    example = np.zeros((1, 10, 8), np.float32)  # [1, time, bands]
    example[0, 7:, :3] = 1.0
    picture = thumbnail(example, width=80, height=60, inks=theme.LIGHT, bands=8).toImage()
    loud, quiet = picture.pixelColor(75, 55), picture.pixelColor(5, 5)
    assert picture.pixelColor(75, 5) == picture.pixelColor(5, 55) == quiet
    assert loud.lightness() > quiet.lightness()
    assert loud.saturation() > 60  # a colour of the map, no grey


def test_that_a_look_stands_as_the_sound_that_it_is_of(qtbot: QtBot) -> None:
    plot = LookPlot()
    qtbot.addWidget(plot)
    example, values = np.zeros((1, 10, 8), np.float32), np.zeros((10, 8), np.float32)  # [1, time, bands]
    example[0, 9, 0] = values[9, 0] = 1.0
    plot.show_look(example, values, axis="", bands=8)
    assert plot._example.shape == (1, 8, 10) and plot._example[0, 7, 9] == 1  # the lowest band is the last row
    assert plot._map.shape == (8, 10) and plot._map[7, 9] == 1 == plot._map.sum()
    over_time = np.arange(10, dtype=np.float32)
    plot.show_look(np.zeros((8, 10), np.float32), over_time, axis="", bands=8)
    assert (plot._map == over_time).all() and plot._map.shape == (8, 10)


def test_that_what_goes_into_several_inputs_lies_side_by_side(qtbot: QtBot) -> None:
    cards = SampleCards()
    qtbot.addWidget(cards)
    cards.fit_words(("a",))
    alone = cards.card
    assert cards.picture == PICTURE
    cards.fit_words(("a",), pictures=3)
    wide = cards.picture.width()
    assert wide > 2 * PICTURE.width() and cards.card.width() - alone.width() == wide - PICTURE.width()
    black, white = np.zeros((3, 8, 8), np.float32), np.zeros((3, 8, 8), np.float32)
    black[:, 0, 0], white[:, 1:] = 1.0, 1.0  # nearly all dark, nearly all bright
    made = thumbnails([black, white, np.ones(4, np.float32)], width=wide, height=60, inks=theme.LIGHT).toImage()
    middles = [made.pixelColor(round((place + 0.5) / 3 * made.width()), made.height() // 2) for place in range(3)]
    assert middles[0].lightness() < 20 and middles[1].lightness() > 235
    assert 100 < middles[2].green() < 130 and middles[2].red() < 30  # a bar in the accent's colour, where two meet
