"""Batch norms re-estimated from what flowed before: the same numbers to the last bit, from fewer layers run."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from penjing.compression.batch_norm import reestimate
from penjing.compression.flows import Flows
from penjing.compression.prune import prune
from penjing.inspection.graph import layer_graph
from penjing.model.model import Model
from penjing.pipeline.reuse import names_of
from penjing.plan import Plan
from tests.support.few_data import few_data
from tests.support.networks import residual


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How often a convolution ran."""
    count, forward = [0], nn.Conv2d.forward

    def counted(module: nn.Conv2d, values: Tensor) -> Tensor:
        count[0] += 1
        return forward(module, values)

    monkeypatch.setattr(nn.Conv2d, "forward", counted)
    yield count


def changed(model: Model) -> list[Model]:
    graph = layer_graph(model)
    names = [layer.name for layer in graph.compressible]
    plans = [Plan().with_layer(name, sparsity=share) for share in (0.5, 0.6) for name in names]
    plans.append(Plan().with_layer(graph.groups[0].producers[0], filters=0.5))
    return [prune(model, graph, plan).model for plan in plans]


@pytest.mark.parametrize("method", [None, "differential"])
@pytest.mark.parametrize("memory", [0, 20_000, 64 << 20])
def test_that_what_is_kept_changes_no_bit(method: str | None, memory: int) -> None:
    model, data = residual(), few_data((3, 8, 8), 24)
    flows = Flows(names_of, memory=memory)
    for other in changed(model):
        plain = reestimate(other, data, method=method, reference=model)
        sooner = reestimate(other, data, method=method, reference=model, flows=flows)
        assert flows.used <= memory
        for (name, module, _), (_, twin, _) in zip(plain.layers(), sooner.layers(), strict=True):
            for key, value in module.state_dict().items():
                assert torch.equal(value, twin.state_dict()[key]), (name, key)


def test_that_a_pass_begins_where_a_network_differs(runs: list[int]) -> None:
    model, data = residual(), few_data((3, 8, 8), 24)
    flows, others = Flows(names_of), changed(model)
    last = others[len(layer_graph(model).compressible) - 1]
    runs[0] = 0
    reestimate(last, data, method="differential", reference=model)
    plainly, runs[0] = runs[0], 0
    reestimate(model, data, method="differential", reference=model, flows=flows)
    runs[0] = 0
    reestimate(last, data, method="differential", reference=model, flows=flows)
    late, runs[0] = runs[0], 0
    reestimate(last, data, method="differential", reference=model, flows=flows)
    assert late < plainly / 2
    assert runs[0] == 0  # the same again: nothing is left to run
    reestimate(others[0], data, method="differential", reference=model, flows=flows)
    assert runs[0] > late


def test_that_other_weights_before_a_norm_are_never_taken_for_the_same() -> None:
    model, data = residual(), few_data((3, 8, 8), 24)
    twin = model.copy()
    with torch.no_grad():
        next(module for _, module, _ in twin.layers() if isinstance(module, nn.Conv2d)).weight[0, 0, 0, 0] += 1e-3
    flows = Flows(names_of)
    reestimate(model, data, flows=flows)
    plain, sooner = reestimate(twin, data), reestimate(twin, data, flows=flows)
    for (_, module, _), (_, other, _) in zip(plain.layers(), sooner.layers(), strict=True):
        assert all(torch.equal(value, other.state_dict()[key]) for key, value in module.state_dict().items())
