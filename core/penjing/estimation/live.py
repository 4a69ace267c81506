"""Exact figures while one slider moves: prepared once for a plan, then a few microseconds a move.

>>> from penjing.layer_graph import LayerGraph
>>> from penjing.plan import Plan
>>> prepare(LayerGraph(inputs=(), outputs=(), layers=()), Plan(), Tables()).figures.params
0
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from penjing.devices.profiles import Device
from penjing.estimation.c99_bytes import filter_kernel
from penjing.estimation.deployed import fold, stored_layer, stored_scales, stored_size
from penjing.estimation.exact import figures_of
from penjing.estimation.flash import all_calls, counted_core, padding_bytes
from penjing.estimation.latency import energy_band, energy_mj, layer_band, layer_ms, widest
from penjing.estimation.prediction import kept_alone, predict, weight_state
from penjing.estimation.state import NetworkState, WeightState
from penjing.estimation.tables import Tables
from penjing.layer_graph import Layer, LayerGraph
from penjing.model.c_kernels import code_size
from penjing.model.c_kernels.parts import PARTS
from penjing.plan import Plan, Settings
from penjing.results import Figures

MOVABLE = frozenset({"sparsity", "threshold", "criterion", "nm", "weight_bits", "scheme", "granularity", "rounding"})
"""Settings that `moved` follows; every other one changes channels or activations: `exact.figures` tells those."""


@dataclass(frozen=True)
class Share:
    """What one layer adds to the figures."""

    kept: int
    size: int
    scales: int
    padding: int
    """Bytes between its arrays."""
    kernel: str | None
    """What exported C calls for it; None on devices that run something else."""
    milliseconds: float | None
    band: float | None
    """Of the milliseconds."""

    @property
    def constants(self) -> int:
        """Bytes of all that is stored of it."""
        return self.size + self.scales + self.padding


@dataclass(frozen=True)
class Prepared:
    """A plan's figures and every layer's share of them."""

    figures: Figures
    plan: Plan
    device: Device | None
    tables: Tables
    state: NetworkState
    layers: Mapping[str, tuple[Layer, bool]]
    """By compressible layer: as deployed, and whether no filter or input of it is cut."""
    shares: Mapping[str, Share]
    rest_ms: Mapping[str, float]
    """By layer with a weight, the time that all others take together; missing where that is unknown."""
    rest_band: Mapping[str, float]
    """By the same layer, the widest band of all others; missing where there are none."""
    plain_kernels: frozenset[str]
    """What exported C calls for everything else."""
    prunes: bool
    quantizes: bool

    def moved(self, name: str, settings: Settings) -> Figures | None:
        """The figures of the plan in which one layer has these settings; `file_bytes` is left out.

        None where other layers change with it (scores compared over layers) or where more than `MOVABLE` differs:
        then `exact.figures` tells.
        """
        share = self.moved_share(name, settings)
        return None if share is None else self._with(name, self.shares[name], share)

    def moved_share(self, name: str, settings: Settings) -> Share | None:
        """That layer's own share of the figures then; None as `moved`."""
        before = self.plan.settings(name)
        if any(getattr(settings, field) != getattr(before, field) for field in _FIXED_FIELDS):
            return None
        layer, whole = self.layers[name]
        kept: int | None = layer.weights
        if self.prunes and (settings.prunes_weights or before.prunes_weights):
            if settings.scope == "global" and before.threshold is None:
                return None
            kept = kept_alone(layer, settings, self.tables, whole=whole) if settings.prunes_weights else layer.weights
        if kept is None:
            return None
        weight = weight_state(layer, settings, kept=kept) if self.quantizes else WeightState(kept=kept)
        return self._share(layer, weight)

    def _code(self, name: str, kernel: str | None, device: Device) -> int:
        """Bytes of all kernels if this layer calls this one."""
        others = {share.kernel for other, share in self.shares.items() if other != name}
        kernels = {found for found in (kernel, *others) if found is not None} | self.plain_kernels
        return code_size.code_bytes(counted_core(device), kernels)

    def _share(self, layer: Layer, weight: WeightState) -> Share:
        return _share(layer, weight, self.state, self.device)

    def _with(self, name: str, old: Share, new: Share) -> Figures:
        was, device = self.figures, self.device
        latency = None
        if name in self.rest_ms and new.milliseconds is not None:
            latency = self.rest_ms[name] + new.milliseconds
        band = None if latency is None else widest((new.band, self.rest_band.get(name, 0.0)))
        flash = None
        if was.flash_bytes is not None:
            flash = was.flash_bytes + new.constants - old.constants
            if new.kernel != old.kernel and device is not None:
                flash += self._code(name, new.kernel, device) - self._code(name, old.kernel, device)
        return msgspec.structs.replace(
            was,
            nonzero=was.nonzero + new.kept - old.kept,
            size_bytes=was.size_bytes + new.size - old.size,
            file_bytes=None,
            flash_bytes=flash,
            latency_ms=latency,
            energy_mj=None if device is None else energy_mj(latency, device),
            latency_band=band,
            energy_band=None if device is None else energy_band(band, device),
        )


