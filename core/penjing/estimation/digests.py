"""Names every tensor of a network by all that makes it: equal digests are equal values on equal samples."""

import dataclasses
import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from penjing.compression.integer_graph import IntegerGraph

Digest = bytes


def digests(graph: IntegerGraph, on_node: Callable[[], None] = lambda: None) -> dict[str, Digest]:
    """By tensor (network input or node): a hash of its operator, numbers and codes, and of what feeds it.

    `on_node` is called before each node: many weights take a while.
    """
    found = {
        entry.name: _digest("input", entry.name, entry.shape[1:], graph.codes.get(entry.name)) for entry in graph.inputs
    }
    for node in graph.nodes:
        on_node()
        own = [getattr(node, entry.name) for entry in dataclasses.fields(node) if entry.name not in _NAMES]
        found[node.name] = _digest(type(node).__name__, own, [found[feed] for feed in node.inputs])
    return found


_NAMES = frozenset({"name", "layers", "inputs"})
"""Fields that say how things are called, not what they compute."""


def _digest(*values: Any) -> Digest:
    state = hashlib.blake2b(digest_size=16)
    for value in values:
        _feed(state, value)
    return state.digest()


def _feed(state: "hashlib.blake2b", value: Any) -> None:
    if isinstance(value, np.ndarray | np.generic):
        array = np.ascontiguousarray(value)
        state.update(f"array {array.dtype.str} {array.shape}".encode())
        state.update(array.data if array.size else b"")
    elif isinstance(value, Mapping):
        state.update(b"mapping %d" % len(value))
        for key in sorted(value):
            _feed(state, key)
            _feed(state, value[key])
    elif isinstance(value, tuple | list):
        state.update(b"sequence %d" % len(value))
        for entry in value:
            _feed(state, entry)
    elif dataclasses.is_dataclass(value):
        for entry in dataclasses.fields(value):
            _feed(state, getattr(value, entry.name))
    else:
        state.update(repr(value).encode())
