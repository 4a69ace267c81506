"""Who is hurt by a plan: the very samples, the confusion, and whether the drop is real."""

import numpy as np
import pytest

from penjing.worker import change
from penjing.worker.change import Count, Flip, change_of, confusion_of

TRUTH = np.array([0, 0, 0, 1, 1, 2, 2, 2])
BEFORE = np.array([0, 0, 1, 1, 0, 2, 0, 1])
NOW = np.array([0, 2, 0, 0, 0, 2, 1, 1])
SURETY = np.array([9.0, 1.0, -0.5, 3.0, -2.0, 5.0, -4.0, -0.1])
ALL = np.ones(8, np.bool_)


def test_that_flips_name_the_lost_first_and_the_surest_of_them_before_others() -> None:
    found = change_of(TRUTH, BEFORE, NOW, surety=SURETY, seen=ALL, final=True)
    assert (found.seen, found.lost, found.gained, found.moved) == (8, 2, 1, 1)
    assert found.flips == (
        Flip(sample=3, truth=1, before=1, now=0),
        Flip(sample=1, truth=0, before=0, now=2),
        Flip(sample=2, truth=0, before=1, now=0),
        Flip(sample=6, truth=2, before=0, now=1),
    )
    assert [one.lost for one in found.flips] == [True, True, False, False]
    assert [one.gained for one in found.flips] == [False, False, True, False]


def test_that_both_confusions_are_of_the_samples_seen() -> None:
    seen = np.array([True, True, False, True, False, False, False, False])
    found = change_of(TRUTH, BEFORE, NOW, surety=SURETY, seen=seen, final=True)
    assert found.seen == 3
    assert found.confusion_before == (Count(truth=0, chosen=0, samples=2), Count(truth=1, chosen=1, samples=1))
    assert set(found.confusion) == {
        Count(truth=0, chosen=0, samples=1),
        Count(truth=0, chosen=2, samples=1),
        Count(truth=1, chosen=0, samples=1),
    }
    assert change_of(TRUTH, BEFORE, NOW, surety=SURETY, seen=seen, final=False).confusion == ()


def test_that_the_p_value_is_that_of_the_binomial_distribution() -> None:
    # 10 lost, 2 gained: 2 · (C(12,0) + C(12,1) + C(12,2)) / 2^12 = 2 · 79 / 4096.
    truth, before, now = np.zeros(40, np.int64), np.zeros(40, np.int64), np.zeros(40, np.int64)
    now[:10], before[10:12] = 1, 1
    found = change_of(truth, before, now, surety=np.ones(40), seen=np.ones(40, np.bool_), final=False)
    assert found.p_value == pytest.approx(2 * 79 / 4096)


def test_that_many_flips_are_counted_but_not_all_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change, "MOST_FLIPS", 1)
    found = change_of(TRUTH, BEFORE, NOW, surety=SURETY, seen=ALL, final=False)
    # Many that were lost leave room for those that were gained.
    assert [(flip.lost, flip.gained) for flip in found.flips] == [(True, False), (False, True), (False, False)]
    assert (found.lost, found.gained, found.moved) == (2, 1, 1)


def test_that_no_samples_have_an_empty_confusion() -> None:
    empty = np.zeros(0, np.int64)
    assert confusion_of(empty, empty) == ()


def test_that_of_several_guesses_it_counts_whether_the_truth_is_among_them() -> None:
    # The first is right before and now though another class comes first; the second falls out; the third comes in.
    truth, before, now = np.array([0, 0, 0, 1]), np.array([1, 1, 2, 2]), np.array([2, 2, 1, 0])
    hits = np.array([True, True, False, False]), np.array([True, False, True, False])
    found = change_of(truth, before, now, surety=np.zeros(4), seen=np.ones(4, np.bool_), final=False, hits=hits)
    assert (found.lost, found.gained, found.moved) == (1, 1, 1)
    assert [(one.sample, one.lost, one.gained) for one in found.flips] == [
        (1, True, False),
        (2, False, True),
        (3, False, False),
    ]
