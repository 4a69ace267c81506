"""More samples that no network has learned from than the bundled ones: the whole of MNIST, given as a folder.

The networks of the digits learned from 3,000 of MNIST's images; all 5,000 of the sample are taken out here, by content,
so that what is left is new to them whichever part of MNIST it is from.
"""

import dataclasses
from pathlib import Path

import numpy as np

from benchmarks.records import mnist
from penjing.loading.dataset import Dataset, Split


@dataclasses.dataclass(frozen=True, eq=False)
class Pool:
    """Two parts that have no sample in common."""

    curves: Split
    """What probes may listen to."""
    targets: Split
    """What predictions and measurements are judged on."""


def unseen_digits(folder: Path, data: Dataset) -> Pool:
    """MNIST without the sample's images: of its training images for curves, of its test images for targets.

    Args:
        folder: Where the four idx files of MNIST are, at any depth.
        data: The sample `digits`.

    Raises:
        UserError: `load.not_found` where a file is not in the folder.
    """
    whole = mnist(folder)
    known = {image.tobytes() for split in (data.train, data.val, data.test) for image in np.asarray(split.x)}
    return Pool(curves=_without(known, whole.train), targets=_without(known, whole.test))


def _without(known: set[bytes], split: Split) -> Split:
    return split.part(np.array([image.tobytes() not in known for image in split.x], np.bool_))
