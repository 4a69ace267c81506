"""Bar L4: how soon the first measured number is there, how many samples it takes, and whether its interval holds."""

import math
import statistics
import time
from dataclasses import dataclass

import numpy as np

from benchmarks.bars import Finding, at_least, at_most, cpu
from benchmarks.live_plans import applied, networks, random_plan, unlearned
from penjing.compression.simulation import simulate
from penjing.errors import UserError
from penjing.estimation.evaluator import Evaluator
from penjing.estimation.interval import Z
from penjing.estimation.measured import predictions
from penjing.loading.dataset import Dataset
from penjing.model.model import Model
from penjing.worker.progressive import Baseline, measure_baseline, measure_change

GOOD = 0.02
"""Half-width (95 %) at which a number counts as the first."""
PLANS, QUICK_PLANS = 24, 8
MOST_DROP = 0.10
"""Plans that lose more are no subject of a careful look."""


@dataclass(frozen=True)
class Progress:
    """One plan measured to the end."""

    first: int
    """Samples until the first number is good."""
    wilson: int
    """Samples that Wilson's interval needs for it."""
    share: float
    """CPU time until then, of that of a full evaluation in plain torch."""
    inside: int
    """Standings whose interval holds the final number …"""
    standings: int
    """… of so many."""
    exact: bool
    """Whether the last number is that of the plain full evaluation."""


def first_numbers(quick: bool) -> dict[str, Finding]:
    """L4 on plans with drops of at most 10 points."""
    found: dict[str, list[Progress]] = {}
    for name, (model, data, graph) in networks(quick).items():
        whole, random = unlearned(data), np.random.default_rng(4)
        evaluator = Evaluator(whole, "val")
        *_, baseline = measure_baseline(evaluator.outputs(model), whole, "val")
        assert isinstance(baseline, Baseline)
        eager = cpu(lambda: predictions(model, whole, "val"), blocks=3)  # noqa: B023
        found[name] = []
        for _ in range(QUICK_PLANS if quick else PLANS):
            try:
                changed = applied(model, random_plan(graph, random), data, graph)
            except UserError:  # a plan that comes to nothing
                continue
            one = _progress(changed, whole, evaluator, baseline, eager)
            if one is not None:
                found[name].append(one)
    told = ", ".join(f"{name} {_middle([one.first for one in own]):.0f}" for name, own in found.items())
    every = [one for own in found.values() for one in own]
    inside, standings = sum(one.inside for one in every), sum(one.standings for one in every)
    ratio = math.exp(statistics.fmean(math.log(one.wilson / one.first) for one in every))
    shares = ", ".join(f"{name} {100 * _middle([one.share for one in own]):.1f}" for name, own in found.items())
    return {
        "L4.first": at_most(
            100 * _middle([one.share for one in every]),
            5.0,
            "%",
            f"CPU time to ± {100 * GOOD:.0f} pp of that of a full evaluation in eager torch, median; {shares}",
        ),
        "L4.samples": at_least(ratio, 6.0, "× fewer", f"samples than Wilson's, geometric mean; median n: {told}"),
        "L4.holds": at_least(
            100 * inside / max(standings, 1), 95.0, "%", f"of {standings} intervals on the way hold the final number"
        ),
        "L4.exact": at_least(
            100 * statistics.fmean(one.exact for one in every), 100.0, "%", "end with the number of a plain evaluation"
        ),
    }


def _middle(values: list[float] | list[int]) -> float:
    return float(statistics.median(values)) if values else math.nan


def _progress(model: Model, data: Dataset, evaluator: Evaluator, baseline: Baseline, eager: float) -> Progress | None:
    spent, first, standings = time.process_time(), None, []
    share = 0.0
    for standing in measure_change(evaluator.outputs(model), data, baseline, full=True):
        standings.append(standing)
        if first is None and standing.rest <= GOOD:
            first, share = standing.accuracy.n, (time.process_time() - spent) / eager
    last = standings[-1].accuracy
    if baseline.accuracy.value - last.value > MOST_DROP:
        return None
    plain = predictions(simulate(model), data, "val") == baseline.truth
    inside = sum(abs(one.accuracy.value - last.value) <= one.rest + 1e-12 for one in standings[:-1])
    assert first is not None
    return Progress(
        first=first,
        wilson=math.ceil(_wilson_samples(last.value)),
        share=share,
        inside=inside,
        standings=len(standings) - 1,
        exact=last.value == float(plain.mean()),
    )


def _wilson_samples(share: float) -> float:
    """Where Wilson's interval is ± GOOD wide: z √(p q / n + z² / 4n²) / (1 + z² / n) = GOOD, solved for n."""
    low, high = 1.0, 1e5
    while high - low > 0.5:
        n = (low + high) / 2
        half = Z * math.sqrt(share * (1 - share) / n + Z * Z / (4 * n * n)) / (1 + Z * Z / n)
        low, high = (n, high) if half > GOOD else (low, n)
    return high
