"""What a sweep may turn in a network, and how its knobs become a plan and back.

>>> from penjing.layer_graph import LayerGraph
>>> Space(LayerGraph(inputs=(), outputs=(), layers=()), None).knobs
()
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from penjing.devices.profiles import Device
from penjing.estimation.state import FILTERED
from penjing.estimation.tables import FIT_CRITERION
from penjing.layer_graph import CoupledGroup, LayerGraph
from penjing.plan import Plan
from penjing.planning.search import GRID, share_of

BITS = (8, 4, 3, 2)
ZEROS = (0.0, 0.5, 0.75, 0.9)
PIPELINE = ("prune", "repair", "bn_reestimate", "quantize", "distill")
"""Repaired, because a sweep does not train: half of LeNet's filters cost 51 points of accuracy without it, 2 with."""
_MOST_CUT = 14
"""Of `GRID` parts: two stay."""

Value = int | float
Values = Mapping[str, Value]


@dataclass(frozen=True)
class Knob:
    """One choice; the first is the gentlest."""

    name: str
    choices: tuple[Value, ...]


@dataclass(frozen=True)
class Space:
    """A network in 8-bit integers whose groups lose filters, whose layers lose bits and, where that pays, weights."""

    graph: LayerGraph
    device: Device | None

    @cached_property
    def knobs(self) -> tuple[Knob, ...]:
        """One for each coupled group's filters, each layer's bits, each layer's zeros; those with a choice at all."""
        cuts = [Knob(f"filters {group.producers[0]}", _cuts(group)) for group in self._groups]
        bits = [Knob(f"bits {name}", self._widths) for name in self._layers]
        zeros = [Knob(f"zeros {name}", ZEROS) for name in self._layers if self._zeros_pay]
        return tuple(knob for knob in (*cuts, *bits, *zeros) if len(knob.choices) > 1)

    def plan(self, values: Values) -> Plan:
        """The plan of one position of the knobs; a knob that is missing stays at its gentlest."""
        plan = Plan(pipeline=PIPELINE).with_defaults(weight_bits=8, activation_bits=8, filter_criterion=FIT_CRITERION)
        for group in self._groups:
            if removed := int(values.get(f"filters {group.producers[0]}", 0)):
                for name in group.producers:
                    plan = plan.with_layer(name, filters=share_of(removed, len(group.channels)))
        for name in self._layers:
            if (bits := int(values.get(f"bits {name}", 8))) != 8:
                plan = plan.with_layer(name, weight_bits=bits, rounding="gptq")
            if zeros := float(values.get(f"zeros {name}", 0.0)):
                plan = plan.with_layer(name, sparsity=zeros)
        return plan

    def values(self, plan: Plan) -> Values:
        """The position nearest to a plan, not gentler than it."""
        found: dict[str, Value] = {}
        for group in self._groups:
            removed = max(int(plan.settings(name).filters * len(group.channels)) for name in group.producers)
            found[f"filters {group.producers[0]}"] = _at_least(_cuts(group), removed)
        for name in self._layers:
            settings = plan.settings(name)
            found[f"bits {name}"] = max((bits for bits in self._widths if bits <= settings.weight_bits), default=8)
            found[f"zeros {name}"] = _at_least(ZEROS, settings.sparsity)
        names = {knob.name for knob in self.knobs}
        return {name: value for name, value in found.items() if name in names}

    @cached_property
    def _groups(self) -> tuple[CoupledGroup, ...]:
        return tuple(group for group in self.graph.groups if group.producers and len(group.channels) > 1)

    @cached_property
    def _layers(self) -> tuple[str, ...]:
        return tuple(layer.name for layer in self.graph.compressible if layer.weight_kind in FILTERED)

    @cached_property
    def _widths(self) -> tuple[int, ...]:
        """Widths that the device stores; without a device all, densely packed."""
        return tuple(bits for bits in BITS if self.device is None or self.device.stored_bits(bits) == bits)

    @property
    def _zeros_pay(self) -> bool:
        return self.device is not None and bool(self.device.sparse_storage)


def _cuts(group: CoupledGroup) -> tuple[int, ...]:
    """Numbers of channels that may go, ascending, in steps of a sixteenth."""
    size = len(group.channels)
    return tuple(sorted({size * step // GRID for step in range(_MOST_CUT + 1)}))


def _at_least(choices: tuple[Value, ...], value: Value) -> Value:
    return next((choice for choice in choices if choice >= value), choices[-1])
