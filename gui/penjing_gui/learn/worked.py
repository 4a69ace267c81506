"""A worked example: pictures and lines of numbers that a lesson shows, made of the network that is open.

Every function takes a `Material` and gives a `Worked`; they register by the key of their lesson, or by a kind for all
of its methods. Values only, numpy only.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QCoreApplication

from penjing.catalogue.methods import Kind, methods
from penjing.devices.profiles import Device
from penjing.estimation.tables import Tables
from penjing.layer_graph import LayerGraph
from penjing.plan import Plan
from penjing.results import Figures
from penjing_gui import words

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
NINE: Array = np.array([[0.2, -0.1, 0.5], [0.3, 0.7, -0.2], [-0.4, 0.1, 0.6]])
"""The matrix of the first lesson."""
CORNER = 3
"""Rows and columns that are shown of a matrix."""


@dataclass(frozen=True, eq=False)
class Grid:
    """A small matrix with its numbers."""

    title: str
    values: Array
    gone: NDArray[np.bool_] | None = None
    """Which cells were removed: hatched and struck out."""
    whole: bool = False
    """Whether the values are integers."""
    numbers: bool = True
    """Whether they are written; a map has too many."""


@dataclass(frozen=True, eq=False)
class Bars:
    """Named numbers."""

    title: str
    names: tuple[str, ...]
    values: tuple[float, ...]
    gone: tuple[bool, ...] = ()


Picture = Grid | Bars


@dataclass(frozen=True)
class Worked:
    """What a lesson shows beside its words."""

    pictures: tuple[Picture, ...]
    lines: tuple[str, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class Material:
    """What there is of the network that is open; what is still on its way is None."""

    layer: str
    weights: Array
    """[out, in · kernel]."""
    graph: LayerGraph
    plan: Plan
    tables: Tables
    device: Device | None = None
    figures: Figures | None = None
    baseline: Figures | None = None
    scores: Array | None = None
    """Of the criterion of the lesson, shaped like the weights."""
    folded: Array | None = None
    """The weights with the batch norm behind them multiplied in."""
    inputs: Array | None = None
    """Some examples as the network takes them, [n, …]."""
    logits: tuple[Array, Array, int] | None = None
    """Of one example: of the network as loaded, of the plan, and the true class (or the one that is chosen)."""
    look: tuple[Array, Array] | None = None
    """Of one example: its values and where the network looks, both as a matrix."""

    @property
    def bits(self) -> int:
        """Of the layer under the plan; 4 where it is not quantized, so that something can be seen."""
        bits = self.plan.settings(self.layer).weight_bits
        return bits if bits <= 8 else 4


class NotYet(Exception):  # noqa: N818 (it is a state: the values are on their way)
    """What the example needs is not here yet, or cannot be had without data."""


Example = Callable[[Material], Worked]
EXAMPLES: dict[str, Example] = {}


E = TypeVar("E", bound=Example)


def worked(*keys: str) -> Callable[[E], E]:
    """Register the example of some lessons, or of all of a kind."""

    def register(example: E) -> E:
        EXAMPLES.update(dict.fromkeys(keys, example))
        return example

    return register


def example_of(key: str) -> Example:
    """The example of a lesson.

    Raises:
        KeyError: There is none.
    """
    from penjing_gui.learn import (  # noqa: F401 (they register)
        worked_folding,
        worked_pruning,
        worked_quantization,
        worked_training,
    )

    return EXAMPLES[key] if key in EXAMPLES else EXAMPLES[key.partition(".")[0]]


def corner(values: Array) -> Array:
    """The first rows and columns."""
    return values[:CORNER, :CORNER]


def say(english: str, **values: object) -> str:
    """A phrase with its numbers in the language of the window."""
    return QCoreApplication.translate("learn", english).format(**values)


def called(kind: Kind, id: str) -> str:
    """The name of a method in the language of the window."""
    return QCoreApplication.translate("catalogue", methods(kind)[id].title)


def number(value: float) -> str:
    """A number with three significant digits and a true minus sign."""
    return words.minus(f"{value:.3g}")


@dataclass(frozen=True)
class Needs:
    """What an example asks the engine for."""

    weights: bool = True
    scores: str | None = None
    folded: bool = False
    inputs: bool = False
    logits: bool = False
    look: str | None = None


_NEEDS: Mapping[str, Needs] = {
    "matrix": Needs(weights=False),
    "idea.fold": Needs(folded=True),
    "calibrator": Needs(inputs=True),
    "rounding": Needs(inputs=True),
    "setting.bias_correction": Needs(inputs=True),
    "step.repair": Needs(inputs=True),
    "variant.differential": Needs(inputs=True),
    "loss": Needs(logits=True, inputs=True),
    "step.finetune": Needs(logits=True),
    "step.distill": Needs(logits=True),
}


def needs(key: str) -> Needs:
    """What the example of a lesson asks the engine for."""
    kind, _, id = key.partition(".")
    if kind in ("criterion", "filter_criterion"):
        return Needs(scores=id)
    if kind == "input_saliency":
        return Needs(look=id)
    return _NEEDS.get(key) or _NEEDS.get(kind) or Needs()
