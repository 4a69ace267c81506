"""Splits a data set that comes whole: 60 % to train, 20 % to validate, 20 % to test, the same for every class."""

import numpy as np
from numpy.typing import NDArray

from penjing.errors import UserError
from penjing.loading.dataset import SPLITS, Split, SplitName

SHARES = (0.6, 0.2, 0.2)
SEED = 0
RULE = "60 / 20 / 20 stratified by class, seed 0"
RULE_RANDOM = "60 / 20 / 20 at random, seed 0"
RULE_GROUPS = "60 / 20 / 20 by group, seed 0"


def stratified(whole: Split, *, seed: int = SEED) -> dict[SplitName, Split]:
    """Three splits by name; examples keep their order inside each.

    With labels every class is shared out by itself; with groups whole groups go to one split, so that no recording
    is on both sides.

    Raises:
        UserError: `data.too_few` if a split would be empty.
    """
    random = np.random.default_rng(seed)
    if whole.groups is not None:
        units = np.unique(whole.groups)
        place = np.empty(len(units), np.int64)
        place[random.permutation(len(units))] = _places(len(units))
        of_example = place[np.searchsorted(units, whole.groups)]
    else:
        labels = np.zeros(len(whole), np.int64) if whole.y is None else whole.y
        of_example = np.empty(len(whole), np.int64)
        for label in np.unique(labels):
            members = np.flatnonzero(labels == label)
            of_example[random.permutation(members)] = _places(len(members))
    found: dict[SplitName, Split] = {}
    for number, name in enumerate(SPLITS):
        chosen = np.flatnonzero(of_example == number)
        if len(chosen) == 0:
            raise UserError("data.too_few", count=len(whole), split=name)
        found[name] = whole.part(chosen)
    return found


def _places(count: int) -> NDArray[np.int64]:
    """For `count` things, which split each goes to: 0, 1 or 2, shares rounded at their cumulated ends."""
    ends = np.rint(np.cumsum(SHARES) * count).astype(np.int64)
    return np.repeat(np.arange(3), np.diff(ends, prepend=0))
