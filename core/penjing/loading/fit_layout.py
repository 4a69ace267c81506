"""Finds how stored examples become what a network takes: the same shape, another order of axes, or a missing axis."""

import math
from dataclasses import dataclass

from penjing.errors import UserError
from penjing.loading.card import Layout

_LAST: dict[int, tuple[int, ...]] = {2: (0, 2, 1), 3: (0, 3, 1, 2)}
"""By axes of an example: the order that brings channels that are stored last to the front."""
_FIRST: dict[int, tuple[int, ...]] = {2: (0, 2, 1), 3: (0, 2, 3, 1)}
_LAYOUTS = {1: ("NC", "NC"), 2: ("NCL", "NLC"), 3: ("NCHW", "NHWC")}


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """`moves` is the order of axes (batch included) and then `shape` the shape of an example; None: as stored."""

    layout: str
    moves: tuple[int, ...] | None
    shape: tuple[int, ...] | None
    channels: int
    channel_axis: int


def fit_layout(stored: tuple[int, ...], layout: Layout | None, wanted: tuple[int, ...], *, where: str) -> Fitted:
    """How examples of shape `stored` become `wanted` (both without the batch).

    A layout from a card is believed; without one, channels last is only assumed if nothing else fits.

    Raises:
        UserError: `data.shape` naming both shapes.
    """
    rank = len(stored)
    stored_last = layout in ("NHWC", "NLC")
    # The network may itself take channels last: then what is stored so stays, and what is not moves the other way.
    orders = [(_LAST.get(rank), False), (None, True)] if stored_last else [(None, False)]
    if layout is None:
        orders += [(_LAST.get(rank), False)]
    elif not stored_last:
        orders += [(_FIRST.get(rank), True)]
    for moves, last in orders:
        moved = stored if moves is None else tuple(stored[axis - 1] for axis in moves[1:])
        if moved == wanted:
            return _fitted(wanted, moves, None, last=last)
        if _same_but_for_ones(moved, wanted):
            return _fitted(wanted, moves, wanted, last=last)
    # A network that takes flat features takes an example's values in stored order.
    if len(wanted) == 1 and math.prod(stored) == wanted[0]:
        return _fitted(wanted, None, wanted, last=False)
    # A row of a table is an example in stored order; of several channels only a card knows which of them that is.
    if rank == 1 and math.prod(wanted) == stored[0] and (wanted[0] == 1 or layout in ("NCHW", "NCL")):
        return _fitted(wanted, None, wanted, last=False)
    raise UserError("data.shape", where=where, stored=list(stored), wanted=list(wanted))


def _same_but_for_ones(moved: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return tuple(extent for extent in moved if extent != 1) == tuple(extent for extent in wanted if extent != 1)


def _fitted(
    wanted: tuple[int, ...], moves: tuple[int, ...] | None, shape: tuple[int, ...] | None, *, last: bool
) -> Fitted:
    axis = -1 if last else 0
    layout = _LAYOUTS.get(len(wanted), ("N", "N"))[int(last)]
    return Fitted(layout=layout, moves=moves, shape=shape, channels=wanted[axis], channel_axis=-1 if last else 1)
