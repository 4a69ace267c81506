"""What is wrong or useless in a plan for a network and a device; it lists and never raises.

>>> from penjing.layer_graph import LayerGraph
>>> from penjing.plan import Plan
>>> [problem.code for problem in check(Plan().with_layer("conv9", sparsity=0.5), LayerGraph(
...     inputs=(), outputs=(), layers=()))]
['check.unknown_layer']
"""

from collections.abc import Iterable, Iterator

from penjing.devices.profiles import Device
from penjing.errors import UserError
from penjing.estimation.tables import Tables
from penjing.layer_graph import LayerGraph
from penjing.plan import Override, Plan
from penjing.planning.check_pruning import nothing_removed, of_pruning
from penjing.planning.check_quantization import of_quantization
from penjing.planning.check_rounding import of_rounding
from penjing.planning.kept import stays_whole
from penjing.planning.problem import Problem, merged

__all__ = ["Problem", "check", "merged", "require_known_layers"]

_TRAINING = frozenset({"finetune", "qat", "distill"})


def require_known_layers(plan: Plan, graph: LayerGraph) -> None:
    """Nothing if every layer that the plan sets is in the network.

    Raises:
        UserError: `plan.unknown_layer`, with the layers there are.
    """
    unknown = [name for name in plan.layers if name not in graph.by_name]
    if unknown:
        known = ", ".join(layer.name for layer in graph.compressible)
        raise UserError("plan.unknown_layer", layer=unknown[0], known=known)


def check(
    plan: Plan, graph: LayerGraph, *, device: Device | None = None, tables: Tables | None = None
) -> tuple[Problem, ...]:
    """The problems of a plan: an error cannot be done, a warning does or saves nothing, a note is left as it is.

    With `tables` that hold the scores which the plan's thresholds are compared with, a threshold below all of them is
    found, too.
    """
    steps = {step.step for step in plan.steps}
    found = [*_whole(plan, graph, steps), *_layers(plan, graph)]
    if steps & _TRAINING and plan.distillation.epochs > 0:
        found += _trains_through(graph)
    if "prune" in steps:
        found += of_pruning(plan, graph, device, tables or Tables())
    if steps & {"quantize", "qat"}:
        found += of_quantization(plan, graph, device)
        found += of_rounding(plan, graph)
    place = {layer.name: index for index, layer in enumerate(graph.layers)}
    return tuple(sorted(found, key=lambda problem: -1 if problem.layer is None else place.get(problem.layer, -1)))


def _whole(plan: Plan, graph: LayerGraph, steps: Iterable[str]) -> Iterator[Problem]:
    for name in plan.layers:
        if name not in graph.by_name:
            known = ", ".join(layer.name for layer in graph.compressible)
            yield Problem(level="error", layer=name, code="check.unknown_layer", values={"layer": name, "known": known})
    settings = [plan.settings(layer.name) for layer in graph.compressible]
    if "prune" not in steps:
        if any(one.prunes_weights or one.cuts_filters or one.remove for one in settings):
            yield Problem(level="warning", layer=None, code="check.no_prune_step")
    elif nothing_removed(plan, graph):
        yield Problem(level="error", layer=None, code="check.nothing_removed")
    elif any(one.prunes_weights and one.schedule == "cubic" for one in settings) and not _prunes_slowly(plan):
        yield Problem(level="warning", layer=None, code="check.cubic_at_once")
    if not {"quantize", "qat"}.intersection(steps) and any(one.quantizes for one in settings):
        yield Problem(level="warning", layer=None, code="check.no_quantize_step")


def _prunes_slowly(plan: Plan) -> bool:
    """Whether a step after `prune` takes the rest of a cubic schedule: a training, or a repair before anything else."""
    names = [step.step for step in plan.steps]
    later = names[names.index("prune") + 1 :]
    if next((name for name in later if name != "bn_reestimate"), None) == "repair":
        return True
    return plan.distillation.epochs > 0 and not _TRAINING.isdisjoint(later)


def _trains_through(graph: LayerGraph) -> Iterator[Problem]:
    """The opaque layers that a gradient would have to pass to reach a layer before them."""
    trained: set[str] = set()
    for layer in graph.layers:
        if trained.intersection(layer.inputs) and layer.verbatim is not None:
            values: dict[str, str | int | float] = {"layer": layer.name, "type": layer.type}
            yield Problem(level="error", layer=layer.name, code="check.trains_through", values=values)
        if (layer.params and layer.verbatim is None) or trained.intersection(layer.inputs):
            trained.add(layer.name)


def _layers(plan: Plan, graph: LayerGraph) -> Iterator[Problem]:
    """Layers that have settings and cannot follow any."""
    asks = any(
        settings.prunes_weights or settings.cuts_filters or settings.quantizes
        for settings in (plan.defaults, *(plan.settings(name) for name in plan.layers))
    )
    for layer in graph.layers:
        if layer.compressible:
            continue
        values: dict[str, str | int | float] = {"layer": layer.name, "type": layer.type}
        if layer.name in plan.layers and plan.layers[layer.name] != Override():
            yield Problem(level="warning", layer=layer.name, code="check.not_compressible", values=values)
        elif asks and layer.verbatim is None and stays_whole(layer):
            yield Problem(level="note", layer=layer.name, code="check.other_weights", values=values)
