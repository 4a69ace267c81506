"""What each part of a plan really saves on a device, in bytes, RAM and time, and why another part saves nothing there.

A part saves what the network would take more if the plan did everything else: the plan is counted without it.

>>> from penjing.devices.profiles import device
>>> from penjing.layer_graph import LayerGraph
>>> savings(LayerGraph(inputs=(), outputs=(), layers=()), Plan(), Tables(), device("rp2040"))
()
"""

import contextlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from penjing.devices.profiles import Device
from penjing.errors import UserError
from penjing.estimation.arena import arena
from penjing.estimation.exact import figures_of
from penjing.estimation.prediction import predict, weight_state
from penjing.estimation.state import FLOAT_BITS, NetworkState, WeightState
from penjing.estimation.tables import Tables
from penjing.estimation.tensors import tensor_bits
from penjing.layer_graph import Layer, LayerGraph
from penjing.plan import Plan, Settings
from penjing.results import Figures, Note

Part = Literal["filters", "zeros", "weight_bits", "activation_bits"]

NEUTRAL: Mapping[Part, Mapping[str, Any]] = {
    "filters": {"filters": 0.0, "filter_threshold": None, "cut": (), "remove": False},
    "zeros": {"sparsity": 0.0, "threshold": None, "nm": None},
    "weight_bits": {"weight_bits": FLOAT_BITS, "codebook": None},
    "activation_bits": {"activation_bits": FLOAT_BITS},
}
"""The settings of each part, as they are where the plan leaves it out."""


class Saving(msgspec.Struct, frozen=True, kw_only=True):
    """What one part of a plan saves on one device."""

    part: Part
    flash_bytes: int
    """Of constants, with the code that only they need; negative where the part costs more than it saves."""
    ram_bytes: int
    latency_ms: float | None
    """None where the time with or without the part is not known."""
    notes: tuple[Note, ...] = ()
    """What it does not save, and why."""


@dataclass(frozen=True)
class Side:
    """A network as it would be, and its arena, which no device changes."""

    graph: LayerGraph
    state: NetworkState
    ram_bytes: int

    def figures(self, device: Device) -> Figures:
        """Its figures on a device; the bytes of files are left out."""
        return figures_of(self.graph, self.state, device=device, format="", ram_bytes=self.ram_bytes)


@dataclass(frozen=True)
class Parts:
    """A plan, and the same plan without each of its parts."""

    plan: Side
    without: Mapping[Part, tuple[Side, tuple[Settings, ...]]]
    """With the settings of the layers that the part concerns."""

    def on(self, device: Device) -> tuple[Saving, ...]:
        """What each part saves on one device."""
        now = self.plan.figures(device)
        return tuple(_saving(part, now, side, settings, device) for part, (side, settings) in self.without.items())


def savings(
    graph: LayerGraph, plan: Plan, tables: Tables, device: Device, *, layers: Collection[str] | None = None
) -> tuple[Saving, ...]:
    """What every part of the plan that is set saves, in all layers or in some.

    Raises:
        KeyError: The tables lack a score that `tables.wanted` names.
        UserError: What the plan asks for cannot be done to this network.
    """
    return parts(graph, plan, tables, layers=layers).on(device)


def parts(graph: LayerGraph, plan: Plan, tables: Tables, *, layers: Collection[str] | None = None) -> Parts:
    """The plan and its parts, counted once for any number of devices; raises as `savings`."""
    *_, found = growing_parts(graph, plan, tables, layers=layers)
    return found


def growing_parts(
    graph: LayerGraph, plan: Plan, tables: Tables, *, layers: Collection[str] | None = None
) -> Iterator[Parts]:
    """What `parts` gives, one part more in every value: for a window that has other things to do between them."""
    names = [layer.name for layer in graph.compressible if layers is None or layer.name in layers]
    found = Parts(_side(graph, plan, tables), {})
    yield found
    for part, neutral in NEUTRAL.items():
        concerned = [name for name in names if _sets(plan.settings(name), neutral)]
        if not concerned:
            continue
        # Without a part, another may not be possible: a layer that only a cut makes removable.
        with contextlib.suppress(UserError):
            side = _side(graph, _without(plan, concerned, neutral), tables)
            settings = tuple(plan.settings(name) for name in concerned)
            found = Parts(found.plan, {**found.without, part: (side, settings)})
            yield found


