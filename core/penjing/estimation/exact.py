"""Every exact figure of a network from values alone (DESIGN §4); no tensors, no torch.

>>> from penjing.layer_graph import LayerGraph
>>> figures_of(LayerGraph(inputs=(), outputs=(), layers=())).params
0
"""

from penjing.devices.profiles import Device
from penjing.estimation.arena import arena
from penjing.estimation.containers import file_bytes, own_format
from penjing.estimation.deployed import size_bytes
from penjing.estimation.flash import flash_bytes
from penjing.estimation.latency import energy_band, energy_mj, latency_band, latency_ms
from penjing.estimation.prediction import predict
from penjing.estimation.state import NetworkState
from penjing.estimation.tables import Tables
from penjing.estimation.tensors import loaded
from penjing.layer_graph import LayerGraph
from penjing.plan import Plan
from penjing.results import Figures


def figures(
    graph: LayerGraph,
    plan: Plan | None = None,
    *,
    tables: Tables | None = None,
    device: Device | None = None,
    format: str | None = None,
) -> Figures:
    """The figures that `plan` will give, decided exactly as compression decides; without a plan, as loaded.

    Args:
        graph: The network as loaded.
        plan: What to do to it.
        tables: Scores of its weights and filters, those that the plan asks for.
        device: Whose storage and speed count.
        format: The file whose bytes are predicted; None: what an export for the device writes.

    Raises:
        KeyError: The tables lack a score that `tables.wanted` names.
    """
    if plan is None:
        return figures_of(graph, device=device, format=format)
    prediction = predict(graph, plan, tables or Tables())
    return figures_of(prediction.graph, prediction.state, device=device, format=format)


def figures_of(
    graph: LayerGraph,
    state: NetworkState | None = None,
    *,
    device: Device | None = None,
    format: str | None = None,
    ram_bytes: int | None = None,
) -> Figures:
    """The figures of a network in a given state; `graph` is the network after its cut, batch norm as loaded.

    `ram_bytes` is what `arena` says, where that is known already: it takes longest, and no device changes it.
    """
    state = loaded(graph) if state is None else state
    if format is None and device is not None:
        format = own_format(device, graph, state)
    params = sum(layer.params for layer in graph.layers)
    masked = sum(layer.weights - state.weight(layer).kept for layer in graph.layers)
    size = size_bytes(graph, state, device)
    latency = None if device is None else latency_ms(graph, state, device)
    band = None if device is None else latency_band(graph, state, device)
    return Figures(
        params=params,
        nonzero=params - masked,
        macs=sum(layer.macs for layer in graph.layers),
        size_bytes=size,
        file_bytes=None if format is None else file_bytes(graph, state, format),
        flash_bytes=None if device is None else flash_bytes(graph, state, device, size=size),
        ram_bytes=arena(graph, state).size if ram_bytes is None else ram_bytes,
        latency_ms=latency,
        energy_mj=None if device is None else energy_mj(latency, device),
        latency_band=band,
        energy_band=None if device is None else energy_band(band, device),
    )
