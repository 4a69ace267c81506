"""Exact figures while one slider moves: prepared once for a plan, then a few microseconds a move.

>>> from penjing.layer_graph import LayerGraph
>>> from penjing.plan import Plan
>>> prepare(LayerGraph(inputs=(), outputs=(), layers=()), Plan(), Tables()).figures.params
0
"""

import math
import operator
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from penjing.devices.profiles import Device
from penjing.estimation.c99_bytes import filter_kernel
from penjing.estimation.deployed import fold, stored_layer, stored_scales, stored_size
from penjing.estimation.exact import figures_of
from penjing.estimation.flash import all_calls, counted_core, padding_bytes
from penjing.estimation.latency import energy_at, energy_band, layer_band, layer_ms, widest
from penjing.estimation.prediction import kept_alone, predict, weight_state
from penjing.estimation.state import NetworkState, WeightState, as_loaded
from penjing.estimation.tables import Tables
from penjing.layer_graph import Layer, LayerGraph
from penjing.model.c_kernels import code_size
from penjing.model.c_kernels.parts import PARTS
from penjing.model.c_kernels.sparse import KERNEL as SPARSE
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
    times: Mapping[str, tuple[float | None, float | None]]
    """Of every layer that multiplies, with the band."""
    plain_kernels: frozenset[str]
    """What exported C calls for everything else."""
    power_mw: float | None
    """Of the device."""
    prunes: bool
    quantizes: bool
    _rests: dict[str, tuple[float | None, float]] = field(default_factory=dict, repr=False)

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
        if _FIXED(settings) != _FIXED(before):
            return None
        layer, whole = self.layers[name]
        kept: int | None = layer.weights
        if self.prunes and (settings.prunes_weights or before.prunes_weights):
            if settings.scope == "global" and before.threshold is None:
                return None
            kept = kept_alone(layer, settings, self.tables, whole=whole) if settings.prunes_weights else layer.weights
        if kept is None:
            return None
        weight = weight_state(layer, settings, kept=kept) if self.quantizes else as_loaded(layer, kept=kept)
        return self._share(layer, weight)

    def _code(self, name: str, kernel: str | None, device: Device) -> int:
        """Bytes of all kernels if this layer calls this one."""
        others = {share.kernel for other, share in self.shares.items() if other != name}
        kernels = {found for found in (kernel, *others) if found is not None} | self.plain_kernels
        return code_size.code_bytes(counted_core(device), kernels)

    def _rest(self, name: str) -> tuple[float | None, float]:
        """The time of all layers but one, None where some is unknown, and their widest band; told once a layer."""
        if name not in self._rests:
            others = [pair for other, pair in self.times.items() if other != name]
            known = [time for time, _ in others if time is not None]
            bands = [band for _, band in others if band is not None]
            self._rests[name] = math.fsum(known) if len(known) == len(others) else None, max(bands, default=0.0)
        return self._rests[name]

    def _share(self, layer: Layer, weight: WeightState) -> Share:
        before, own = self.state.weights[layer.name], self.shares[layer.name]
        alike = _STORED_AS(weight) == _STORED_AS(before)
        return _share(layer, weight, self.state, self.device, like=own if alike else None)

    def _with(self, name: str, old: Share, new: Share) -> Figures:
        was, device = self.figures, self.device
        rest_ms, rest_band = self._rest(name)
        latency = None if rest_ms is None or new.milliseconds is None else rest_ms + new.milliseconds
        band = None if latency is None else widest((new.band, rest_band))
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
            energy_mj=None if latency is None else energy_at(self.power_mw, latency),
            latency_band=band,
            energy_band=None if device is None or self.power_mw is None else energy_band(band, device),
        )


_STORED_AS = operator.attrgetter("bits", "scales", "zeros", "codebook")
_FIXED = operator.attrgetter(*(field for field in Settings.__struct_fields__ if field not in MOVABLE))


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
    times: dict[str, tuple[float | None, float | None]] = {}
    if device is not None:
        for one in deployed.values():
            if one.name in shares:
                times[one.name] = shares[one.name].milliseconds, shares[one.name].band
            elif one.macs:
                integer = state.is_integer(one)
                weight = state.weight(one)
                times[one.name] = (
                    layer_ms(one, device, integer=integer, weight=weight),
                    layer_band(one, device, integer=integer, weight=weight),
                )
    steps = {step.step for step in plan.steps}
    return Prepared(
        figures=figures_of(prediction.graph, state, device=device, format=""),
        plan=plan,
        device=device,
        tables=tables,
        state=state,
        layers=layers,
        shares=shares,
        times=times,
        power_mw=None if device is None else device.power_mw,
        plain_kernels=frozenset(
            call.kernel for call in all_calls(prediction.graph, state) if PARTS[call.kernel].struct != "conv"
        )
        if device is not None and device.brings_c
        else frozenset(),
        prunes="prune" in steps,
        quantizes=bool(steps & {"quantize", "qat"}),
    )


def _share(
    layer: Layer, weight: WeightState, state: NetworkState, device: Device | None, *, like: Share | None = None
) -> Share:
    """The share of a layer; `like` is that of the same one with another number of kept weights and nothing else new."""
    integer = weight.bits <= 8 and all(state.bits(feed) <= 8 for feed in layer.inputs)
    stored = stored_layer(layer, weight, integer=integer)
    kept, size = weight.kept, stored_size(stored, device)
    padding = padding_bytes(stored, device)
    kernel = filter_kernel(layer, weight) if device is not None and device.brings_c else None
    if like is not None and kernel == like.kernel and kernel != SPARSE:
        return Share(kept, size, like.scales, padding, kernel, like.milliseconds, like.band)
    timed = device if layer.macs else None
    return Share(
        kept=kept,
        size=size,
        scales=0 if device is None else stored_scales(stored, device),
        padding=padding,
        kernel=kernel,
        milliseconds=None if timed is None else layer_ms(layer, timed, integer=integer, weight=weight),
        band=None if timed is None else layer_band(layer, timed, integer=integer, weight=weight),
    )
