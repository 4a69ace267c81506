"""Probes: heard on samples that stand for the whole split, as a plain loop over it tells."""

import numpy as np
import pytest
import torch

from penjing.errors import Cancelled
from penjing.inspection.graph import layer_graph
from penjing.pipeline import probing
from penjing.pipeline.probing import Listener, Prober
from penjing.pipeline.run import run_plan
from penjing.plan import Plan
from tests.support.teaching import convolutional, quarters


def plainly(model: torch.nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return model(inputs).double()


def test_that_few_chosen_samples_tell_what_the_whole_split_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "MOST_SAMPLES", 128)
    model, data = convolutional(), quarters(val=1500)
    graph = layer_graph(model)
    heard = Listener(model, data, graph, lambda: None, choosing=True)
    assert heard.samples <= 128
    inputs, truth = data.batch(data.val, slice(None)), torch.from_numpy(data.val.y)
    plan = Plan().with_layer("conv2", sparsity=0.6)
    changed = run_plan(model, plan, data, graph=graph, training=False, measuring=False).model
    before, after = plainly(model.module, inputs), plainly(changed.module, inputs)
    found = heard.reading(plan)
    assert heard.measure.level(heard.baseline.margins) == pytest.approx(
        float((before.argmax(1) == truth).double().mean()), abs=0.03
    )
    assert heard.measure.level(found.margins) == pytest.approx(
        float((after.argmax(1) == truth).double().mean()), abs=0.05
    )
    # Centred outputs: Σ a b / Σ b², here over all samples.
    first, second = (values - values.mean(1, keepdim=True) for values in (before, after))
    assert found.slope == pytest.approx(float((first * second).sum() / first.square().sum()), rel=0.1)
    chances = torch.softmax(before, 1)
    divergence = (chances * (torch.log_softmax(before, 1) - torch.log_softmax(after, 1))).sum(1).mean()
    assert found.divergence == pytest.approx(float(divergence), rel=0.3)
    assert heard.reading(Plan()).slope == pytest.approx(1)


def test_that_an_interrupted_probe_leaves_what_is_known_and_goes_on_from_there() -> None:
    model, data = convolutional(), quarters(val=64)
    stopping = False

    def on_part() -> None:
        if stopping:
            raise Cancelled

    prober = Prober(model, data, Plan(), graph=layer_graph(model), on_part=on_part)
    known = prober.step(prober.step(prober.nothing()))
    stopping = True
    with pytest.raises(Cancelled):
        prober.step(known)
    stopping = False
    again = prober.step(known)
    assert again.done == known.done + 1 == 3
    assert np.isfinite(again.baseline.margins).all()
