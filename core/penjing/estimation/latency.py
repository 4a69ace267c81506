"""Time and energy of one inference from a device's throughput by operator class (EXPORT §5)."""

import math
from collections.abc import Sequence

from penjing.devices.profiles import Device, OperatorClass
from penjing.estimation.state import NetworkState
from penjing.layer_graph import Layer, LayerGraph


def latency_ms(graph: LayerGraph, state: NetworkState, device: Device) -> float | None:
    """Milliseconds of one inference at batch 1: Σ MACs / rate of the layer's class.

    None where the profile has no rate for a layer's precision, or where nothing is multiplied at all.
    """
    times = [layer_ms(layer, device, integer=state.is_integer(layer)) for layer in graph.layers if layer.macs]
    return total_ms(times)


def total_ms(times: Sequence[float | None]) -> float | None:
    """The sum, None as soon as one is unknown; exact, so that no order of adding matters."""
    known = [time for time in times if time is not None]
    return math.fsum(known) if known and len(known) == len(times) else None


def layer_ms(layer: Layer, device: Device, *, integer: bool) -> float | None:
    """Milliseconds of one layer that multiplies."""
    rates = device.rates("int8" if integer else "float32")
    return None if rates is None else layer.macs / (rates.of(operator_class(layer)) * 1e3)


def energy_mj(latency: float | None, device: Device) -> float | None:
    """Millijoules: power while computing × time; None without a sourced power."""
    return None if latency is None or device.power_mw is None else device.power_mw * latency / 1e3


def operator_class(layer: Layer) -> OperatorClass:
    """The class of a layer with a weight: its weight's shape and kind tell."""
    if layer.weight_kind == "depthwise":
        return "depthwise"
    return "dense" if layer.weight_shape is not None and len(layer.weight_shape) == 2 else "conv"
