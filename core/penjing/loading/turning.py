"""Moves transpositions down through a network until they meet, or something that minds the order of axes.

Keras keeps channels last, ONNX's convolutions want them first: a converter puts a transposition before and behind each.
What works value by value does not mind; so a transposition goes on behind it, and two that meet become one, or none.
"""

import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from penjing.model.operators.table import operators
from penjing.model.spec import NodeSpec

Order = tuple[int, ...]

_TRANSPOSE = "transpose"
_JOINS = frozenset({"add", "subtract", "multiply", "divide"})
_CONSTANTS = frozenset({"add_constant", "multiply_constant"})
_ALSO = frozenset({"dropout", "identity", "elementary", "power", "smooth"})
_NOT = frozenset({"softmax", "log_softmax", "batch_norm", "prelu"})
"""Elementwise rows that mind where the channels are."""
_MOST_RISEN = 16
"""A network has few inputs; each such step looks at all of it."""


class Turned(NamedTuple):
    """A value that is another one in this order of axes."""

    name: str
    order: Order
    title: NodeSpec
    """The transposition that the file has for it."""


def fewer_transposes(
    nodes: Sequence[NodeSpec], ends: frozenset[str], name: Callable[[str], str]
) -> tuple[tuple[NodeSpec, ...], Mapping[str, str]]:
    """The network with as few transpositions as that takes.

    Args:
        nodes: In execution order.
        ends: The layers that are outputs.
        name: Makes a name that no layer has yet.

    Returns:
        The nodes, and which layer stands for each one that went.
    """
    if not any(node.kind == _TRANSPOSE for node in nodes):
        return tuple(nodes), {}
    for _ in range(_MOST_RISEN):
        risen = _risen(nodes, ends)
        if risen is None:
            break
        nodes = risen
    return _Turning(ends, name).run(nodes)


class _Turning:
    def __init__(self, ends: frozenset[str], name: Callable[[str], str]) -> None:
        self._ends, self._name = ends, name
        self._made: list[NodeSpec] = []
        self._turned: dict[str, Turned] = {}
        self._stands: dict[str, str] = {}
        self._put: dict[tuple[str, Order], str] = {}
        self._taken: set[str] = set()
        self._layers: set[str] = set()

    def run(self, nodes: Sequence[NodeSpec]) -> tuple[tuple[NodeSpec, ...], Mapping[str, str]]:
        self._layers = {node.name for node in nodes}
        for node in nodes:
            self._node(node)
            if node.name in self._ends and node.name in self._turned:
                self._stands[node.name] = self._plain(node.name)
        return tuple(self._made), {old: new for old, new in self._stands.items() if old in self._ends and old != new}

    def _node(self, node: NodeSpec) -> None:
        first = self._turned.get(node.inputs[0])
        if node.kind == _TRANSPOSE:
            self._transpose(node, first)
            return
        orders = {None if (one := self._turned.get(feed)) is None else one.order for feed in node.inputs}
        changed = None
        if first is not None and len(orders) == 1:
            changed = _in_order(node, first.order)
        if changed is None or first is None:
            feeds = tuple(self._plain(feed) for feed in node.inputs)
            self._made.append(dataclasses.replace(node, inputs=feeds))
            return
        new, order = changed
        feeds = tuple(self._turned[feed].name for feed in node.inputs)
        made = dataclasses.replace(new, inputs=feeds)
        if order != tuple(range(len(order))):
            # The layer keeps its name; what the file calls so is its result in another order.
            self._turned[node.name] = Turned(node.name, order, first.title)
        self._made.append(made)

    def _transpose(self, node: NodeSpec, before: Turned | None) -> None:
        if node.inputs[0] not in self._layers:
            self._made.append(node)  # what the network is given is put in order at once
            return
        order: Order = tuple(int(axis) for axis in node.attributes["order"])
        source = self._stands.get(node.inputs[0], node.inputs[0]) if before is None else before.name
        if before is not None:
            order = tuple(before.order[axis] for axis in order)
        if order == tuple(range(len(order))):
            self._stands[node.name] = source
            return
        self._turned[node.name] = Turned(source, order, node)

    def _plain(self, name: str) -> str:
        """The layer whose result this is, as the file has it."""
        turned = self._turned.get(name)
        if turned is None:
            return self._stands.get(name, name)
        key = (turned.name, turned.order)
        if key not in self._put:
            own = turned.title.name
            made = dataclasses.replace(
                turned.title,
                name=self._name(own) if own in self._taken else own,
                inputs=(turned.name,),
                attributes={"order": turned.order},
            )
            self._made.append(made)
            self._put[key] = made.name
            self._taken.add(made.name)
        return self._put[key]


