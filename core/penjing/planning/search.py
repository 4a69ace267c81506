"""Walks from the 8-bit network to one within the limits, by the step that gains most for its price, then back a little.

Steps: a sixteenth of a coupled group's channels, or a layer's weights at the next smaller width that the device
stores. RAM is a maximum over steps of the network; what counts is the sum of what is over the limit at every step,
so that groups alive at any too high step are found even if no single one lowers the peak.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penjing.devices.profiles import Device
from penjing.estimation.state import FILTERED
from penjing.estimation.tables import FIT_CRITERION, Tables
from penjing.layer_graph import CoupledGroup, LayerGraph
from penjing.plan import Plan
from penjing.planning.landscape import Costs, Landscape, Vector
from penjing.planning.recipe import PIPELINE

GRID = 16
LOW_BITS = (4,)
"""Widths below 8 that a fitted plan may use."""
_SMALLEST_GAIN = 1e-9

Levels = NDArray[np.int64]
"""How many steps each group and then each layer has gone."""


@dataclass(frozen=True)
class _Limits:
    flash: float | None
    ram: float | None
    latency: float | None

    def excess(self, costs: Costs) -> Vector:
        """By candidate, how far it is over the limits, relative to them; 0 is within all."""
        total = np.zeros_like(costs.flash)
        if self.flash is not None:
            total += np.maximum(costs.flash / self.flash - 1, 0)
        if self.ram is not None:
            total += np.maximum(costs.live / self.ram - 1, 0).sum(axis=0)
        if self.latency is not None and costs.latency is not None:
            total += np.maximum(costs.latency / self.latency - 1, 0)
        return total


class Search:
    """One reading of the loss: `cut_price` times the energy of cut filters plus the energy of rounding errors."""

    def __init__(
        self,
        graph: LayerGraph,
        tables: Tables,
        device: Device,
        *,
        cut_price: float = 1.0,
        low_bits: bool = True,
        low_bit_rounding: str = "nearest",
    ) -> None:
        self._low_bit_rounding = low_bit_rounding
        self._graph = graph
        self._landscape = Landscape(graph, device)
        sizes = [len(group.channels) for group in graph.groups]
        counts = [sorted({max(1, size - size * step // GRID) for step in range(GRID)}, reverse=True) for size in sizes]
        self._kept = [np.array(count, dtype=np.float64) for count in counts]
        """By group, the numbers of channels that may stay, descending."""
        self._cut_loss = [
            cut_price * _energy_lost(graph, group, tables, kept)
            for group, kept in zip(graph.groups, self._kept, strict=True)
        ]
        self._bits = [8, *(width for width in LOW_BITS if low_bits and device.stored_bits(width) == width)]
        self._bit_loss = np.array(
            [[tables.bit_errors[layer.name][width] for width in self._bits] for layer in self._landscape.layers]
        ).reshape(len(self._landscape.layers), len(self._bits))
        self._stored = np.array([device.stored_bits(width) for width in self._bits], dtype=np.float64)

    def plan(self, *, flash: float | None, ram: float | None, latency: float | None) -> Plan:
        """The plan within the limits (bytes, bytes, milliseconds), or the one that comes nearest."""
        limits = _Limits(flash, ram, latency)
        levels = np.zeros(len(self._kept) + len(self._landscape.layers), dtype=np.int64)
        levels = self._forward(levels, limits)
        return self._as_plan(self._backward(levels, limits))

    def _forward(self, levels: Levels, limits: _Limits) -> Levels:
        excess = float(limits.excess(self._costs(levels[:, None]))[0])
        while excess > _SMALLEST_GAIN:
            steps = [index for index in range(len(levels)) if levels[index] + 1 < self._count(index)]
            if not steps:
                break
            candidates = np.repeat(levels[:, None], len(steps), axis=1)
            candidates[steps, np.arange(len(steps))] += 1
            gains = excess - limits.excess(self._costs(candidates))
            prices = np.array(
                [self._loss(index, levels[index] + 1) - self._loss(index, levels[index]) for index in steps]
            )
            if gains.max() <= _SMALLEST_GAIN:
                break
            best = int(np.argmax(np.where(gains > _SMALLEST_GAIN, gains / np.maximum(prices, 1e-12), -np.inf)))
            levels = candidates[:, best]
            excess -= float(gains[best])
        return levels

    def _backward(self, levels: Levels, limits: _Limits) -> Levels:
        """Takes back the dearest steps that are not needed after all."""
        allowed = float(limits.excess(self._costs(levels[:, None]))[0])
        while True:
            steps = [index for index in range(len(levels)) if levels[index] > 0]
            if not steps:
                return levels
            candidates = np.repeat(levels[:, None], len(steps), axis=1)
            candidates[steps, np.arange(len(steps))] -= 1
            fine = limits.excess(self._costs(candidates)) <= allowed
            saved = np.array(
                [self._loss(index, levels[index]) - self._loss(index, levels[index] - 1) for index in steps]
            )
            if not fine.any():
                return levels
            levels = candidates[:, int(np.argmax(np.where(fine, saved, -np.inf)))]

    def _costs(self, levels: Levels) -> Costs:
        """[group and layer, candidate] → figures."""
        groups, layers = levels[: len(self._kept)], levels[len(self._kept) :]
        kept = np.array([own[levels] for own, levels in zip(self._kept, groups, strict=True)], dtype=np.float64)
        return self._landscape.costs(kept.reshape(groups.shape), self._stored[layers])

    def _count(self, index: int) -> int:
        return len(self._kept[index]) if index < len(self._kept) else len(self._bits)

    def _loss(self, index: int, level: int) -> float:
        groups = len(self._kept)
        losses: Vector = self._cut_loss[index] if index < groups else self._bit_loss[index - groups]
        return float(losses[level])

    def _as_plan(self, levels: Levels) -> Plan:
        plan = Plan(pipeline=PIPELINE)
        plan = plan.with_defaults(weight_bits=8, activation_bits=8, filter_criterion=FIT_CRITERION)
        for group, kept, level in zip(self._graph.groups, self._kept, levels, strict=False):
            if level:
                removed = len(group.channels) - int(kept[level])
                for name in group.producers:
                    plan = plan.with_layer(name, filters=share_of(removed, len(group.channels)))
        for layer, level in zip(self._landscape.layers, levels[len(self._kept) :], strict=True):
            if level:
                plan = plan.with_layer(layer.name, weight_bits=self._bits[level], rounding=self._low_bit_rounding)
        return plan


def share_of(removed: int, size: int) -> float:
    """The shortest decimal fraction f with floor(f · size) = removed, as plans mean it."""
    for digits in range(1, 17):
        share: float = math.ceil(removed / size * 10.0**digits) / 10.0**digits
        if math.floor(share * size) == removed:
            return share
    return (removed + 0.5) / size


def _energy_lost(graph: LayerGraph, group: CoupledGroup, tables: Tables, kept: Vector) -> Vector:
    """Σ over the layers that make the group's channels of s / (1 - s), s the share of energy in cut filters.

    Channels go in the order of `inspection.selection`: by their summed score, the first of equals first.
    """
    place = {channel: index for index, channel in enumerate(group.channels)}
    total, energies = np.zeros(len(place)), []
    for name in group.members:
        layer = graph.by_name[name]
        places = np.array([place.get(channel, -1) for channel in layer.output_channels])
        if layer.weight_kind not in FILTERED or not (places >= 0).any():
            continue
        scores = tables.filter_scores[name, FIT_CRITERION].astype(np.float64)
        own = np.bincount(places[places >= 0], weights=scores[places >= 0], minlength=len(place))
        total += own
        squares = scores**2
        lost = np.bincount(places[places >= 0], weights=squares[places >= 0], minlength=len(place))
        energies.append(lost / max(float(squares.sum()), 1e-30))
    order = np.argsort(total.astype(np.float32), kind="stable")
    removed = len(place) - kept.astype(np.int64)
    result = np.zeros(len(kept))
    for energy in energies:
        share = np.concatenate([[0.0], np.cumsum(energy[order])])[removed]
        result += share / np.maximum(1 - share, 1e-6)
    return result
