"""Named plans to begin with, made for a network and a device.

>>> from penjing.layer_graph import LayerGraph
>>> preset("gentle", LayerGraph(inputs=(), outputs=(), layers=())).defaults.weight_bits
8
"""

from collections.abc import Callable, Mapping

from penjing.devices.profiles import Device
from penjing.errors import UserError
from penjing.estimation.storage import zeros_pay
from penjing.layer_graph import LayerGraph
from penjing.plan import Plan
from penjing.planning.recipe import recommended

Preset = Callable[[LayerGraph, Device | None], Plan]


def gentle(graph: LayerGraph, device: Device | None) -> Plan:
    """8 bits everywhere, nothing cut: a quarter of the bytes at next to no loss."""
    return Plan().with_defaults(weight_bits=8, activation_bits=8)


def balanced(graph: LayerGraph, device: Device | None) -> Plan:
    """8 bits and a quarter of the filters gone; half of the weights, too, where the device stores zeros away."""
    return _smaller(gentle(graph, device), device, filters=0.25, sparsity=0.5, bits=8)


def tiny(graph: LayerGraph, device: Device | None) -> Plan:
    """Half of the filters gone and 4 bits where the device stores them; first and last layer keep 8 bits."""
    bits = 4 if device is None or device.stored_bits(4) == 4 else 8
    plan = _smaller(gentle(graph, device), device, filters=0.5, sparsity=0.7, bits=bits)
    ends = {layer.name for layer in (*graph.compressible[:1], *graph.compressible[-1:])}
    for layer in graph.compressible if bits < 8 else ():
        if layer.name not in ends:
            plan = plan.with_layer(layer.name, weight_bits=bits)
    return plan


PRESETS: Mapping[str, Preset] = {"gentle": gentle, "balanced": balanced, "tiny": tiny}


def preset(name: str, graph: LayerGraph, *, device: Device | None = None) -> Plan:
    """A preset's plan, by the methods of `planning.recipe`.

    Raises:
        UserError: `planning.unknown_preset`.
    """
    if name not in PRESETS:
        raise UserError("planning.unknown_preset", name=name, known=", ".join(PRESETS))
    return recommended(PRESETS[name](graph, device))


def _smaller(plan: Plan, device: Device | None, *, filters: float, sparsity: float, bits: int) -> Plan:
    pays = device is not None and zeros_pay(device, sparsity, bits)
    return plan.with_defaults(filters=filters, sparsity=sparsity if pays else 0.0)
