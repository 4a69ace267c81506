"""Layers that cross-layer equalization or a costly rounding leaves as they are; decided on values, torch-free.

>>> from penjing.layer_graph import LayerGraph
>>> equalizable(LayerGraph(inputs=(), outputs=(), layers=()), frozenset())
frozenset()
"""

from collections import Counter
from collections.abc import Collection, Iterator

from penjing.catalogue.quantization import MOST_COLUMNS
from penjing.estimation.deployed import fold
from penjing.estimation.state import FILTERED
from penjing.layer_graph import FIXED, Layer, LayerGraph
from penjing.plan import Plan
from penjing.planning.problem import Level, Problem, of_layer

_KEEP_FACTORS = frozenset(
    {"relu", "max_pool", "avg_pool", "global_max_pool", "global_avg_pool", "mean", "identity", "dropout"}
    | {"flatten", "reshape", "transpose", "pad", "upsample"}
)
"""Operators with f(s x) = s f(x) for s > 0, each channel for itself."""


def of_rounding(plan: Plan, graph: LayerGraph) -> Iterator[Problem]:
    """The layers whose rounding or equalization does nothing."""
    wanted = frozenset(layer.name for layer in graph.compressible if plan.settings(layer.name).equalize)
    moved = equalizable(graph, wanted) if wanted else frozenset()
    for layer in graph.compressible:
        settings = plan.settings(layer.name)
        level: Level = "warning" if layer.name in plan.layers else "note"
        if settings.equalize and settings.quantizes and layer.name not in moved:
            yield of_layer(level, layer, "check.not_equalized")
        columns = layer.weights // max(1, (layer.weight_shape or (1,))[0])
        costly = settings.rounding != "nearest" and settings.weight_bits < 32 and settings.codebook is None
        if costly and columns > MOST_COLUMNS:
            told = {"columns": columns, "most": MOST_COLUMNS}
            yield of_layer(level, layer, "check.rounded_to_nearest", rounding=settings.rounding, **told)


def equalizable(graph: LayerGraph, wanted: Collection[str]) -> frozenset[str]:
    """The layers with a neighbour, both of them `wanted`, to which factors of channels can be moved.

    `compression.equalization` decides the same on the modules; batch norm is folded by then.
    """
    folded = fold(graph)
    readers = Counter(feed for layer in folded.layers for feed in layer.inputs)
    readers.update(output.layer for output in folded.outputs)
    reader = {feed: layer for layer in folded.layers for feed in layer.inputs}
    found: set[str] = set()
    for layer in folded.layers:
        name = layer.name
        while layer.weight_kind in FILTERED and readers[name] == 1 and name in reader:
            after = reader[name]
            if after.weight_kind in FILTERED:
                if {layer.name, after.name} <= set(wanted) and _meet(layer, after):
                    found |= {layer.name, after.name}
                break
            if after.kind not in _KEEP_FACTORS:
                break
            name = after.name
    return frozenset(found)


def _meet(first: Layer, second: Layer) -> bool:
    columns = second.output_channels if second.weight_kind == "depthwise" else second.input_channels
    results = set(first.output_channels)
    return bool(columns) and FIXED not in results and FIXED not in columns and results.issuperset(columns)
