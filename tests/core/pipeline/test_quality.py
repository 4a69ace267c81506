"""The quality benchmark: it runs on one network, and its figures are those of the formulas."""

import math

import numpy as np
import pytest
import torch

from benchmarks.quality import BARS, measured
from benchmarks.quality_parts import MOST_SECONDS, Part, finding
from benchmarks.quality_subjects import Answers, Subject, lost, subject
from penjing.loading.dataset import Dataset, Split
from penjing.plan import DEFAULT_PIPELINE, Plan
from penjing.planning.recipe import PIPELINE, recommended


def test_that_every_bar_is_measured_on_the_digits_and_beats_the_plain_recipes() -> None:
    found = measured([subject("digits")], quick=True)
    assert list(found) == list(BARS)
    for one in found.values():
        assert set(one) == {"value", "bar", "unit", "holds", "detail"}
        assert math.isfinite(one["value"]) and math.isfinite(one["bar"])
        assert one["holds"] == all(part["holds"] for part in one["detail"]["parts"])
    # By wide margins: half of the channels gone, and 30 % by torch-pruning's own criterion.
    assert found["Q4"]["holds"] and found["Q5"]["holds"] and found["Q6"]["holds"]
    assert found["Q5"]["value"] > 5
    assert "again the same in integers" in found["T4"]["detail"]["parts"][0]["text"]


def _answers(right: list[bool]) -> torch.Tensor:
    """Of two classes the truth is always the first."""
    return torch.tensor([[1.0, 0.0] if one else [0.0, 1.0] for one in right])


def _subject(groups: list[int] | None, before: list[bool]) -> Subject:
    count = len(before)
    own = None if groups is None else np.array(groups)
    split = Split(x=np.zeros((count, 1), np.float32), y=np.zeros(count, np.int64), groups=own)
    data = Dataset(train=split, val=split, test=split, classes=("one", "other"))
    return Subject("made up", subject("digits").model, data, {"val": _answers(before), "test": _answers(before)})


@pytest.mark.parametrize("groups", [None, [0, 0, 0, 0, 1, 1, 1, 1]])
def test_that_a_loss_is_counted_in_pairs_and_its_chance_by_recording(groups: list[int] | None) -> None:
    before = [True] * 6 + [False] * 2
    after = [False, False, False, True, True, True, True, False]  # three lost, one won of eight
    found = lost(_subject(groups, before), Answers(recipe="", val=_answers(after), test=_answers(after)))
    assert found.points == pytest.approx(100 * 2 / 8)
    assert found.flips == 4
    apart = np.array([1, 1, 1, 0, 0, 0, -1, 0]) - 0.25
    sums = apart if groups is None else np.array([apart[:4].sum(), apart[4:].sum()])
    error = math.sqrt((sums**2).sum() * len(sums) / (len(sums) - 1)) / 8
    assert found.chance == pytest.approx(100 * 1.96 * error)


def test_that_a_bar_is_as_good_as_its_worst_part_and_never_better_than_its_time() -> None:
    good = Part(what="good", value=0.1, bar=0.3)
    bad = Part(what="bad", value=0.2, bar=1.0, seconds=MOST_SECONDS + 1)
    worst = finding([good, bad], "pp")
    assert (worst["value"], worst["bar"], worst["holds"]) == (0.2, 1.0, False)
    assert finding([good], "pp")["holds"]


def test_that_a_miss_that_chance_explains_is_a_miss_that_says_so() -> None:
    missed = Part(what="", value=-0.5, bar=0.0, more=True, chance=0.6)
    assert not missed.holds
    assert "by less than chance" in str(missed)
    assert "chance" not in str(Part(what="", value=-0.5, bar=0.0, more=True, chance=0.4))


def test_that_the_recommended_methods_leave_what_the_plan_takes_and_its_own_pipeline() -> None:
    plan = Plan().with_defaults(sparsity=0.5, weight_bits=3).with_layer("a", weight_bits=8, rounding="nearest")
    found = recommended(plan)
    assert (found.defaults.sparsity, found.defaults.weight_bits, found.defaults.scope) == (0.5, 3, "global")
    assert found.settings("a").rounding == "nearest"
    assert plan.pipeline == DEFAULT_PIPELINE and found.pipeline == PIPELINE
    assert recommended(Plan(pipeline=("quantize",))).pipeline == ("quantize",)
    assert recommended(plan.with_layer("a", filters=0.5)).defaults.scope == "layer"
