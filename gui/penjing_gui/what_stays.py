"""What no plan changes in a layer, and why, in words; for tables, boxes, tips and the Compress dock."""

from penjing.layer_graph import Layer, LayerGraph
from penjing.planning.kept import keeps_filters, tied_at
from penjing_gui.texts import Texts


def reasons(texts: Texts, graph: LayerGraph, layer: Layer) -> tuple[str, ...]:
    """A sentence each: why it stays whole, or why its filters do, and what has no integer form; most layers have none.

    A layer without numbers of its own has nothing that could stay.
    """
    said = []
    if not layer.compressible and layer.reason is not None:
        said.append(texts.of(layer.reason, layer=layer.name, kind=layer.kind))
    elif keeps_filters(graph, layer):
        met = tied_at(graph, layer)
        code = "check.output_filters" if met is None else "check.filters_fixed"
        said.append(texts.of(code, layer=layer.name, by=met))
    if not layer.in_integers:
        said.append(texts.of("check.float_layer", layer=layer.name, type=layer.type))
    return tuple(said)
