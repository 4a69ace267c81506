"""Reads a folder of images: one folder for each class, perhaps inside train, val and test."""

import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from penjing.errors import UserError
from penjing.loading import limits
from penjing.loading.card import ImageCard
from penjing.loading.class_folders import class_folders, examples, left_out
from penjing.loading.raw_data import RawData
from penjing.loading.reasons import reason
from penjing.loading.splitting import RULE
from penjing.results import Note

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".pgm", ".ppm", ".tif", ".tiff")
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "PPM", "TIFF")
MAX_PIXELS = 64_000_000
MAX_IMAGES = 1_000_000
MAX_BYTES = 4 << 30
UNTOUCHED = ImageCard()
_ORIENTATION = 0x0112


def read_images(folder: Path, *, shape: tuple[int, ...], card: ImageCard = UNTOUCHED) -> RawData:
    """Images as [n, c, h, w] uint8 of the network's input `shape` [c, h, w] (or [h, w, c]); gray if c is 1.

    Classes are the folders' names in alphabetical order. A picture lies as its EXIF orientation says, transparent
    pixels show the card's background, 16 bits become 8 by division by 257. Pictures that cannot be read are left out
    and named, unless a class is left without any.

    Raises:
        UserError: `data.no_images`, `data.image`, `data.image_network`, `data.background`, `load.too_big`.
    """
    channels, height, width = _wanted(shape)
    colour = _background(card.background)
    listed = class_folders(folder, SUFFIXES)
    if listed is None:
        raise UserError("data.no_images", path=folder.name)
    total = sum(len(files) for files in listed.splits.values())
    limits.check(total, MAX_IMAGES, what="images", where=folder.name)
    limits.check(total * channels * height * width, MAX_BYTES, what="bytes", where=folder.name)
    seen = Seen()

    def read(path: Path) -> NDArray[Any]:
        return _pixels(path, channels, (width, height), card.fit, colour, seen)

    splits, broken = examples(listed, read, (channels, height, width), np.uint8)
    told: tuple[tuple[str, int, dict[str, int | float | str]], ...] = (
        (_FITS[card.fit], seen.resized, {"height": height, "width": width}),
        ("data.fact.image_background", seen.clear, {"colour": card.background}),
        ("data.fact.image_turned", seen.turned, {}),
        ("data.fact.image_deep", seen.deep, {}),
        ("data.fact.image_grayed", seen.grayed, {}),
        ("data.fact.image_coloured", seen.coloured, {}),
    )
    kept = tuple(Note(code=code, values={"count": count, **values}) for code, count, values in told if count)
    rule = RULE if listed.whole else ""
    return RawData(
        splits=splits, whole=listed.whole, classes=listed.classes, rule=rule, facts=(*kept, *left_out(broken))
    )


_FITS = {
    "stretch": "data.fact.image_stretch",
    "crop": "data.fact.image_crop",
    "pad": "data.fact.image_pad",
}


@dataclass
class Seen:
    """How many pictures needed what."""

    resized: int = 0
    clear: int = 0
    """With transparent pixels."""
    turned: int = 0
    deep: int = 0
    """Of 16 bits."""
    grayed: int = 0
    coloured: int = 0


def _wanted(shape: tuple[int, ...]) -> tuple[int, int, int]:
    if len(shape) == 3 and shape[0] in (1, 3):
        return shape[0], shape[1], shape[2]
    if len(shape) == 3 and shape[2] in (1, 3):
        return shape[2], shape[0], shape[1]
    raise UserError("data.image_network", shape=list(shape))


def _background(text: str) -> tuple[int, int, int]:
    if not re.fullmatch("#[0-9a-fA-F]{6}", text):
        raise UserError("data.background", value=text)
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def _pixels(
    path: Path, channels: int, size: tuple[int, int], fit: str, colour: tuple[int, int, int], seen: Seen
) -> NDArray[Any]:
    try:
        with warnings.catch_warnings(), Image.open(path, formats=FORMATS) as opened:
            warnings.simplefilter("ignore")  # Pillow's own warning comes at another limit than ours
            limits.check(opened.width * opened.height, MAX_PIXELS, what="pixels", where=path.name)
            turned = ImageOps.exif_transpose(opened)
            seen.turned += turned.size != opened.size or opened.getexif().get(_ORIENTATION, 1) not in (0, 1)
            image = _fitted(_flat(turned, channels, colour, seen), size, fit, colour, seen)
            pixels = np.asarray(image)
    except UserError:
        raise
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UserError("data.image", path=path.name, detail=reason(error)) from error
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)


def _flat(image: Image.Image, channels: int, colour: tuple[int, int, int], seen: Seen) -> Image.Image:
    """The picture in 8 bits, gray or in colours, without transparency."""
    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.int64)
        if values.size and (values.min() < 0 or values.max() > 65535):
            raise ValueError("its values are not those of 8 or 16 bits")
        seen.deep += 1
        image = Image.fromarray(np.rint(values / 257).astype(np.uint8))
    elif image.mode == "F":
        raise ValueError("its pixels are fractions, whose range nobody knows")
    is_gray = image.mode in ("1", "L", "LA")
    if image.has_transparency_data:
        clear = image.convert("RGBA")
        # Many files have a fourth channel that hides nothing.
        seen.clear += bool((np.asarray(clear)[..., 3] < 255).any())
        image = Image.alpha_composite(Image.new("RGBA", clear.size, (*colour, 255)), clear)
    seen.grayed += channels == 1 and not is_gray
    seen.coloured += channels == 3 and is_gray
    return image.convert("L" if channels == 1 else "RGB")


def _fitted(
    image: Image.Image, size: tuple[int, int], fit: str, colour: tuple[int, int, int], seen: Seen
) -> Image.Image:
    if image.size == size:
        return image
    seen.resized += 1
    if fit == "stretch":
        return image.resize(size, Image.Resampling.BILINEAR, reducing_gap=3.0)
    if fit == "crop":
        return ImageOps.fit(image, size, Image.Resampling.BILINEAR)
    margin = colour if image.mode == "RGB" else round(float(np.dot(colour, (0.299, 0.587, 0.114))))
    return ImageOps.pad(image, size, Image.Resampling.BILINEAR, color=margin)
