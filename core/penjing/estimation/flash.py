"""Flash that a deployed network takes: constants, and the code and parameters of the kernels that it calls.

Torch-free. Where a device runs exported C, this is what the linker places (E2 of the benchmarks); layers that are not
in integers count with the kernels that they would call in 8 bits.
"""

from collections.abc import Collection, Iterable

from penjing.devices.cores import STAND_IN, core_of
from penjing.devices.profiles import Device
from penjing.estimation.c99_bytes import WIDEST, Call, calls_of, nodes_of, other_constants, plain_calls
from penjing.estimation.deployed import Stored, fold, scale_bytes, size_bytes, stored_arrays, stored_layers
from penjing.estimation.state import FILTERED, NetworkState
from penjing.layer_graph import Layer, LayerGraph
from penjing.model.c_kernels import code_size


def counted_core(device: Device | None) -> str:
    """The core whose code is counted: the device's, or what stands in for one that no compiler here builds for."""
    return core_of(device) or STAND_IN


def flash_bytes(graph: LayerGraph, state: NetworkState, device: Device, *, size: int | None = None) -> int | None:
    """Bytes of flash on a device; None where it is not known what its runtime brings along.

    `size` is what `size_bytes` says, where that is known already.
    """
    if not device.brings_c and device.kernel_bytes is None:
        return None
    size = size_bytes(graph, state, device) if size is None else size
    constants = size + scale_bytes(graph, state, device) + other_constants(graph, state)
    if device.kernel_bytes is not None:
        return constants + device.kernel_bytes
    return constants + _padding(graph, state, device) + code_bytes(graph, state, counted_core(device))


def linked_bytes(graph: LayerGraph, state: NetworkState, core: str) -> int | None:
    """Bytes of exported C for any core; None for a network that it cannot carry."""
    nodes = nodes_of(graph, state)
    if nodes is None:
        return None
    arrays = [count for node in nodes for call in node.calls for count in call.array_bytes]
    return sum(arrays) + _gaps(arrays) + code_bytes(graph, state, core)


def code_bytes(graph: LayerGraph, state: NetworkState, core: str) -> int:
    """Bytes of the kernels, of the parameters of their calls, and of the calls; every layer in at most 8 bits."""
    calls = all_calls(graph, state)
    parameters = sum(code_size.struct_bytes(call.kernel) for call in calls)
    code = code_size.code_bytes(core, (call.kernel for call in calls))
    return parameters + code + code_size.run_bytes(core, (call.reads for call in calls))


def all_calls(graph: LayerGraph, state: NetworkState) -> tuple[Call, ...]:
    """Every call of a network, with what limits inputs of fewer than 8 bits."""
    narrow = sum(state.bits(entry.name) < WIDEST for entry in graph.inputs)
    return (*[Call("clamp")] * narrow, *calls_of(graph, state))


def padding_bytes(stored: Stored, device: Device | None) -> int:
    """Bytes between the arrays of a layer with filters where C stores them: each begins at a whole word."""
    return 0 if device is None or not device.brings_c else _gaps(stored_arrays(stored, device))


def plain_padding(layers: Iterable[Layer], state: NetworkState) -> int:
    """The same of layers without filters, of a folded graph."""
    return sum(_gaps(call.array_bytes) for layer in layers for call in plain_calls(layer, state))


def _padding(graph: LayerGraph, state: NetworkState, device: Device) -> int:
    filters = (one for one in stored_layers(graph, state) if one.layer.weight_kind in FILTERED)
    return sum(padding_bytes(one, device) for one in filters) + plain_padding(fold(graph).layers, state)


def _gaps(sizes: Collection[int]) -> int:
    return sum(-size % code_size.WORD for size in sizes)
