"""Where the boxes of a network and the lines between them lie: layers of a directed graph from top to bottom, no Qt.

Ranks by the longest way from an input, order within a rank by medians (Sugiyama 1981; Gansner 1993), and horizontal
places by weighted isotonic regression, so that the main way stays straight and what branches off gives way.

>>> boxes = [Box("a", 10, 4), Box("b", 10, 4, ("a",)), Box("c", 10, 4, ("a",)), Box("sum", 10, 4, ("b", "c"))]
>>> [found.rank for found in arrange(boxes).places.values()]
[0, 1, 1, 2]
"""

import itertools
from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

ACROSS, DOWN = 16.0, 24.0
"""Free room between neighbours, and between ranks."""
MOST_BENDS = 4000
"""Places in which lines pass ranks; the longest lines beyond them are drawn without passing places."""
_SWEEPS, _PULLS = 6, 20
_LINE, _BOX = 1.0, 1e6
"""How strongly a passing line and a box hold their places: lines go round boxes."""

Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """What is to be placed; `inputs` are names of boxes before it."""

    name: str
    width: float
    height: float
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Place:
    """The upper left corner, the size and the rank of a box."""

    x: float
    y: float
    width: float
    height: float
    rank: int


@dataclass(frozen=True)
class Line:
    """From the lower edge of one box to the upper edge of another, through the places where it passes ranks."""

    source: str
    target: str
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Arrangement:
    """Everything placed; it begins at (0, 0)."""

    places: Mapping[str, Place]
    lines: tuple[Line, ...]
    width: float
    height: float


def arrange(boxes: Sequence[Box]) -> Arrangement:
    """Place boxes that come in an order in which every box follows those that feed it."""
    rank: dict[str, int] = {}
    for box in boxes:
        rank[box.name] = 1 + max((rank[name] for name in box.inputs if name in rank), default=-1)
    edges = list(dict.fromkeys((name, box.name) for box in boxes for name in box.inputs if name in rank))
    chains = _chains(edges, rank)
    rows, above = _rows(boxes, rank, chains)
    below = _turned(above)
    rows = _ordered(rows, above, below)
    widths: dict[Spot, float] = {box.name: box.width for box in boxes}
    centres = _centres(rows, above, below, widths)
    left = min((centres[name] - widths.get(name, 0) / 2 for row in rows for name in row), default=0.0)
    tops, heights = _levels(boxes, rank, len(rows))
    places = {}
    for box in boxes:
        level = rank[box.name]
        x = centres[box.name] - box.width / 2 - left
        y = tops[level] + (heights[level] - box.height) / 2
        places[box.name] = Place(x, y, box.width, box.height, level)
    lines = tuple(
        Line(source, target, tuple(_points(places, chain, source, target, centres, left, tops, heights)))
        for (source, target), chain in chains.items()
    )
    right = max((centres[name] + widths.get(name, 0) / 2 for row in rows for name in row), default=0.0)
    return Arrangement(places, lines, right - left, tops[-1] + heights[-1] if rows else 0.0)


# ------------------------------------------------------------------------------------------------------------- ranks

Edge = tuple[str, str]
Spot = str | tuple[str, str, int]
"""A box by its name, or a place where a line passes a rank: (source, target, rank)."""


def _chains(edges: Sequence[Edge], rank: Mapping[str, int]) -> dict[Edge, list[Spot]]:
    """By line, its spots between the two ends; the longest lines have none once there are too many."""
    found: dict[Edge, list[Spot]] = {}
    left = MOST_BENDS
    for source, target in sorted(edges, key=lambda edge: rank[edge[1]] - rank[edge[0]]):
        between = range(rank[source] + 1, rank[target])
        left -= len(between)
        found[source, target] = [(source, target, level) for level in between] if left >= 0 else []
    return {edge: found[edge] for edge in edges}


def _rows(
    boxes: Sequence[Box], rank: Mapping[str, int], chains: Mapping[Edge, list[Spot]]
) -> tuple[list[list[Spot]], dict[Spot, list[Spot]]]:
    """Spots by rank, and by spot those that feed it from the rank above."""
    rows: list[list[Spot]] = [[] for _ in range(1 + max(rank.values(), default=-1))]
    above: dict[Spot, list[Spot]] = {}
    for box in boxes:
        rows[rank[box.name]].append(box.name)
        above[box.name] = []
    for (source, target), chain in chains.items():
        for level, spot in enumerate(chain, rank[source] + 1):
            rows[level].append(spot)
        steps: list[Spot] = [source, *chain, target]
        if len(chain) == rank[target] - rank[source] - 1:
            for upper, lower in itertools.pairwise(steps):
                above.setdefault(lower, []).append(upper)
    return rows, above


def _turned(above: Mapping[Spot, list[Spot]]) -> dict[Spot, list[Spot]]:
    below: dict[Spot, list[Spot]] = {spot: [] for spot in above}
    for lower, uppers in above.items():
        for upper in uppers:
            below.setdefault(upper, []).append(lower)
    return below


# ------------------------------------------------------------------------------------------------------------- order


