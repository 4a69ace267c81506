"""Judges any plan or trained run on all validation samples, one after the other; whatever else is asked comes first."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from penjing.errors import UserError, plain
from penjing.loading.penjingnet import read_penjingnet
from penjing.model.model import Model
from penjing.pipeline.run import run_plan
from penjing.worker import progressive
from penjing.worker.insight_messages import Judged, Spread, WantJudgement
from penjing.worker.opening import Open
from penjing.worker.snapshot import NETWORK
from penjing.worker.watched import watched, watched_modules

BINS = 61
"""An odd number: the middle one is around 0."""
ROOM = 1.25
"""Bins reach beyond the largest weight as loaded: training makes some larger."""


class Judge:
    """One answer, as `learning.Learning` is one."""

    over = True
    """After one step."""

    def __init__(self, message: WantJudgement, opened: Open, on_part: Callable[[], None]) -> None:
        self._message, self._opened, self._on_part = message, opened, on_part

    def step(self) -> Judged:
        """All of it; what is wrong is said in the answer. After `errors.Cancelled` nothing has happened."""
        request, opened = self._message.request, self._opened
        try:
            with watched_modules(self._on_part, weights=opened.weights):
                model = self._network()
            standing = None if opened.data is None or not len(opened.data.val) else self._standing(model)
        except UserError as error:
            return Judged(request=request, refused=error.code, values=plain(error.values))
        return Judged(
            request=request,
            accuracy=None if standing is None else standing.accuracy,
            per_class=() if standing is None else standing.per_class,
            change=None if standing is None else standing.change,
            weights=spreads(opened, model),
        )

    def _network(self) -> Model:
        opened, wanted = self._opened, self._message
        if wanted.run is not None:
            return read_penjingnet(Path(wanted.run) / NETWORK)
        data = watched(opened.data, self._on_part)
        return run_plan(
            opened.model,
            wanted.plan,
            data,
            graph=opened.graph,
            training=False,
            measuring=False,
            on_progress=lambda progress: self._on_part(),
        ).model

    def _standing(self, model: Model) -> progressive.Standing:
        opened = self._opened
        evaluator = opened.evaluator("val")
        baseline = opened.baselines.get("val")
        if baseline is None:
            outputs = evaluator.outputs(opened.model, on_part=self._on_part)
            for found in progressive.measure_baseline(outputs, evaluator.data, "val"):
                if isinstance(found, progressive.Baseline):
                    baseline = opened.baselines["val"] = found
        assert baseline is not None
        if model is opened.model:
            return progressive.unchanged(baseline, evaluator.data)
        outputs = evaluator.outputs(model, on_part=self._on_part)
        *_, last = progressive.measure_change(outputs, evaluator.data, baseline, full=True)
        return last


def spreads(opened: Open, model: Model) -> dict[str, Spread]:
    """By layer of what is open how the weights of `model` are spread; a layer that is gone is left out."""
    known = {name for name, _, _ in model.layers()}
    found = {}
    for name in (layer.name for layer in opened.graph.compressible if layer.name in known):
        before, now = opened.model.weight(name).numpy(), model.weight(name).numpy()
        edge = ROOM * float(np.abs(before).max(initial=0)) or 1.0
        kept = now[now != 0]
        counts, _ = np.histogram(np.clip(kept, -edge, edge), bins=BINS, range=(-edge, edge))
        found[name] = Spread(edge=edge, counts=tuple(counts.tolist()), zeros=now.size - kept.size)
    return found
