"""Operators of torch.export that only move values, and may put another axis than the batch first on the way.

What becomes of every value is found out by sending numbered values through them; where something else reads the
result, the way is said with layers that everything understands (`loading/rearranging.py`).
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from penjing.errors import UserError
from penjing.loading import limits
from penjing.loading.assembly import Assembly
from penjing.loading.rearranging import MOST_VALUES, layers_for
from penjing.loading.reasons import reason
from penjing.model.operators.reading import Activation, AtenNode

PARTS = frozenset({"chunk", "split", "split_with_sizes", "unbind"})
"""Operators with many results."""
MOVING = PARTS | {
    "_unsafe_view",
    "alias",
    "clone",
    "contiguous",
    "flatten",
    "flip",
    "narrow",
    "permute",
    "reshape",
    "select",
    "slice",
    "squeeze",
    "t",
    "transpose",
    "unflatten",
    "unsqueeze",
    "view",
}


@dataclass(frozen=True, eq=False)
class Moved:
    """Values of a layer in another order: from which place of its result each comes."""

    source: Activation
    places: Tensor

    @property
    def shape(self) -> tuple[int, ...]:
        """Its own."""
        return tuple(self.places.shape)


@dataclass(frozen=True)
class Stacked:
    """Results of several layers along a new first axis, as a recurrent layer's last states are."""

    parts: tuple[Activation, ...]

    def taken(self, node: AtenNode) -> Any:
        """What a node takes of them: one part, or all.

        Raises:
            UserError: `load.unsupported_form` where it does something else.
        """
        along = node.get("dim", 0) in (0, -1 - len(self.parts[0].shape))
        if node.op == "select" and along:
            return self.parts[int(node.get("index", 0))]
        if node.op == "unbind" and along:
            return self.parts
        if node.op == "squeeze" and along and len(self.parts) == 1:
            return self.parts[0]
        raise node.unsupported("the states of several layers, of which it takes more than one")


def moved(node: AtenNode) -> Any:
    """What a moving operator makes of `self`: one value, or a tuple of them.

    Raises:
        UserError: `load.bad_node`, `load.too_big`.
    """
    value = node.arguments["self"]
    if isinstance(value, Activation):
        count = torch.Size(value.shape).numel()
        limits.check(count, MOST_VALUES, what="values", where=node.name)
        value = Moved(value, torch.arange(count).reshape(value.shape))
    assert isinstance(value, Moved)
    arguments = {key: entry for key, entry in node.arguments.items() if key != "self"}
    given = {key: list(entry) if isinstance(entry, tuple) else entry for key, entry in arguments.items()}
    try:
        result = getattr(torch.ops.aten, node.op)(value.places, **given)
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        raise UserError("load.bad_node", layer=node.name, operator=node.op, detail=reason(error)) from error
    if isinstance(result, Tensor):
        return Moved(value.source, result)
    return tuple(Moved(value.source, part) for part in result)


def batch_first(value: Moved) -> tuple[Moved, int] | None:
    """The values with the batch first and the last axis last, and which axis the batch was.

    Rows [examples · places, features] are put apart for it. None where the examples do not lie along an axis.
    """
    feed, shape = value.source, value.shape
    batch, size = feed.shape[0], torch.Size(feed.shape[1:]).numel()
    shapes = [shape]
    if len(shape) == 2 and shape[0] % batch == 0:
        each = shape[0] // batch
        shapes += [(each, batch, shape[1]), (batch, each, shape[1])]
    for tried in shapes:
        places = value.places.reshape(tried)
        for axis in range(len(tried) - 1):
            turned = places.movedim(axis, 0)
            examples = turned.reshape(tried[axis], -1) // size
            if tried[axis] == batch and torch.equal(examples, torch.arange(batch)[:, None].expand_as(examples)):
                return Moved(feed, turned), axis
    return None


def settled(value: Moved, node: AtenNode, assembly: Assembly, *, wanted: str) -> Activation:
    """The layers that put a layer's values into that order, one example beside the other.

    Raises:
        UserError: `load.unsupported_form` where no reshaping, slicing and transposing does.
    """
    feed, places = value.source, value.places
    batch = feed.shape[0]
    size = torch.Size(feed.shape[1:]).numel()
    if not places.dim() or places.shape[0] != batch:
        raise node.unsupported(f"values in the order {list(places.shape)}, in which the batch is not first")
    rows = places.reshape(batch, -1)
    if not torch.equal(rows, rows[:1] + size * torch.arange(batch)[:, None]):
        raise node.unsupported("values of several examples together")
    drafts = layers_for(feed, rows[0].numpy(), places.shape[1:])
    if drafts is None:
        raise node.unsupported(f"an order of {list(places.shape)} that no reshaping and transposing gives")
    return assembly.put(drafts, node, wanted=wanted, first=feed.name) if drafts else feed
