"""What the quality of a network is measured by: the one place that knows names, units and which way is better.

>>> metric("top1").show(0.979), metric("mse").show(0.0342), metric("r2").show(-0.25)
('97.9 %', '0.0342', '−0.25')
>>> metric("mse").drop(0.5, 0.55) > 0 > metric("auc").drop(0.8, 0.9)
True
"""

import functools
import math
import re
from typing import Literal

import msgspec

from penjing.assets import minus, phrase

Kind = Literal["share", "error", "fit", "rank"]
MOST_K = 1000
_TOP = re.compile(r"top([1-9][0-9]{0,3})")


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """One metric; `share` is a share of samples, `error` in the target's unit, `fit` R², `rank` an AUC."""

    id: str
    title: str
    """English, for people, translated like every phrase; `{k}` stands for the number of guesses."""
    kind: Kind
    formula: str
    higher: bool = True
    """Whether more is better."""
    k: int = 1
    """Of top-k: how many guesses count."""

    @property
    def is_share(self) -> bool:
        """Whether it is a share of samples, shown in percent and lost in percentage points."""
        return self.kind == "share"

    @property
    def short(self) -> str:
        """For heads of columns, the same in every language, with the unit."""
        named = {"mse": "MSE", "mae": "MAE", "r2": "R²", "auc": "AUC", "agreement": "=, %"}
        return named.get(self.id, f"Top-{self.k}, %")

    @property
    def noun(self) -> str:
        """What its values are, English, for names of proofs; translated like every phrase."""
        if self.id == "agreement":
            return "agreement"
        return {"share": "accuracy", "error": "error", "fit": "R²", "rank": "AUC"}[self.kind]

    @property
    def bounds(self) -> tuple[float, float]:
        """Between which values it lies."""
        return {"share": (0.0, 1.0), "rank": (0.0, 1.0), "fit": (-math.inf, 1.0), "error": (0.0, math.inf)}[self.kind]

    @property
    def worst(self) -> float:
        """The bound on the bad side."""
        return self.bounds[0] if self.higher else self.bounds[1]

    def goodness(self, value: float) -> float:
        """The value turned so that more is better."""
        return value if self.higher else -value

    def clamp(self, value: float) -> float:
        """The nearest possible value."""
        low, high = self.bounds
        return min(high, max(low, value))

    def drop(self, before: float, after: float) -> float:
        """How much worse, as budgets say it: percentage points; of an error the percent by which it grew."""
        if self.kind != "error":
            return 100 * (before - after)
        if before > 0:
            return 100 * (after - before) / before
        return 0.0 if after <= before else math.inf

    def show(self, value: float) -> str:
        """The value with its unit for people: percent of a share, else four digits."""
        return minus(f"{100 * value:.1f} %" if self.is_share else f"{value:.4g}")

    def ranks(self, value: float) -> float:
        """0..1 for a place on a scale from bad to good, where one is needed: errors have no worst value."""
        return 1 / (1 + value) if self.kind == "error" else self.clamp(value)


METRICS: tuple[Metric, ...] = (
    Metric(id="top1", title="Accuracy", kind="share", formula="mean[argmax f(x) = y]"),
    Metric(
        id="agreement", title="Agreement with the original", kind="share", formula="mean[argmax f(x) = argmax f₀(x)]"
    ),
    Metric(id="mse", title="Mean squared error", kind="error", formula="mean (f(x) - t)²", higher=False),
    Metric(id="mae", title="Mean absolute error", kind="error", formula="mean |f(x) - t|", higher=False),
    Metric(id="r2", title="Coefficient of determination R²", kind="fit", formula="1 - Σ(f(x) - t)² / Σ(t - t̄)²"),
    Metric(id="auc", title="Area under the ROC curve", kind="rank", formula="P(s(abnormal) > s(normal)) + ½ P(equal)"),
)
"""Those with a name of their own; `top2`, `top3`, … are made by `metric`."""


OFFERED = ("top1", "top2", "top3", "top5", *(one.id for one in METRICS if one.id != "top1"))
"""Ids to choose from; others are named."""


@functools.cache
def metric(name: str) -> Metric:
    """The metric of an id: one of `METRICS`, or `top<k>`.

    Raises:
        KeyError: There is none of this name.
    """
    for one in METRICS:
        if one.id == name:
            return one
    found = _TOP.fullmatch(name)
    if found is None or not 1 < int(found[1]) <= MOST_K:
        raise KeyError(name)
    k = int(found[1])
    formula = f"mean[y among the {k} largest of f(x)]"
    return Metric(id=name, title="Top-{k} accuracy", kind="share", formula=formula, k=k)


TASKS = {
    "classification": "data.task.classification",
    "regression": "data.task.regression",
    "reconstruction": "data.task.reconstruction",
    "anomaly": "data.task.anomaly",
    "unlabelled": "data.task.unlabelled",
}
"""What a network may have to do with its data (`DataCard.task`), and the code of its name."""


def metric_name(how: Metric, language: str = "en") -> str:
    """What a metric is called."""
    return phrase(how.title, language=language).replace("{k}", str(how.k))


def known(name: str) -> bool:
    """Whether `metric` knows it."""
    try:
        metric(name)
    except KeyError:
        return False
    return True
