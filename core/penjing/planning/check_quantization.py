"""What a plan's quantize step cannot do, leaves in float, or does in vain."""

from collections.abc import Iterator

from penjing.devices.profiles import Device
from penjing.estimation.tensors import tensor_bits
from penjing.inspection.selection import zeros
from penjing.layer_graph import Layer, LayerGraph
from penjing.plan import Plan, Settings
from penjing.planning.problem import Problem, of_layer

UNQUANTIZED = 32
NARROW = 8
"""Bits of the widest codes that C99 computes with."""


def of_quantization(plan: Plan, graph: LayerGraph, device: Device | None) -> Iterator[Problem]:
    """The problems of every layer that the plan quantizes, or that would have to compute in integers."""
    tensors = tensor_bits(graph, plan)
    for layer in graph.layers:
        if layer.compressible:
            settings = plan.settings(layer.name)
            yield from _weights(layer, settings, device)
            yield from _activations(layer, settings, tensors, device, own=layer.name in plan.layers)
        elif not layer.in_integers and any(tensors.get(feed, UNQUANTIZED) < UNQUANTIZED for feed in layer.inputs):
            yield of_layer("note", layer, "check.float_layer", type=layer.type)


def _weights(layer: Layer, settings: Settings, device: Device | None) -> Iterator[Problem]:
    if settings.scheme == "float16" and settings.weight_bits not in (16, UNQUANTIZED):
        yield of_layer("error", layer, "quantize.float16_bits", bits=settings.weight_bits)
    if device is not None and settings.weight_bits < UNQUANTIZED:
        stored = device.stored_bits(settings.weight_bits)
        if stored > settings.weight_bits:
            bits = settings.weight_bits
            yield of_layer("warning", layer, "check.bits_stored_wider", bits=bits, stored=stored, device=device.name)
    if settings.codebook is not None:
        yield from _sharing(layer, settings, device)


def _activations(
    layer: Layer, settings: Settings, tensors: dict[str, int], device: Device | None, *, own: bool
) -> Iterator[Problem]:
    bits = settings.activation_bits
    if bits >= UNQUANTIZED:
        return
    if bits > NARROW:
        in_c = device is not None and device.default_format == "c99"
        yield of_layer("warning" if in_c else "note", layer, "check.not_in_c", bits=bits)
    if device is not None and bits not in device.activation_bits:
        yield of_layer("warning", layer, "check.activation_bits", bits=bits, device=device.name)
    if settings.weight_bits >= UNQUANTIZED or settings.scheme == "float16":
        yield of_layer("warning", layer, "check.float_weights", bits=bits)
    elif any(tensors.get(feed, UNQUANTIZED) >= UNQUANTIZED for feed in layer.inputs):
        yield of_layer("warning" if own else "note", layer, "check.float_input")


def _sharing(layer: Layer, settings: Settings, device: Device | None) -> Iterator[Problem]:
    assert settings.codebook is not None
    kept = layer.weights - zeros(settings.sparsity, layer.weights) if settings.prunes_weights else layer.weights
    if settings.codebook >= kept:
        yield of_layer("warning", layer, "check.codebook_too_large", values=settings.codebook, weights=kept)
    if device is not None:
        stored, name = device.stored_bits(settings.weight_bits), device.name
        yield of_layer("warning", layer, "check.codebook_decoded", device=name, values=settings.codebook, stored=stored)
