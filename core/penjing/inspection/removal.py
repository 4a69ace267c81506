"""Which layers a plan removes altogether: a residual branch may go, because its sum then is what went around it.

Values only, so that an estimate leaves out the very layers that the real cut leaves out.
"""

from collections.abc import Mapping

import msgspec

from penjing.errors import UserError
from penjing.inspection.coupling import coupled_groups
from penjing.layer_graph import Layer, LayerGraph
from penjing.plan import Plan


def remaining(graph: LayerGraph, plan: Plan) -> LayerGraph:
    """The network without the residual branches of the layers that `remove` names; channel ids stay what they were.

    With a layer go its whole branch and the sum; who read the sum reads what went around the branch.

    Raises:
        UserError: `prune.cannot_remove` for a layer that is in no such branch, or with a locked one.
    """
    for layer in graph.compressible:
        settings = plan.settings(layer.name)
        if settings.remove and not settings.locked and layer.name in graph.by_name:
            graph = _without(graph, layer.name, plan)
    return graph


def removable(graph: LayerGraph) -> frozenset[str]:
    """The compressible layers that `remove` can take out."""
    return frozenset(layer.name for layer in graph.compressible if _branch_of(graph, layer.name) is not None)


def _without(graph: LayerGraph, name: str, plan: Plan) -> LayerGraph:
    found = _branch_of(graph, name)
    if found is None or any(plan.settings(one).locked for one in found[0]):
        raise UserError("prune.cannot_remove", layer=name, known=", ".join(sorted(removable(graph))) or "-")
    branch, total, around = found

    def moved(source: str) -> str:
        return around if source == total else source

    layers = tuple(
        msgspec.structs.replace(layer, inputs=tuple(moved(source) for source in layer.inputs))
        for layer in graph.layers
        if layer.name not in branch and layer.name != total
    )
    outputs = tuple(msgspec.structs.replace(output, layer=moved(output.layer)) for output in graph.outputs)
    return msgspec.structs.replace(graph, layers=layers, outputs=outputs, groups=coupled_groups(layers))


def _branch_of(graph: LayerGraph, name: str) -> tuple[frozenset[str], str, str] | None:
    """(the branch, its sum, what goes around) of the smallest residual branch that holds a layer."""
    sources = _sources(graph)
    readers: dict[str, set[str]] = {}
    for layer in graph.layers:
        for feed in layer.inputs:
            readers.setdefault(feed, set()).add(layer.name)
    outputs = {output.layer for output in graph.outputs}
    shapes = {layer.name: layer.output_shape for layer in graph.layers} | {e.name: e.shape for e in graph.inputs}
    for total in graph.layers:
        if total.kind != "add" or name not in sources[total.name]:
            continue
        for end, around in (total.inputs, total.inputs[::-1]):
            branch = frozenset(({end} | sources[end]) - {around} - sources[around])
            if name not in branch or shapes[around] != total.output_shape:
                continue
            if total.name in outputs and around not in graph.by_name:
                continue  # an output has to be some layer's result
            if branch & outputs or any(readers[one] - branch - {total.name} for one in branch):
                continue  # somebody else needs what the branch makes
            if all(_fed_from(graph.by_name[one], branch, around) for one in branch):
                return branch, total.name, around
    return None


def _fed_from(layer: Layer, branch: frozenset[str], around: str) -> bool:
    return set(layer.inputs) <= branch | {around}


def _sources(graph: LayerGraph) -> Mapping[str, frozenset[str]]:
    """By tensor, everything it is computed from."""
    found: dict[str, frozenset[str]] = {entry.name: frozenset() for entry in graph.inputs}
    for layer in graph.layers:
        found[layer.name] = frozenset(layer.inputs).union(*(found[feed] for feed in layer.inputs))
    return found
