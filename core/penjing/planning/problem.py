"""One thing to know about a plan."""

from collections.abc import Iterable
from typing import Literal

import msgspec

from penjing.layer_graph import Layer

Level = Literal["error", "warning", "note"]
"""What cannot be done; what does or saves nothing; what the defaults ask for and a layer is left out of."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to know about a plan; `code` is a message whose placeholders are `values`."""

    level: Level
    layer: str | None
    """None: the plan as a whole."""
    code: str
    values: dict[str, str | int | float] = {}


def of_layer(level: Level, layer: Layer, code: str, **values: str | int | float) -> Problem:
    """A problem of a layer, which its message names."""
    return Problem(level=level, layer=layer.name, code=code, values={"layer": layer.name, **values})


MOST_NAMES = 6


def merged(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The same with those that say the same of several layers as one: `layer` names them all."""
    found: dict[object, list[Problem]] = {}
    for problem in problems:
        others = tuple((key, value) for key, value in problem.values.items() if key != "layer")
        found.setdefault((problem.level, problem.code, others), []).append(problem)
    return tuple(same[0] if len(same) == 1 else _together(same) for same in found.values())


def _together(same: list[Problem]) -> Problem:
    names = [str(problem.values.get("layer", "")) for problem in same]
    shown = ", ".join(names[:MOST_NAMES]) + (f" … (+{len(names) - MOST_NAMES})" if len(names) > MOST_NAMES else "")
    return msgspec.structs.replace(same[0], layer=None, values={**same[0].values, "layer": shown})
