"""Bar L4: how soon the first measured number is there, how many samples it takes, and whether its interval holds.

A number good to 2 points takes some samples, whatever the size of the split, and a network has to be made ready once.
Of 1,014 windows of `watch` 5 % are 50: good to ± 2 points only where the change of a sample has a variance below
50 · (0.02 / 1.96)² = 0.005, one flip among 200 samples. Of MNIST, where a folder with it is given, a twentieth is
enough for a number, and the bar says something of the measuring.
"""

import math
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.bars import Finding, at_least, at_most, cpu
from benchmarks.live_plans import applied, joined, judged_by, networks, pooled, random_plan, unlearned
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
SMALL = ("digits", "connected")
"""Networks that all 55,000 new digits take no longer than 10,000 do the others."""
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


def first_numbers(quick: bool, folder: Path | None) -> dict[str, Finding]:
    """L4 on plans with drops of at most 10 points; `folder` is that of MNIST."""
    subjects = {name: (model, unlearned(data), graph) for name, (model, data, graph) in networks(quick).items()}
    if folder is not None:
        for name, (model, data, graph, pool) in pooled(quick, folder).items():
            split = joined(pool.curves, pool.targets) if name in SMALL else pool.targets
            subjects[name] = model, judged_by(data, split), graph
    found: dict[str, list[Progress]] = {}
    sizes = {name: len(data.val) for name, (_, data, _) in subjects.items()}
    for name, (model, whole, graph) in subjects.items():
        random = np.random.default_rng(4)
        evaluator = Evaluator(whole, "val")
        *_, baseline = measure_baseline(evaluator.outputs(model), whole, "val")
        assert isinstance(baseline, Baseline)
        eager = cpu(lambda: predictions(model, whole, "val"), blocks=3)  # noqa: B023
        found[name] = []
        for _ in range(QUICK_PLANS if quick else PLANS):
            try:
                changed = applied(model, random_plan(graph, random), whole, graph)
            except UserError:  # a plan that comes to nothing
                continue
            one = _progress(changed, whole, evaluator, baseline, eager)
            if one is not None:
                found[name].append(one)
    told = ", ".join(
        f"{name} {_middle([one.first for one in own]):.0f} of {sizes[name]}" for name, own in found.items()
    )
    every = [one for own in found.values() for one in own]
    inside, standings = sum(one.inside for one in every), sum(one.standings for one in every)
    ratio = math.exp(statistics.fmean(math.log(one.wilson / one.first) for one in every))
    return {
        **{f"L4.first.{name}": _soon(own, sizes[name]) for name, own in found.items()},
        "L4.samples": at_least(ratio, 6.0, "× fewer", f"samples than Wilson's, geometric mean; median n: {told}"),
        "L4.holds": at_least(
            100 * inside / max(standings, 1), 95.0, "%", f"of {standings} intervals on the way hold the final number"
        ),
        "L4.exact": at_least(
            100 * statistics.fmean(one.exact for one in every), 100.0, "%", "end with the number of a plain evaluation"
        ),
    }


def _soon(own: list[Progress], size: int) -> Finding:
    told = f"CPU time to ± {100 * GOOD:.0f} pp of that of a full evaluation in eager torch on {size} samples"
    told += f", median of {len(own)} plans; median of samples {100 * _middle([one.first for one in own]) / size:.1f} %"
    return at_most(100 * _middle([one.share for one in own]), 5.0, "%", told)


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
