"""Time and energy of one inference from a device's throughput by operator class (EXPORT §5)."""

import math
from collections.abc import Iterable, Sequence

from penjing.devices.profiles import Device, OperatorClass, Precision
from penjing.estimation.state import NetworkState
from penjing.layer_graph import Layer, LayerGraph

SIMD_CHANNELS = 4
"""Kernels for 8-bit values take four neighbouring channels at once; filters that read fewer leave lanes empty."""
POWER_BAND = 0.3
"""Energies that submitters to MLPerf Tiny published for one board differ up to 1.7-fold: ± 30 % about the middle."""


def latency_ms(graph: LayerGraph, state: NetworkState, device: Device) -> float | None:
    """Milliseconds of one inference at batch 1: Σ MACs / rate of the layer's class.

    None where the profile has no rate for a layer's precision, or where nothing is multiplied at all.
    """
    times = [layer_ms(layer, device, integer=state.is_integer(layer)) for layer in graph.layers if layer.macs]
    return total_ms(times)


def latency_band(graph: LayerGraph, state: NetworkState, device: Device) -> float | None:
    """The relative half-width of `latency_ms`: the widest of the precisions in use; None where one has no rate."""
    return widest(layer_band(device, integer=state.is_integer(layer)) for layer in graph.layers if layer.macs)


def total_ms(times: Sequence[float | None]) -> float | None:
    """The sum, None as soon as one is unknown; exact, so that no order of adding matters."""
    known = [time for time in times if time is not None]
    return math.fsum(known) if known and len(known) == len(times) else None


def widest(bands: Iterable[float | None]) -> float | None:
    """The widest band, None as soon as one is unknown or where there is none."""
    found = list(bands)
    known = [band for band in found if band is not None]
    return max(known) if known and len(known) == len(found) else None


def layer_ms(layer: Layer, device: Device, *, integer: bool) -> float | None:
    """Milliseconds of one layer that multiplies."""
    rates = device.rates(_precision(integer))
    return None if rates is None else layer.macs / (rates.of(operator_class(layer)) * 1e3)


def layer_band(device: Device, *, integer: bool) -> float | None:
    """The relative half-width of a layer's time."""
    rates = device.rates(_precision(integer))
    return None if rates is None else rates.band


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


def work(graph: LayerGraph, state: NetworkState) -> dict[Precision, dict[OperatorClass, float]]:
    """Million multiply-accumulates of one inference by precision and operator class."""
    found: dict[Precision, dict[OperatorClass, float]] = {}
    for layer in graph.layers:
        if layer.macs:
            of_precision = found.setdefault(_precision(state.is_integer(layer)), {})
            kind = operator_class(layer)
            of_precision[kind] = of_precision.get(kind, 0.0) + layer.macs / 1e6
    return found


def _precision(integer: bool) -> Precision:
    return "int8" if integer else "float32"