_FIXED_FIELDS = tuple(field for field in Settings.__struct_fields__ if field not in MOVABLE)


def prepare(graph: LayerGraph, plan: Plan, tables: Tables, *, device: Device | None = None) -> Prepared:
    """Everything that a move of a slider reads; takes as long as `exact.figures`.

    For thresholds the tables need the weight scores of every layer that may move.
    """
    prediction = predict(graph, plan, tables)
    state = prediction.state
    deployed = fold(prediction.graph).by_name
    names = [layer.name for layer in prediction.graph.compressible]
    layers = {name: (deployed[name], deployed[name].weights == graph.by_name[name].weights) for name in names}
    shares = {name: _share(layer, state.weight(layer), state, device) for name, (layer, _) in layers.items()}
    times: dict[str, float | None] = {}
    bands: dict[str, float | None] = {}
    if device is not None:
        multiplying = [layer for layer in deployed.values() if layer.macs]
        times = {one.name: layer_ms(one, device, integer=state.is_integer(one)) for one in multiplying}
        bands = {one.name: layer_band(device, integer=state.is_integer(one)) for one in multiplying}
    steps = {step.step for step in plan.steps}
    return Prepared(
        figures=figures_of(prediction.graph, state, device=device, format=""),
        plan=plan,
        device=device,
        tables=tables,
        state=state,
        layers=layers,
        shares=shares,
        rest_ms={name: rest for name in names if (rest := _rest(times, name)) is not None},
        rest_band=_rest_bands(bands, names),
        plain_kernels=frozenset(
            call.kernel for call in all_calls(prediction.graph, state) if PARTS[call.kernel].struct != "conv"
        )
        if device is not None and device.brings_c
        else frozenset(),
        prunes="prune" in steps,
        quantizes=bool(steps & {"quantize", "qat"}),
    )


def _share(layer: Layer, weight: WeightState, state: NetworkState, device: Device | None) -> Share:
    integer = weight.bits <= 8 and all(state.bits(feed) <= 8 for feed in layer.inputs)
    stored = stored_layer(layer, weight, integer=integer)
    return Share(
        kept=weight.kept,
        size=stored_size(stored, device),
        scales=0 if device is None else stored_scales(stored, device),
        padding=padding_bytes(stored, device),
        kernel=filter_kernel(layer, weight) if device is not None and device.brings_c else None,
        milliseconds=None if device is None or not layer.macs else layer_ms(layer, device, integer=integer),
        band=None if device is None or not layer.macs else layer_band(device, integer=integer),
    )


def _rest(times: Mapping[str, float | None], name: str) -> float | None:
    others = [time for other, time in times.items() if other != name]
    known = [time for time in others if time is not None]
    return math.fsum(known) if len(known) == len(others) else None


def _rest_bands(bands: Mapping[str, float | None], names: Sequence[str]) -> dict[str, float]:
    """The widest band of all other layers; there are only as many different bands as precisions."""
    counts = Counter(bands.values())
    found = {}
    for name in names:
        others = counts - Counter([bands[name]]) if name in bands else counts
        rest = widest(others)
        if rest is not None:
            found[name] = rest
    return found