def finished_parts(before: LayerGraph, after: LayerGraph, state: NetworkState, plan: Plan) -> Parts:
    """The same of a network that has gone through the plan: `after` in its `state`, made of `before`.

    Without its filter cut it would keep the same share of each layer's weights.
    """
    layers = [layer.name for layer in before.compressible]
    weights = {layer.name: state.weight(layer) for layer in after.compressible}
    bits = tensor_bits(before, plan) if state.tensor_bits else {}
    uncut = {layer.name: _uncut(layer, after.by_name.get(layer.name), state, plan) for layer in before.compressible}
    dense = {
        layer.name: msgspec.structs.replace(weights[layer.name], kept=layer.weights) for layer in after.compressible
    }
    as_float = {name: WeightState(kept=weight.kept) for name, weight in weights.items()}
    others: dict[Part, tuple[LayerGraph, NetworkState]] = {
        "filters": (before, msgspec.structs.replace(state, weights=uncut, tensor_bits=bits)),
        "zeros": (after, msgspec.structs.replace(state, weights=dense)),
        "weight_bits": (after, msgspec.structs.replace(state, weights=as_float)),
        "activation_bits": (after, msgspec.structs.replace(state, tensor_bits={})),
    }
    without: dict[Part, tuple[Side, tuple[Settings, ...]]] = {}
    for part, (graph, other) in others.items():
        settings = tuple(plan.settings(name) for name in layers if _sets(plan.settings(name), NEUTRAL[part]))
        if settings:
            without[part] = _counted(graph, other), settings
    return Parts(_counted(after, state), without)


def _uncut(layer: Layer, now: Layer | None, state: NetworkState, plan: Plan) -> WeightState:
    if now is None:  # the plan removed it
        return weight_state(layer, plan.settings(layer.name), kept=layer.weights)
    weight = state.weight(now)
    kept = round(layer.weights * weight.kept / max(now.weights, 1))
    filters = layer.weight_shape[0] if layer.weight_shape else 1
    scales = filters if weight.scales > 1 else weight.scales
    return msgspec.structs.replace(weight, kept=kept, scales=scales, zeros=scales if weight.zeros else 0)


def _side(graph: LayerGraph, plan: Plan, tables: Tables) -> Side:
    found = predict(graph, plan, tables)
    return _counted(found.graph, found.state)


def _counted(graph: LayerGraph, state: NetworkState) -> Side:
    return Side(graph, state, arena(graph, state).size)


def _saving(part: Part, now: Figures, side: Side, settings: tuple[Settings, ...], device: Device) -> Saving:
    other = side.figures(device)
    time = None if now.latency_ms is None or other.latency_ms is None else other.latency_ms - now.latency_ms
    return Saving(
        part=part,
        flash_bytes=_constants(other) - _constants(now),
        ram_bytes=(other.ram_bytes or 0) - (now.ram_bytes or 0),
        latency_ms=time,
        notes=tuple(_notes(part, settings, device, timed=time is not None)),
    )


def _sets(settings: Settings, neutral: Mapping[str, Any]) -> bool:
    return any(getattr(settings, name) != value for name, value in neutral.items())


def _without(plan: Plan, names: Collection[str], neutral: Mapping[str, Any]) -> Plan:
    for name in names:
        plan = plan.with_layer(name, **neutral)
    return plan


def _constants(found: Figures) -> int:
    return found.size_bytes if found.flash_bytes is None else found.flash_bytes


def _notes(part: Part, settings: Collection[Settings], device: Device, *, timed: bool) -> Iterator[Note]:
    if part == "zeros":
        stored = "saving.zeros_no_time" if device.sparse_storage else "saving.zeros_stored"
        stored = "saving.zeros_skipped" if device.brings_c else stored
        yield Note(code=stored, values={"device": device.title})
    elif part == "weight_bits":
        yield from _bit_notes(settings, device, timed=timed)
    elif part == "activation_bits":
        if any(one.activation_bits < 8 for one in settings):
            yield Note(code="saving.activation_bytes")
        if not timed:
            yield Note(code="saving.float_time_unknown", values={"device": device.title})


def _bit_notes(settings: Collection[Settings], device: Device, *, timed: bool) -> Iterator[Note]:
    widths = sorted({one.weight_bits for one in settings if one.scheme != "float16"})
    for bits in widths:
        if (wider := device.stored_bits(bits)) != bits:
            yield Note(code="saving.bits_wider", values={"device": device.title, "bits": bits, "stored": wider})
    if any(one.codebook is not None for one in settings):
        yield Note(code="saving.codebook", values={"device": device.title})
    if any(bits < 8 for bits in widths) and device.brings_c:
        yield Note(code="saving.bits_slower", values={"device": device.title})
    elif any(bits < 8 for bits in widths):
        yield Note(code="saving.bits_unpacked")
    if any(one.weight_bits < FLOAT_BITS and one.activation_bits > 8 for one in settings):
        yield Note(code="saving.weights_alone")
    elif not timed:
        yield Note(code="saving.float_time_unknown", values={"device": device.title})
