"""In which order every tensor of a program should lie, so that whoever reads it finds values where it needs them."""

from collections.abc import Mapping

import numpy as np

from penjing.compression.integer_graph import IntegerGraph, IntegerNode
from penjing.model.operators.c_steps import as_in_file, channels_last
from penjing.model.operators.integer_reference import IntArray, Shape
from penjing.model.operators.table import operators


def wishes(graph: IntegerGraph, shapes: Mapping[str, Shape]) -> dict[str, IntArray]:
    """By tensor the order that the first of its readers wants, as far as any does.

    Layers that only move or look at values want of what they read what makes their result lie as its reader wants it.
    """
    found: dict[str, IntArray] = {}
    for node in reversed(graph.nodes):
        assert isinstance(node, IntegerNode)
        for place, source in enumerate(node.inputs):
            wish = _wish(node, place, shapes, found.get(node.name))
            if wish is not None:
                found[source] = wish
    return found


def input_order(wish: IntArray | None, shape: Shape) -> IntArray:
    """How a network input lies: as its file has it where its reader wants that, channels last otherwise."""
    plain, own = channels_last(shape), as_in_file(shape)
    return own if wish is not None and np.array_equal(wish, own) and not np.array_equal(wish, plain) else plain


def is_told(order: IntArray, shape: Shape) -> bool:
    """Whether a result may leave as it lies: the header has words for its order."""
    return any(np.array_equal(order, known) for known in (as_in_file(shape), channels_last(shape)))


def axes_of(order: IntArray, shape: Shape) -> str:
    """The axes of a tensor in the order in which they lie, the batch first: `0231` is channels last."""
    rank = len(shape)
    turned = rank > 2 and not np.array_equal(order, as_in_file(shape))
    return "".join(map(str, (0, *range(2, rank), 1) if turned else range(rank)))


def _wish(node: IntegerNode, place: int, shapes: Mapping[str, Shape], result: IntArray | None) -> IntArray | None:
    """What a node wants of one of its inputs, where its own result should lie in the order `result`."""
    kernel, shape = operators()[node.kind].integer, shapes[node.inputs[place]]
    assert kernel is not None
    match kernel.lies:
        case "channels last":
            return channels_last(shape)
        case "as in the file":
            return as_in_file(shape) if len(shape) > 2 else None
        case "along its axis":
            return channels_last(shape) if int(node.attributes["dim"]) % len(shape) == 1 else as_in_file(shape)
        case "around its axes":
            goes = {int(axis) % len(shape) for axis in node.attributes.get("dims", ())}
            return as_in_file(shape) if 1 in goes else channels_last(shape)
        case "either":
            whole = result is not None and np.array_equal(result, as_in_file(shapes[node.name]))
            return as_in_file(shape) if whole else channels_last(shape)
    if result is None:
        return None
    if kernel.lies == "result":
        return result if int(np.prod(shape)) == len(result) else None
    # What only moves values: where each of an input's values goes, told in the order of the result.
    starts = np.cumsum([0, *(int(np.prod(shapes[name])) for name in node.inputs)])
    parts = [np.arange(*starts[k : k + 2]).reshape(shapes[name]) for k, name in enumerate(node.inputs)]
    moved = kernel.reference(node.attributes, parts, None).reshape(-1)[result]
    own = moved[(moved >= starts[place]) & (moved < starts[place + 1])] - starts[place]
    return own if len(own) == len(np.unique(own)) == int(np.prod(shape)) else None
