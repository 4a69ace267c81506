"""Names beside points: where each side is worth it, and when there is none."""

import itertools
import random

from penjing_gui.plots.label_places import Box, Room, Wanted, places

AREA: Box = (0.0, 0.0, 400.0, 200.0)


def box(found: tuple[float, float] | None, size: tuple[float, float]) -> Box:
    assert found is not None
    return found[0], found[1], found[0] + size[0], found[1] + size[1]


def overlap(one: Box, other: Box) -> float:
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    return max(across, 0.0) * max(down, 0.0)


def test_that_a_name_stands_above_its_point_and_beside_where_a_line_runs_above() -> None:
    one = Wanted(at=(200.0, 100.0), size=(60.0, 12.0))
    (above,) = places([one], Room(area=AREA))
    left, _, right, bottom = box(above, one.size)
    assert (left + right) / 2 == 200.0 and 0 < 100.0 - bottom < 12
    # A steep line through the point: the name goes to a side of it.
    steep = ((200.0, 0.0), (200.0, 200.0))
    (found,) = places([one], Room(area=AREA, lines=[steep]))
    left, _, right, _ = box(found, one.size)
    assert right <= 200.0 or left >= 200.0


def test_that_names_stay_inside() -> None:
    corners = [(2.0, 2.0), (398.0, 2.0), (2.0, 198.0), (398.0, 198.0)]
    wanted = [Wanted(at=corner, size=(80.0, 14.0)) for corner in corners]
    for found in places(wanted, Room(area=AREA)):
        left, top, right, bottom = box(found, (80.0, 14.0))
        assert left >= 0 and top >= 0 and right <= 400 and bottom <= 200


def test_that_of_many_none_lies_on_another_and_the_needed_ones_are_all_there() -> None:
    draw = random.Random(7)
    wanted = [
        Wanted(at=(draw.uniform(20, 380), draw.uniform(20, 180)), size=(70.0, 14.0), needed=number in (5, 60))
        for number in range(80)
    ]
    found = places(wanted, Room(area=AREA, points=[one.at for one in wanted]))
    shown = [box(place, one.size) for place, one in zip(found, wanted, strict=True) if place is not None]
    assert found[5] is not None and found[60] is not None
    assert 10 < len(shown) < 80  # 400 × 200 pixels have room for 81 at the very most, and points lie where they lie
    assert all(overlap(one, other) == 0 for one, other in itertools.combinations(shown, 2))


def test_that_words_that_stand_already_are_left_free() -> None:
    one = Wanted(at=(200.0, 100.0), size=(60.0, 12.0))
    taken: Box = (150.0, 60.0, 250.0, 95.0)
    (found,) = places([one], Room(area=AREA, taken=[taken]))
    assert overlap(box(found, one.size), taken) == 0
    everything: Box = (0.0, 0.0, 400.0, 200.0)
    assert places([one], Room(area=AREA, taken=[everything])) == [None]
