"""The estimate decides from tables exactly what the cut decides from the network."""

import numpy as np
import pytest

from penjing.compression.prune import prune
from penjing.estimation.prediction import predict
from penjing.estimation.tables import Tables, wanted
from penjing.inspection.graph import layer_graph
from penjing.inspection.saliency import filter_scores, weight_scores
from penjing.plan import Plan
from tests.support.networks import NETWORKS

PLANS: tuple[dict[str, object], ...] = (
    {"filters": 0.4, "sparsity": 0.3, "filter_criterion": "geometric_median"},
    {"filters": 0.4, "sparsity": 0.6, "scope": "global"},
    {"filters": 0.3, "threshold": 0.05},
    {"filters": 0.2, "nm": (2, 4), "sparsity": 0.7},
    {"filter_threshold": 3.0, "sparsity": 0.5, "criterion": "lamp"},
    {"sparsity": 0.7, "scope": "global", "criterion": "lamp"},
)


@pytest.mark.parametrize("settings", PLANS)
@pytest.mark.parametrize("name", NETWORKS)
def test_that_the_estimate_keeps_the_same_channels_and_as_many_weights(name: str, settings: dict[str, object]) -> None:
    model = NETWORKS[name](7)
    graph, plan = layer_graph(model), Plan().with_defaults(**settings)
    if name == "residual":
        plan = plan.with_layer("a1", remove=True)
    needed = wanted(graph, plan)
    tables = Tables(
        filter_scores={pair: filter_scores(model, *pair).numpy() for pair in needed.filters},
        weight_scores={pair: weight_scores(model, *pair).numpy() for pair in needed.weights},
    )
    predicted, pruned = predict(graph, plan, tables), prune(model, graph, plan)
    ours = {layer.name: (layer.output_shape, layer.params, layer.macs) for layer in predicted.graph.layers}
    assert ours == {layer.name: (layer.output_shape, layer.params, layer.macs) for layer in pruned.graph.layers}
    for group in predicted.graph.groups:
        channels = list(group.channels)
        assert np.array_equal(predicted.keep[channels], pruned.kept_channels[channels])
    for layer, state in predicted.state.weights.items():
        mask = pruned.model.masks.get(layer)
        assert state.kept == (pruned.model.weight(layer).numel() if mask is None else int(mask.sum()))
