"""Where names stand beside their points: not on other names, and where there is room not on points and lines.

>>> places([Wanted(at=(50, 50), size=(40, 10))], Room(area=(0, 0, 100, 100)))
[(30.0, 31.0)]
"""

from collections.abc import Sequence
from dataclasses import dataclass

Spot = tuple[float, float]
Box = tuple[float, float, float, float]
"""Left, top, right, bottom, in pixels; down is more."""

_GAP = 9.0
"""Pixels from the middle of a point to its name."""
_SIDES = ((0, -1), (1, -1), (-1, -1), (1, 0), (-1, 0), (0, 1), (1, 1), (-1, 1))
"""Above first, as people look for it there; then the corners and sides."""
_POINT, _LINE = 10.0, 8.0
"""What a name costs that lies on one of them, against 0 to 1 for its side."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A name that is to be placed."""

    at: Spot
    """The middle of its point."""
    size: Spot
    needed: bool = False
    """Whether it is shown even where it lies on another name."""


@dataclass(frozen=True, kw_only=True)
class Room:
    """What there is beside the names."""

    area: Box
    """They stay inside."""
    points: Sequence[Spot] = ()
    radius: float = 7.0
    """Of the points."""
    lines: Sequence[tuple[Spot, Spot]] = ()
    taken: Sequence[Box] = ()
    """Where other words stand."""


def places(wanted: Sequence[Wanted], room: Room) -> list[Spot | None]:
    """The left upper corner of every name; None where it could only lie on another, or outside.

    Those that are needed come first, then the earlier before the later: each takes the best place that is left.
    """
    found: list[Spot | None] = [None] * len(wanted)
    taken = list(room.taken)
    for index in sorted(range(len(wanted)), key=lambda place: not wanted[place].needed):
        one = wanted[index]
        boxes = [_beside(one, side) for side in _SIDES]
        free = [box for box in boxes if _inside(box, room.area) and not any(_meet(box, other) for other in taken)]
        if not free and one.needed:
            free = [box for box in boxes if _inside(box, room.area)] or boxes[:1]
        if free:
            # `min` takes the first of equal ones, and they are in the order of the sides.
            best = min(free, key=lambda box: _cost(box, room))
            found[index] = best[:2]
            taken.append(best)
    return found


def _beside(one: Wanted, side: tuple[int, int]) -> Box:
    (x, y), (wide, high) = one.at, one.size
    across, down = side
    aside = _GAP if down == 0 else 0.5 * _GAP
    left = x - wide / 2 + across * (aside + wide / 2)
    top = y - high / 2 + down * (_GAP + high / 2)
    return left, top, left + wide, top + high


def _cost(box: Box, room: Room) -> float:
    left, top, right, bottom = box
    reach = room.radius
    on_points = sum(left - reach < x < right + reach and top - reach < y < bottom + reach for x, y in room.points)
    return _POINT * on_points + _LINE * sum(_crosses(line, box) for line in room.lines)


def _inside(box: Box, area: Box) -> bool:
    return box[0] >= area[0] and box[1] >= area[1] and box[2] <= area[2] and box[3] <= area[3]


def _meet(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _crosses(line: tuple[Spot, Spot], box: Box) -> bool:
    """Whether a piece of the line lies in the box (Liang and Barsky 1984: what each edge leaves of it)."""
    (x, y), (to_x, to_y) = line
    first, last = 0.0, 1.0
    for start, step, low, high in ((x, to_x - x, box[0], box[2]), (y, to_y - y, box[1], box[3])):
        if step == 0:
            if not low < start < high:
                return False
            continue
        near, far = sorted(((low - start) / step, (high - start) / step))
        first, last = max(first, near), min(last, far)
    return first < last