def _ordered(
    rows: list[list[Spot]], above: Mapping[Spot, list[Spot]], below: Mapping[Spot, list[Spot]]
) -> list[list[Spot]]:
    """The order of each rank with the fewest crossings that sweeps of medians find."""
    if all(len(row) < 2 for row in rows):
        return rows
    best, fewest = [list(row) for row in rows], crossings(rows, above)
    now = [list(row) for row in rows]
    for sweep in range(_SWEEPS):
        if not fewest:
            break
        down = sweep % 2 == 0
        levels = range(1, len(now)) if down else range(len(now) - 2, -1, -1)
        for level in levels:
            fixed = {spot: place for place, spot in enumerate(now[level - 1 if down else level + 1])}
            near = above if down else below
            own = {spot: place for place, spot in enumerate(now[level])}
            now[level].sort(key=lambda spot, fixed=fixed, near=near, own=own: _median(near[spot], fixed, own[spot]))  # type: ignore[misc]
        count = crossings(now, above)
        if count < fewest:
            best, fewest = [list(row) for row in now], count
    return best


def _median(near: Sequence[Spot], places: Mapping[Spot, int], own: float) -> float:
    found = sorted(places[spot] for spot in near if spot in places)
    if not found:
        return own
    middle = len(found) // 2
    return float(found[middle]) if len(found) % 2 else (found[middle - 1] + found[middle]) / 2


def crossings(rows: Sequence[Sequence[Spot]], above: Mapping[Spot, Sequence[Spot]]) -> int:
    """How often lines between neighbouring ranks cross: inversions of their ends."""
    total = 0
    for upper, lower in itertools.pairwise(rows):
        places = {spot: place for place, spot in enumerate(upper)}
        seen: list[int] = []
        for spot in lower:
            ends = [places[one] for one in above[spot] if one in places]
            total += sum(len(seen) - bisect_left(seen, end + 1) for end in ends)
            for end in ends:
                insort(seen, end)
    return total


# ------------------------------------------------------------------------------------------------------------ places


def _centres(
    rows: Sequence[Sequence[Spot]],
    above: Mapping[Spot, Sequence[Spot]],
    below: Mapping[Spot, Sequence[Spot]],
    widths: Mapping[Spot, float],
) -> dict[Spot, float]:
    """The horizontal middle of every spot: pulled to those it is tied to, in order and with room between."""
    width = {spot: widths.get(spot, 0.0) for row in rows for spot in row}
    found: dict[Spot, float] = {}
    for row in rows:
        at = 0.0
        for spot in row:
            found[spot] = at + width[spot] / 2
            at += width[spot] + ACROSS
        shift = at / 2
        for spot in row:
            found[spot] -= shift
    for pull in range(_PULLS):
        last = pull >= _PULLS - 2
        for row in rows if pull % 2 == 0 else reversed(rows):
            wanted, weights = [], []
            for spot in row:
                near = above[spot] if pull % 2 == 0 else below[spot]
                tied = [*above[spot], *below[spot]] if last else near or (above[spot] or below[spot])
                wanted.append(_pulled(spot, tied, found))
                weights.append(_BOX if isinstance(spot, str) else _LINE)
            for spot, centre in zip(row, spread(wanted, weights, [width[spot] for spot in row]), strict=True):
                found[spot] = centre
    return found


def _pulled(spot: Spot, tied: Sequence[Spot], centres: Mapping[Spot, float]) -> float:
    """The mean of what a spot is tied to: boxes to boxes where there are any, so that a line pulls none aside."""
    if not tied:
        return centres[spot]
    boxes = [one for one in tied if isinstance(one, str)] if isinstance(spot, str) else ()
    near = boxes or tied
    return sum(centres[one] for one in near) / len(near)


def spread(wanted: Sequence[float], weights: Sequence[float], widths: Sequence[float]) -> list[float]:
    """The middles nearest to the wanted ones, Σ w (x - wanted)², in order, without overlap (pool adjacent violators).

    >>> spread([0.0, 0.0], [1.0, 1.0], [10.0, 10.0])
    [-13.0, 13.0]
    """
    offsets, at = [], 0.0
    for index, width in enumerate(widths):
        at += 0.0 if index == 0 else widths[index - 1] / 2 + ACROSS + width / 2
        offsets.append(at)
    blocks: list[tuple[float, float, int]] = []
    """(mean, weight, how many) with means that rise."""
    for value, weight, offset in zip(wanted, weights, offsets, strict=True):
        blocks.append((value - offset, weight, 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (mean, own, count), (last, more, others) = blocks[-2], blocks[-1]
            blocks[-2:] = [((mean * own + last * more) / (own + more), own + more, count + others)]
    found = [mean for mean, _, count in blocks for _ in range(count)]
    return [value + offset for value, offset in zip(found, offsets, strict=True)]


def _levels(boxes: Iterable[Box], rank: Mapping[str, int], count: int) -> tuple[list[float], list[float]]:
    """The upper edge and the height of every rank."""
    heights = [0.0] * count
    for box in boxes:
        heights[rank[box.name]] = max(heights[rank[box.name]], box.height)
    tops, at = [], 0.0
    for height in heights:
        tops.append(at)
        at += height + DOWN
    return tops, heights


def _points(
    places: Mapping[str, Place],
    chain: Sequence[Spot],
    source: str,
    target: str,
    centres: Mapping[Spot, float],
    left: float,
    tops: Sequence[float],
    heights: Sequence[float],
) -> Iterable[Point]:
    begin, end = places[source], places[target]
    yield begin.x + begin.width / 2, begin.y + begin.height
    for level, spot in enumerate(chain, begin.rank + 1):
        yield centres[spot] - left, tops[level]
        yield centres[spot] - left, tops[level] + heights[level]
    yield end.x + end.width / 2, end.y
