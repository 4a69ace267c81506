"""Reads a folder of images: one folder for each class, perhaps inside train, val and test."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from penjing.errors import UserError
from penjing.loading import limits
from penjing.loading.dataset import SPLITS, Split, SplitName
from penjing.loading.raw_data import RawData
from penjing.loading.splitting import RULE

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".pgm", ".ppm", ".tif", ".tiff")
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "PPM", "TIFF")
MAX_PIXELS = 64_000_000
MAX_IMAGES = 1_000_000
MAX_BYTES = 4 << 30


def read_images(folder: Path, *, shape: tuple[int, ...]) -> RawData:
    """Images as [n, c, h, w] uint8, resized to the network's input `shape` [c, h, w] (or [h, w, c]); gray if c is 1.

    Classes are the folders' names in alphabetical order.

    Raises:
        UserError: `data.no_images`, `data.image`, `data.image_network`, `data.image_classes`, `load.too_big`.
    """
    channels, height, width = _wanted(shape)
    parts: dict[SplitName, Path] = {name: folder / name for name in SPLITS if (folder / name).is_dir()}
    if parts and len(parts) < len(SPLITS):
        missing = next(name for name in SPLITS if name not in parts)
        raise UserError("data.missing_array", where=folder.name, array=missing, found=", ".join(parts))
    whole: dict[SplitName, Path] = {"train": folder}
    listed = {name: list(_files(path)) for name, path in (parts or whole).items()}
    classes = tuple(sorted({label for files in listed.values() for label, _ in files}))
    total = sum(len(files) for files in listed.values())
    if not total:
        raise UserError("data.no_images", path=folder.name)
    limits.check(total, MAX_IMAGES, what="images", where=folder.name)
    limits.check(total * channels * height * width, MAX_BYTES, what="bytes", where=folder.name)
    place = {label: index for index, label in enumerate(classes)}
    splits: dict[SplitName, Split] = {}
    for name, files in listed.items():
        x = np.empty((len(files), channels, height, width), np.uint8)
        for index, (_, path) in enumerate(files):
            x[index] = _pixels(path, channels, (width, height))
        splits[name] = Split(x=x, y=np.array([place[label] for label, _ in files], np.int64))
    return RawData(splits=splits, whole=not parts, classes=classes, rule="" if parts else RULE)


def _wanted(shape: tuple[int, ...]) -> tuple[int, int, int]:
    if len(shape) == 3 and shape[0] in (1, 3):
        return shape[0], shape[1], shape[2]
    if len(shape) == 3 and shape[2] in (1, 3):
        return shape[2], shape[0], shape[1]
    raise UserError("data.image_network", shape=list(shape))


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for label in sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")):
        for path in sorted(label.iterdir()):
            if path.suffix.lower() in SUFFIXES and path.is_file() and not path.name.startswith("."):
                yield label.name, path


def _pixels(path: Path, channels: int, size: tuple[int, int]) -> NDArray[Any]:
    try:
        with warnings.catch_warnings(), Image.open(path, formats=FORMATS) as image:
            warnings.simplefilter("ignore")  # Pillow's own warning comes at another limit than ours
            limits.check(image.width * image.height, MAX_PIXELS, what="pixels", where=path.name)
            converted = image.convert("L" if channels == 1 else "RGB")
            if converted.size != size:
                converted = converted.resize(size, Image.Resampling.BILINEAR, reducing_gap=3.0)
            pixels = np.asarray(converted)
    except UserError:
        raise
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UserError("data.image", path=path.name, detail=error) from error
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)
