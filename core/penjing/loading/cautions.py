"""What data cannot tell of a network: no labels, one class alone, classes without an example.

>>> from penjing.loading.dataset import Dataset, Split
>>> empty = Split(x=np.zeros((1, 2), np.float32))
>>> [note.code for note in cautions(Dataset(train=empty, val=empty, test=empty, metric="agreement"))]
['data.says_no_labels']
"""

import numpy as np

from penjing.errors import Note, note
from penjing.loading.dataset import Dataset


def cautions(data: Dataset) -> tuple[Note, ...]:
    """For people, before they believe a number that is measured on validation data; empty where nothing is amiss."""
    labels, count = data.val.y, len(data.val)
    if data.metric == "agreement":
        return (note("data.says_no_labels", count=count),)
    if not data.has_labels or labels is None or not count:
        return ()
    present = np.unique(labels)
    if len(present) == 1:
        label = int(present[0])
        name = data.classes[label] if label < len(data.classes) else str(label)
        return (note("data.says_one_class", count=count, name=name),)
    classes = len(data.classes)
    if len(present) < classes:
        return (note("data.says_few", count=count, classes=classes, missing=classes - len(present)),)
    return ()
