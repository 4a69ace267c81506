"""What data cannot tell is said: no labels, one class, classes without an example."""

import numpy as np
from torch import nn

from penjing.loading.cautions import cautions
from penjing.loading.data_card import card_facts
from penjing.loading.dataset import Dataset, Split
from tests.support.networks import network


def data(labels: list[int] | None, *, classes: int = 3) -> Dataset:
    count = 4 if labels is None else len(labels)
    y = None if labels is None else np.array(labels)
    split = Split(x=np.zeros((count, 1), np.float32), y=y)
    names = tuple("abcdefghij"[:classes])
    metric = "agreement" if labels is None else "top1"
    return Dataset(train=split, val=split, test=split, classes=names, metric=metric)


def test_that_data_without_labels_says_what_is_measured_instead() -> None:
    (told,) = cautions(data(None))
    assert told.code == "data.says_no_labels" and "not how often it is right" in told.text("en")
    assert "没有标签" in told.text("zh_CN")


def test_that_one_class_alone_is_named() -> None:
    (told,) = cautions(data([1, 1, 1]))
    assert (told.code, dict(told.values)) == ("data.says_one_class", {"count": 3, "name": "b"})


def test_that_classes_without_an_example_are_counted() -> None:
    (told,) = cautions(data([0, 1, 1], classes=10))
    assert (told.code, dict(told.values)) == ("data.says_few", {"count": 3, "classes": 10, "missing": 8})


def test_that_nothing_is_said_where_every_class_is_seen() -> None:
    assert cautions(data([0, 1, 2])) == ()


def test_that_of_several_outputs_the_one_that_is_measured_is_named() -> None:
    layers: list[tuple[str, nn.Module, str]] = [("a", nn.Linear(1, 3), ""), ("b", nn.Linear(1, 2), "x")]
    found = card_facts(data([0, 1, 2]), network((1,), layers, outputs="a b"))
    (told,) = found.cautions
    assert (told.code, dict(told.values)) == ("data.says_first_output", {"name": "y0", "count": 2})
    assert not card_facts(data([0, 1, 2]), network((1,), layers[:1])).cautions
