"""Predicted bytes of every export format with its container."""

from penjing.estimation.state import NetworkState
from penjing.layer_graph import LayerGraph


def file_bytes(graph: LayerGraph, state: NetworkState, format: str) -> int | None:
    """Bytes of the file that `format` will be; None for a format that is not predicted."""
    return None
