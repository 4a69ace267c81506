"""Boxes of a network: none lies over another, lines go down, straight ways are straight, crossings are undone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penjing_gui.graph_layout import ACROSS, Box, arrange, crossings, spread


def residual(blocks: int) -> list[Box]:
    found = [Box("in", 100, 20)]
    for number in range(blocks):
        before = found[-1].name
        found += [
            Box(f"conv{number}", 100, 40, (before,)),
            Box(f"relu{number}", 100, 20, (f"conv{number}",)),
            Box(f"add{number}", 100, 20, (f"relu{number}", before)),
        ]
    return found


def test_that_the_main_way_of_a_residual_network_is_straight_and_its_shortcuts_go_round_the_boxes() -> None:
    found = arrange(residual(30))
    middles = {place.x + place.width / 2 for place in found.places.values()}
    assert max(middles) - min(middles) < 1.0
    shortcut = next(line for line in found.lines if (line.source, line.target) == ("in", "add0"))
    for name in ("conv0", "relu0"):
        box = found.places[name]
        passing = [x for x, y in shortcut.points if box.y <= y <= box.y + box.height]
        assert passing and all(x <= box.x or x >= box.x + box.width for x in passing)


@st.composite
def networks(draw: st.DrawFn) -> list[Box]:
    count = draw(st.integers(1, 25))
    found: list[Box] = []
    for number in range(count):
        names = [one.name for one in found]
        inputs = draw(st.lists(st.sampled_from(names), max_size=3, unique=True)) if names else []
        size = draw(st.tuples(st.integers(20, 160), st.integers(10, 40)))
        found.append(Box(f"b{number}", *size, tuple(inputs)))
    return found


@given(networks())
@settings(max_examples=60, deadline=None)
def test_that_boxes_of_any_network_keep_apart_and_every_line_goes_down(boxes: list[Box]) -> None:
    found = arrange(boxes)
    places = list(found.places.values())
    for number, one in enumerate(places):
        assert one.x >= -1e-6 and one.x + one.width <= found.width + 1e-6
        for other in places[:number]:
            if one.rank == other.rank:
                left, right = sorted((one, other), key=lambda place: place.x)
                assert right.x - left.x - left.width >= ACROSS - 1e-6
    assert {(line.source, line.target) for line in found.lines} == {
        (name, box.name) for box in boxes for name in box.inputs
    }
    for line in found.lines:
        heights = [y for _, y in line.points]
        assert heights == sorted(heights) and heights[0] < heights[-1]


def test_that_ways_that_cross_are_put_in_order() -> None:
    boxes = [Box(name, 10, 10) for name in "abc"]
    boxes += [Box(f"{name}2", 10, 10, (name,)) for name in "cba"]
    found = arrange(boxes)
    order = sorted("abc", key=lambda name: found.places[name].x)
    assert order == sorted("abc", key=lambda name: found.places[f"{name}2"].x)


def test_that_crossings_are_counted_as_pairs_of_lines() -> None:
    # A complete bipartite graph of 3 and 3 has C(3, 2)² = 9 crossings whatever the order.
    above = {name: ["a", "b", "c"] for name in "xyz"}
    assert crossings([list("abc"), list("xyz")], above) == 9


def test_that_spread_is_the_least_squares_answer() -> None:
    generator = np.random.default_rng(0)
    for _ in range(20):
        wanted, weights = generator.normal(0, 30, 6), generator.uniform(0.5, 5, 6)
        widths = generator.uniform(5, 30, 6)
        found = np.array(spread(list(wanted), list(weights), list(widths)))
        gaps = (widths[:-1] + widths[1:]) / 2 + ACROSS
        assert (np.diff(found) >= gaps - 1e-9).all()
        cost = (weights * (found - wanted) ** 2).sum()
        for _ in range(200):  # no feasible neighbour is better: the problem is convex
            other = found + generator.normal(0, 1, 6)
            if (np.diff(other) >= gaps).all():
                assert (weights * (other - wanted) ** 2).sum() >= cost - 1e-9


def test_that_a_network_of_four_hundred_layers_is_placed_in_a_moment() -> None:
    import time

    started = time.process_time()
    arrange(residual(133))
    assert time.process_time() - started < 2.0


@pytest.mark.parametrize("count", [0, 1])
def test_that_next_to_nothing_has_a_place(count: int) -> None:
    found = arrange([Box("only", 30, 10)][:count])
    assert len(found.places) == count and found.width == 30 * count
