"""Predicted bytes of every export format with its container, by the formats' ids."""

from collections.abc import Callable, Mapping

from penjing.devices.profiles import Device
from penjing.errors import UserError
from penjing.estimation.c99_bytes import c99_bytes, refusal
from penjing.estimation.onnx_bytes import float_bytes, qdq_bytes
from penjing.estimation.penjingnet_bytes import penjingnet_bytes
from penjing.estimation.pt2_bytes import pt2_bytes
from penjing.estimation.state import NetworkState
from penjing.layer_graph import LayerGraph

CONTAINERS: Mapping[str, Callable[[LayerGraph, NetworkState], int | None]] = {
    "onnx": float_bytes,
    "onnx-int8": qdq_bytes,
    "pt2": pt2_bytes,
    "penjingnet": penjingnet_bytes,
    "c99": c99_bytes,
}


def file_bytes(graph: LayerGraph, state: NetworkState, format: str) -> int | None:
    """Bytes of what carries the network in `format`; None where it is not predicted, or cannot carry it.

    `graph` is the network after its cut, with batch norm as loaded or already folded.
    """
    predicted = CONTAINERS.get(format)
    return None if predicted is None else predicted(graph, state)


BAND, CODEBOOK_BAND = 0.02, 0.1
"""How far off, relative to it, the bytes of a file may be predicted: DESIGN §4; with codebooks the length of their code
is that of weights which are pruned independently of one another, and real ones lie in rows and columns."""


def file_band(state: NetworkState, format: str) -> float:
    """Relative half-width of the band of `file_bytes`: 0.02 is ± 2 %."""
    coded = format == "penjingnet" and any(weight.codebook for weight in state.weights.values())
    return CODEBOOK_BAND if coded else BAND


INSTEAD = "onnx-int8"
"""What is written for a device where its own format cannot carry the network."""


def own_format(device: Device, graph: LayerGraph, state: NetworkState) -> str:
    """The device's format, or the one that takes its place for a network that it cannot carry."""
    return INSTEAD if cannot_carry(device.default_format, graph, state) else device.default_format


def cannot_carry(format: str, graph: LayerGraph, state: NetworkState) -> UserError | None:
    """Why a format cannot carry a network, with what to do; None where nothing speaks against it."""
    if format == "pt2" and (kept := [layer for layer in graph.layers if layer.verbatim is not None]):
        return UserError("export.pt2_opaque", layers=", ".join(f"{layer.source_name} ({layer.type})" for layer in kept))
    return refusal(graph, state) if format == "c99" else None
