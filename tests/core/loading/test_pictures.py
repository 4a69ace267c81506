"""Pictures of any size, mode and depth become what the network takes, and the card says what was done to them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from penjing.errors import UserError
from penjing.loading.card import ImageCard
from penjing.loading.image_data import read_images
from penjing.loading.raw_data import RawData


def folder(path: Path, *pictures: Image.Image, suffix: str = "png", **options: object) -> Path:
    """The pictures as the classes a, b and so on."""
    for number, picture in enumerate(pictures):
        place = path / chr(ord("a") + number)
        place.mkdir(exist_ok=True)
        picture.save(place / f"0.{suffix}", **options)  # type: ignore[arg-type]
    return path


def told(raw: RawData) -> dict[str, object]:
    return {fact.code.removeprefix("data.fact."): fact.values.get("count") for fact in raw.facts}


def halves(size: tuple[int, int], left: int, right: int) -> Image.Image:
    values = np.full((size[1], size[0]), left, np.uint8)
    values[:, size[0] // 2 :] = right
    return Image.fromarray(values)


def test_that_transparent_pixels_show_the_background_that_the_card_names(tmp_path: Path) -> None:
    half = np.zeros((4, 4, 4), np.uint8)
    half[..., 0], half[..., 3] = 200, 51  # red 200, covering a fifth
    path = folder(tmp_path, Image.fromarray(half, "RGBA"))
    white = read_images(path, shape=(3, 4, 4)).splits["train"].x[0, :, 0, 0]
    assert np.abs(white.astype(int) - [244, 204, 204]).max() <= 1  # 0.2 · (200, 0, 0) + 0.8 · 255
    raw = read_images(path, shape=(3, 4, 4), card=ImageCard(background="#000064"))
    assert np.abs(raw.splits["train"].x[0, :, 0, 0].astype(int) - [40, 0, 80]).max() <= 1
    assert told(raw)["image_background"] == 1
    whole = np.full((4, 4, 4), 255, np.uint8)  # a fourth channel that hides nothing
    (tmp_path / "whole").mkdir()
    assert "image_background" not in told(
        read_images(folder(tmp_path / "whole", Image.fromarray(whole)), shape=(3, 4, 4))
    )
    with pytest.raises(UserError, match="background"):
        read_images(path, shape=(3, 4, 4), card=ImageCard(background="red"))


def test_that_16_bits_keep_their_share_of_the_range(tmp_path: Path) -> None:
    values = np.array([[0, 257 * 40], [65535, 257 * 200 + 100]], np.uint16)
    for suffix in ("png", "tiff"):
        (tmp_path / suffix).mkdir()
        raw = read_images(folder(tmp_path / suffix, Image.fromarray(values), suffix=suffix), shape=(1, 2, 2))
        assert raw.splits["train"].x[0, 0].tolist() == [[0, 40], [255, 200]]
        assert told(raw)["image_deep"] == 1


def test_that_a_palette_and_gray_pictures_become_colours_and_back(tmp_path: Path) -> None:
    palette = Image.new("P", (2, 2), 1)
    palette.putpalette([0, 0, 0, 255, 0, 0])
    path = folder(tmp_path, palette, Image.new("L", (2, 2), 77))
    raw = read_images(path, shape=(3, 2, 2))
    assert raw.splits["train"].x[:, :, 0, 0].tolist() == [[255, 0, 0], [77, 77, 77]]
    assert told(raw) == {"image_coloured": 1}
    gray = read_images(path, shape=(1, 2, 2))
    assert gray.splits["train"].x[:, 0, 0, 0].tolist() == [76, 77]  # ITU-R 601: 0.299 · 255
    assert told(gray) == {"image_grayed": 1}


def test_that_a_picture_lies_as_its_exif_orientation_says(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be seen turned by a quarter clockwise
    path = folder(tmp_path, halves((4, 2), 0, 200), exif=exif)
    raw = read_images(path, shape=(1, 4, 2))
    assert raw.splits["train"].x[0, 0].tolist() == [[0, 0], [0, 0], [200, 200], [200, 200]]
    assert told(raw) == {"image_turned": 1}


def test_that_a_wide_picture_is_stretched_cropped_or_padded_as_the_card_says(tmp_path: Path) -> None:
    values = np.full((8, 24), 255, np.uint8)
    values[:, 8:16] = 100  # the middle third
    path = folder(tmp_path, Image.fromarray(values))
    found = {
        fit: read_images(path, shape=(1, 8, 8), card=ImageCard(fit=fit, background="#000000"))  # type: ignore[arg-type]
        for fit in ("stretch", "crop", "pad")
    }
    cropped, padded = (found[fit].splits["train"].x[0, 0] for fit in ("crop", "pad"))
    stretched = found["stretch"].splits["train"].x[0, 0]
    assert (cropped == 100).all()
    assert stretched[:, 0].tolist() == [255] * 8 and (stretched[:, 3:5] < 130).all()
    assert (padded[[0, 1, 6, 7]] == 0).all() and (padded[3:5] > 90).all()
    for fit, raw in found.items():
        assert told(raw) == {f"image_{fit}": 1}


def test_that_broken_pictures_are_left_out_and_named_unless_a_class_has_no_other(tmp_path: Path) -> None:
    path = folder(tmp_path, *[Image.new("L", (2, 2), value) for value in (1, 2)])
    Image.new("L", (2, 2), 3).save(path / "a" / "1.png")
    (path / "a" / "broken.png").write_bytes(b"no picture")
    Image.new("1", (9000, 9000)).save(path / "a" / "huge.png")
    (path / "b" / "cut.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut off")
    raw = read_images(path, shape=(1, 2, 2))
    assert raw.splits["train"].x[:, 0, 0, 0].tolist() == [1, 3, 2]
    assert raw.splits["train"].y is not None and raw.splits["train"].y.tolist() == [0, 0, 1]
    (fact,) = raw.facts
    assert fact.values == {"count": 3, "names": "broken.png, huge.png, cut.jpg"}
    (path / "b" / "0.png").unlink()
    with pytest.raises(UserError) as refusal:
        read_images(path, shape=(1, 2, 2))
    assert refusal.value.code == "data.image" and refusal.value.values["path"] == "cut.jpg"
