"""A small data set of random values, for what looks at samples."""

import numpy as np

from penjing.loading.dataset import Dataset, Split


def few_data(shape: tuple[int, ...], count: int, *, classes: int = 4, labels: bool = True, seed: int = 0) -> Dataset:
    """`count` training samples of a shape (without the batch axis) in the network's own layout."""
    random = np.random.default_rng(seed)
    x = random.standard_normal((count, *shape), dtype=np.float32)
    y = random.integers(0, classes, count) if labels else None
    split = Split(x=x, y=y)
    return Dataset(train=split, val=split, test=split, classes=tuple(map(str, range(classes))))