def _risen(nodes: Sequence[NodeSpec], ends: frozenset[str]) -> Sequence[NodeSpec] | None:
    """The network with one transposition before what only scales and shifts an input; None: there is none such."""
    known = {node.name: node for node in nodes}
    readers = Counter(feed for node in nodes for feed in node.inputs)
    for node in nodes:
        chain: list[NodeSpec] = []
        feed = node.inputs[0] if node.kind == _TRANSPOSE and node.name not in ends else ""
        while feed in known and readers[feed] == 1 and feed not in ends and known[feed].kind in _CONSTANTS:
            chain.append(known[feed])
            feed = known[feed].inputs[0]
        if not chain or feed in known:
            continue
        order = tuple(int(axis) for axis in node.attributes["order"])
        back = tuple(order.index(axis) for axis in range(len(order)))
        changed = [found[0] for one in chain if (found := _in_order(one, back)) is not None]
        if len(changed) < len(chain):
            continue
        # The transposition comes first, and who read it reads the last of what came before it.
        known[node.name] = dataclasses.replace(node, inputs=(feed,))
        for one in changed:
            known[one.name] = one
        known[chain[-1].name] = dataclasses.replace(changed[-1], inputs=(node.name,))
        moved = {node.name: chain[0].name}
        for name, one in known.items():
            if name != chain[-1].name and node.name in one.inputs:
                known[name] = dataclasses.replace(one, inputs=tuple(moved.get(feed, feed) for feed in one.inputs))
        place = min(index for index, one in enumerate(known) if one == chain[-1].name)
        names = [name for name in known if name != node.name]
        names.insert(place, node.name)
        return [known[name] for name in names]
    return None


def _in_order(node: NodeSpec, order: Order) -> tuple[NodeSpec, Order] | None:
    """The layer as it works on what stands in another order, and the order of its result; None: it minds."""
    rank = len(order)
    same = tuple(range(rank))
    row = operators()[node.kind]
    if node.kind in _CONSTANTS:
        return _with_constant(node, order)
    if node.kind in _JOINS or node.kind in _ALSO or (row.in_place and len(node.inputs) == 1 and node.kind not in _NOT):
        return node, order
    if node.kind == "concat":
        dim = order[int(node.attributes["dim"]) % rank]
        return dataclasses.replace(node, attributes={**node.attributes, "dim": dim}), order
    if node.kind == "pad":
        sides = {key: _back(tuple(node.attributes[key]), order) for key in ("begin", "end")}
        return dataclasses.replace(node, attributes={**node.attributes, **sides}), order
    if node.kind == "mean":
        return _mean(node, order, same)
    return None


def _with_constant(node: NodeSpec, order: Order) -> tuple[NodeSpec, Order] | None:
    value = node.tensors["value"]
    if value.numel() == 1:
        return node, order
    if value.dim() > len(order):
        return None
    whole = value.reshape((1,) * (len(order) - value.dim()) + tuple(value.shape))
    turned = whole.permute(tuple(order.index(axis) for axis in range(len(order)))).contiguous()
    while turned.dim() > 1 and turned.shape[0] == 1:
        turned = turned[0]
    return dataclasses.replace(node, tensors={**node.tensors, "value": turned}), order


def _mean(node: NodeSpec, order: Order, same: Order) -> tuple[NodeSpec, Order] | None:
    said = {int(axis) for axis in node.attributes["dims"]}
    dims, keepdim = tuple(sorted(order[axis] for axis in said)), bool(node.attributes["keepdim"])
    left = order
    if not keepdim:
        stay = [axis for place, axis in enumerate(order) if place not in said]
        left = tuple(sorted(stay).index(axis) for axis in stay)
    if dims == same[2:] and len(same) > 2:
        return dataclasses.replace(node, kind="global_avg_pool", attributes={"keepdim": keepdim}), left
    return dataclasses.replace(node, attributes={"dims": dims, "keepdim": keepdim}), left


def _back(sides: tuple[int, ...], order: Order) -> tuple[int, ...]:
    """Numbers for every axis but the batch, by the axes of what stands before the transposition."""
    return tuple(sides[order.index(axis) - 1] for axis in range(1, len(order)))
