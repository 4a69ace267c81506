"""Time and energy of one inference from a device's throughput by operator class (EXPORT §5)."""

from penjing.devices.profiles import Device, OperatorClass
from penjing.estimation.state import NetworkState
from penjing.layer_graph import Layer, LayerGraph


def latency_ms(graph: LayerGraph, state: NetworkState, device: Device) -> float | None:
    """Milliseconds of one inference at batch 1: Σ MACs / rate of the layer's class.

    None where the profile has no rate for a layer's precision, or where nothing is multiplied at all.
    """
    total = 0.0
    for layer in graph.layers:
        if layer.macs:
            rates = device.rates("int8" if state.is_integer(layer) else "float32")
            if rates is None:
                return None
            total += layer.macs / (rates.of(operator_class(layer)) * 1e3)
    return total or None


def energy_mj(latency: float | None, device: Device) -> float | None:
    """Millijoules: power while computing × time; None without a sourced power."""
    return None if latency is None or device.power_mw is None else device.power_mw * latency / 1e3


def operator_class(layer: Layer) -> OperatorClass:
    """The class of a layer with a weight: its weight's shape and kind tell."""
    if layer.weight_kind == "depthwise":
        return "depthwise"
    return "dense" if layer.weight_shape is not None and len(layer.weight_shape) == 2 else "conv"
