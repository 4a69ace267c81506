"""What is wrong or useless in a plan for a network and a device; it lists and never raises.

>>> from penjing.layer_graph import LayerGraph
>>> from penjing.plan import Plan
>>> [problem.code for problem in check(Plan().with_layer("conv9", sparsity=0.5), LayerGraph(
...     inputs=(), outputs=(), layers=()))]
['check.unknown_layer']
"""

from collections.abc import Iterator
from typing import Literal

import msgspec

from penjing.devices.profiles import Device
from penjing.errors import UserError
from penjing.inspection.removal import removable
from penjing.inspection.selection import zeros
from penjing.layer_graph import Layer, LayerGraph
from penjing.plan import Override, Plan, Settings


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to know about a plan; `code` is a message whose placeholders are `values`."""

    level: Literal["error", "warning"]
    layer: str | None
    """None: the plan as a whole."""
    code: str
    values: dict[str, str | int | float] = {}


def require_known_layers(plan: Plan, graph: LayerGraph) -> None:
    """Nothing if every layer that the plan sets is in the network.

    Raises:
        UserError: `plan.unknown_layer`, with the layers there are.
    """
    unknown = [name for name in plan.layers if name not in graph.by_name]
    if unknown:
        known = ", ".join(layer.name for layer in graph.compressible)
        raise UserError("plan.unknown_layer", layer=unknown[0], known=known)


def check(plan: Plan, graph: LayerGraph, *, device: Device | None = None) -> tuple[Problem, ...]:
    """The problems of a plan: what cannot be done is an error, what does nothing or saves nothing a warning."""
    steps = {step.step for step in plan.steps}
    return tuple((*_whole(plan, graph, steps), *_layers(plan, graph, steps, device)))


def _whole(plan: Plan, graph: LayerGraph, steps: set[str]) -> Iterator[Problem]:
    for name in plan.layers:
        if name not in graph.by_name:
            known = ", ".join(layer.name for layer in graph.compressible)
            yield Problem(level="error", layer=name, code="check.unknown_layer", values={"layer": name, "known": known})
    settings = [plan.settings(layer.name) for layer in graph.compressible]
    if "prune" not in steps and any(one.prunes_weights or one.cuts_filters for one in settings):
        yield Problem(level="warning", layer=None, code="check.no_prune_step")
    if not steps & {"quantize", "qat"} and any(one.quantizes for one in settings):
        yield Problem(level="warning", layer=None, code="check.no_quantize_step")


def _layers(plan: Plan, graph: LayerGraph, steps: set[str], device: Device | None) -> Iterator[Problem]:
    for layer in graph.layers:
        settings = plan.settings(layer.name)
        if not layer.compressible:
            if layer.name in plan.layers and plan.layers[layer.name] != Override():
                values: dict[str, str | int | float] = {"layer": layer.name, "type": layer.type}
                yield Problem(level="warning", layer=layer.name, code="check.not_compressible", values=values)
            continue
        if "prune" in steps:
            yield from _pruning(plan, graph, layer, device)
        if steps & {"quantize", "qat"}:
            yield from _quantization(layer, settings, device)


def _pruning(plan: Plan, graph: LayerGraph, layer: Layer, device: Device | None) -> Iterator[Problem]:
    settings = plan.settings(layer.name)
    if settings.remove and not settings.locked and layer.name not in removable(graph):
        yield Problem(level="error", layer=layer.name, code="check.cannot_remove", values={"layer": layer.name})
    if settings.locked and (settings.sparsity or settings.threshold or settings.filters or settings.cut):
        yield _warning(layer, "check.locked")
    if settings.prunes_weights:
        if settings.threshold is None and settings.sparsity > 0 and zeros(settings.sparsity, layer.weights) == 0:
            yield _warning(layer, "check.no_zeros", sparsity=settings.sparsity, weights=layer.weights)
        if settings.threshold is None and settings.sparsity == 1:
            yield _warning(layer, "check.all_zeros")
        if device is not None and not device.sparse_storage:
            yield _warning(layer, "check.zeros_save_nothing", device=device.name)
    if settings.cuts_filters:
        yield from _cutting(plan, graph, layer, settings)


def _cutting(plan: Plan, graph: LayerGraph, layer: Layer, settings: Settings) -> Iterator[Problem]:
    filters = layer.weight_shape[0] if layer.weight_shape else 0
    wrong = [index for index in (*settings.keep, *settings.cut) if index >= filters]
    if wrong:
        values: dict[str, str | int | float] = {"layer": layer.name, "filter": wrong[0], "last": filters - 1}
        yield Problem(level="error", layer=layer.name, code="check.no_such_filter", values=values)
    own = layer.name in plan.layers  # a default that a layer cannot follow is no mistake
    group = next((one for one in graph.groups if layer.name in one.members and _holds(layer, one.channels)), None)
    if group is None:
        if own:
            last = any(output.layer == layer.name for output in graph.outputs)
            yield _warning(layer, "check.output_filters" if last else "check.filters_fixed")
        return
    locked = [name for name in group.members if graph.by_name[name].compressible and plan.settings(name).locked]
    if locked and not settings.locked:
        yield _warning(layer, "check.group_locked", locked=locked[0])
    if own and settings.filters > 0 and int(settings.filters * len(group.channels)) == 0:
        yield _warning(layer, "check.no_filters", filters=settings.filters, channels=len(group.channels))


def _holds(layer: Layer, channels: tuple[int, ...]) -> bool:
    return not set(layer.output_channels).isdisjoint(channels)


def _quantization(layer: Layer, settings: Settings, device: Device | None) -> Iterator[Problem]:
    if device is not None and settings.weight_bits < 32:
        stored = device.stored_bits(settings.weight_bits)
        if stored > settings.weight_bits:
            yield _warning(
                layer, "check.bits_stored_wider", bits=settings.weight_bits, stored=stored, device=device.name
            )
    if device is not None and settings.activation_bits < 32 and settings.activation_bits not in device.activation_bits:
        yield _warning(layer, "check.activation_bits", bits=settings.activation_bits, device=device.name)
    if settings.codebook is not None:
        yield from _sharing(layer, settings, device)


def _sharing(layer: Layer, settings: Settings, device: Device | None) -> Iterator[Problem]:
    assert settings.codebook is not None
    kept = layer.weights - zeros(settings.sparsity, layer.weights) if settings.prunes_weights else layer.weights
    if settings.codebook >= kept:
        yield _warning(layer, "check.codebook_too_large", values=settings.codebook, weights=kept)
    if device is not None:
        stored = device.stored_bits(settings.weight_bits)
        yield _warning(layer, "check.codebook_decoded", device=device.name, values=settings.codebook, stored=stored)


def _warning(layer: Layer, code: str, **values: str | int | float) -> Problem:
    return Problem(level="warning", layer=layer.name, code=code, values={"layer": layer.name, **values})
