"""What of a network no plan changes, and why: for who looks at it before planning. Torch-free.

>>> from penjing.layer_graph import LayerGraph
>>> kept(LayerGraph(inputs=(), outputs=(), layers=())).whole
{}
"""

from collections.abc import Mapping
from dataclasses import dataclass

from penjing.layer_graph import Layer, LayerGraph


@dataclass(frozen=True, kw_only=True)
class Kept:
    """Names of layers."""

    whole: Mapping[str, tuple[str, ...]]
    """Stored numbers or operators that stay as they are, by the message code that says why."""
    filters: Mapping[str, str | None]
    """Layers whose filters stay, and where their channels meet others that cannot be cut; None: in an output."""
    floats: tuple[str, ...]
    """What computes in float in a quantized network."""


def kept(graph: LayerGraph) -> Kept:
    """The layers that weights, filters and bits of a plan do not reach."""
    whole: dict[str, tuple[str, ...]] = {}
    for layer in graph.layers:
        if layer.reason is not None and stays_whole(layer):
            whole[layer.reason] = (*whole.get(layer.reason, ()), layer.name)
    filters = {layer.name: tied_at(graph, layer) for layer in graph.layers if keeps_filters(graph, layer)}
    floats = tuple(layer.name for layer in graph.layers if not layer.in_integers)
    return Kept(whole=whole, filters=filters, floats=floats)


def stays_whole(layer: Layer) -> bool:
    """Whether a layer stores numbers, or operators, that no plan changes.

    Values of channels go with the channels; a single number, as in x · 1/6, is no weight that anybody would look for.
    """
    return layer.verbatim is not None or (layer.params > 1 and layer.reason == "layer.other_weights")


def keeps_filters(graph: LayerGraph, layer: Layer) -> bool:
    """Whether a layer that a plan can change has filters of which none can be cut."""
    own = set(layer.output_channels)
    return layer.compressible and all(own.isdisjoint(group.channels) for group in graph.groups)


def tied_at(graph: LayerGraph, layer: Layer) -> str | None:
    """Where the results of a layer that keeps its filters meet channels that cannot be cut; None: in an output.

    Followed through all that makes no channels of its own: the first that joins them with others, else the first that
    lays them out anew, else the layer itself.
    """
    known: dict[str, str | None] = graph.__dict__.setdefault("_tied_at", {})
    if layer.name not in known:
        known[layer.name] = _tied_at(graph, layer)
    return known[layer.name]


def _tied_at(graph: LayerGraph, layer: Layer) -> str | None:
    reached, waiting = {layer.name}, [layer]
    joins: list[str] = []
    others: list[str] = []
    for one in waiting:
        for reader in graph.readers.get(one.name, ()):
            if reader.name in reached or reader.weight_kind in {"dense", "grouped"}:
                continue
            reached.add(reader.name)
            waiting.append(reader)
            joins += [reader.name] if len(reader.inputs) > 1 else []
            others += [reader.name] if len(reader.output_channels) != len(one.output_channels) else []
    if not reached.isdisjoint(output.layer for output in graph.outputs):
        return None
    return (*joins, *others, layer.name)[0]
