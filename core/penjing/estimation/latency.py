"""Time and energy of one inference from a device's throughput by operator class (EXPORT §5)."""

import math
from collections.abc import Iterable, Sequence

from penjing.devices.profiles import Device, OperatorClass, Precision
from penjing.estimation.kernel_time import RATIO_BAND, slowdown
from penjing.estimation.state import NetworkState, WeightState
from penjing.layer_graph import Layer, LayerGraph

SIMD_CHANNELS = 4
"""Kernels for 8-bit values take four neighbouring channels at once; filters that read fewer leave lanes empty."""
POWER_BAND = 0.3
"""Energies that submitters to MLPerf Tiny published for one board differ up to 1.7-fold: ± 30 % about the middle."""


def latency_ms(graph: LayerGraph, state: NetworkState, device: Device) -> float | None:
    """Milliseconds of one inference at batch 1: Σ MACs / rate of the layer's class.

    None where the profile has no rate for a layer's precision, or where nothing is multiplied at all.
    """
    return total_ms(
        [
            layer_ms(layer, device, integer=state.is_integer(layer), weight=state.weight(layer))
            for layer in graph.layers
            if layer.macs
        ]
    )


def latency_band(graph: LayerGraph, state: NetworkState, device: Device) -> float | None:
    """The relative half-width of `latency_ms`: the widest of the precisions in use; None where one has no rate."""
    return widest(
        layer_band(layer, device, integer=state.is_integer(layer), weight=state.weight(layer))
        for layer in graph.layers
        if layer.macs
    )


def total_ms(times: Sequence[float | None]) -> float | None:
    """The sum, None as soon as one is unknown; exact, so that no order of adding matters."""
    known = [time for time in times if time is not None]
    return math.fsum(known) if known and len(known) == len(times) else None


def widest(bands: Iterable[float | None]) -> float | None:
    """The widest band, None as soon as one is unknown or where there is none."""
    found = list(bands)
    known = [band for band in found if band is not None]
    return max(known) if known and len(known) == len(found) else None


def layer_ms(layer: Layer, device: Device, *, integer: bool, weight: WeightState) -> float | None:
    """Milliseconds of one layer that multiplies: of dense 8-bit weights, times what packed or sparse ones take more."""
    rates = device.rates(_precision(integer))
    if rates is None:
        return None
    dense = layer.macs / (rates.of(operator_class(layer)) * 1e3)
    return dense * slowdown(layer, weight, device) if integer else dense


def layer_band(layer: Layer, device: Device, *, integer: bool, weight: WeightState) -> float | None:
    """The relative half-width of a layer's time; wider where it follows from a count of instructions."""
    rates = device.rates(_precision(integer))
    if rates is None:
        return None
    counted = integer and slowdown(layer, weight, device) != 1
    return rates.band + RATIO_BAND if counted else rates.band


def energy_mj(latency: float | None, device: Device) -> float | None:
    """Millijoules: power while computing × time; None without a sourced power."""
    return None if latency is None else energy_at(device.power_mw, latency)


def energy_at(power_mw: float | None, latency: float) -> float | None:
    """Millijoules at a power; None where that is not known."""
    return None if power_mw is None else power_mw * latency / 1e3


def energy_band(latency_band: float | None, device: Device) -> float | None:
    """The relative half-width of `energy_mj`: that of the time and `POWER_BAND`, which know nothing of each other."""
    return None if latency_band is None or device.power_mw is None else math.hypot(latency_band, POWER_BAND)


def operator_class(layer: Layer) -> OperatorClass:
    """The class of a layer with a weight: its weight's shape and kind tell."""
    if layer.weight_kind == "depthwise":
        return "depthwise"
    shape = layer.weight_shape
    if shape is None or len(shape) < 2:
        return "conv"
    if len(shape) == 2:
        return "dense"
    if shape[1] < SIMD_CHANNELS:
        return "narrow"
    return "pointwise" if math.prod(shape[2:]) == 1 else "conv"


def work(
    graph: LayerGraph, state: NetworkState, device: Device | None = None
) -> dict[Precision, dict[OperatorClass, float]]:
    """Million multiply-accumulates of one inference by precision and operator class.

    On a device those of packed or sparse weights count as many times as they take longer there, so that a time that
    was measured of them tells the rates of dense ones.
    """
    found: dict[Precision, dict[OperatorClass, float]] = {}
    for layer in graph.layers:
        if layer.macs:
            integer = state.is_integer(layer)
            of_precision = found.setdefault(_precision(integer), {})
            kind = operator_class(layer)
            slower = 1.0 if device is None or not integer else slowdown(layer, state.weight(layer), device)
            of_precision[kind] = of_precision.get(kind, 0.0) + slower * layer.macs / 1e6
    return found


def _precision(integer: bool) -> Precision:
    return "int8" if integer else "float32"
