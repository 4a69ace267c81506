"""Bars L1 and L2: exact numbers while a slider moves, of 25 million parameters and of a tenth; and fitting."""

import itertools
import statistics
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from benchmarks.bars import Finding, at_least, at_most, cpu
from benchmarks.networks import large_network
from penjing.devices.profiles import device
from penjing.estimation.gathering import tables_for_fit
from penjing.inspection.criteria.evidence import Evidence
from penjing.inspection.graph import layer_graph
from penjing.layer_graph import LayerGraph
from penjing.loading.module import from_module
from penjing.model.model import Model
from penjing.plan import Plan
from penjing.planning.fit import Budgets, fit
from penjing.worker.exchange import Exchange
from penjing.worker.gathered import first_tables
from penjing.worker.received import received_tables
from penjing_gui.edits import for_all, for_layers
from penjing_gui.figures import ExactFigures

DEVICE = "raspberry-pi-4"
SIZES = {"2.5M": (20, 316), "25M": (64, 1000)}
"""By name: width and classes of the network."""
MICRO = 1e6
ROUNDS = 3


@dataclass(frozen=True, eq=False)
class Subject:
    """A large network and what the window knows of it."""

    model: Model
    graph: LayerGraph
    exact: ExactFigures
    preparation: float
    """CPU seconds from the network to its tables and first figures."""


def subject(size: str) -> Subject:
    """The network with tables as the engine sends them."""
    width, classes = SIZES[size]
    model = from_module(large_network(width=width, classes=classes).eval(), torch.zeros(1, 3, 64, 64))
    graph = layer_graph(model)
    tables = []

    def prepare() -> None:
        with Exchange() as exchange:
            message = first_tables(
                Evidence(model, None), Path(exchange.folder), request=1, on_layer=lambda number: None
            )
            tables.append(received_tables(message, exchange.map(message.file)))
            ExactFigures(graph, tables[-1], device(DEVICE))

    seconds = cpu(prepare, blocks=3)
    return Subject(model, graph, ExactFigures(graph, tables[-1], device(DEVICE)), seconds)


def moves(one: Subject) -> dict[str, float]:
    """Seconds from another plan to its exact figures, by the slider that moved."""
    start = Plan().with_defaults(sparsity=0.3, weight_bits=8, activation_bits=8, filters=0.1)
    largest = max(one.graph.compressible, key=lambda layer: layer.weights).name
    group = one.graph.groups[len(one.graph.groups) // 2].producers[0]
    threshold = float(np.quantile(np.abs(one.model.weight(largest).numpy()), 0.4))
    plain = for_all(start, {"filters": 0.0})
    series = {
        "sparsity": [for_layers(start, [largest], {"sparsity": share / 97}) for share in range(20, 60)],
        "threshold": [for_layers(plain, [largest], {"threshold": threshold * share / 40}) for share in range(20, 60)],
        "weight_bits": [for_layers(start, [largest], {"weight_bits": bits}) for bits in range(2, 9)],
        "filters": [for_layers(start, [group], {"filters": share / 97}) for share in range(5, 45)],
        "activation_bits": [for_layers(start, [largest], {"activation_bits": bits}) for bits in range(2, 9)],
    }
    return {name: _move(one.exact, plans) for name, plans in series.items()}


def _move(exact: ExactFigures, plans: list[Plan]) -> float:
    assert exact.of(plans[0]) is not None
    turn = itertools.cycle(plans)
    return cpu(lambda: exact.of(next(turn)), blocks=7)


def exact(quick: bool) -> dict[str, Finding]:
    """L1: numbers after a move."""
    one = subject("2.5M" if quick else "25M")
    count = sum(layer.weights for layer in one.graph.compressible)
    weights = [one.model.weight(layer.name).numpy() for layer in one.graph.compressible]
    scan = cpu(lambda: [int(np.count_nonzero(np.abs(values) < 0.01)) for values in weights])
    found: dict[str, Finding] = {}
    for name, seconds in moves(one).items():
        told = f"{count:,} weights in {len(weights)} layers"
        if name in ("filters", "activation_bits"):
            found[f"L1.{name}"] = at_most(1e3 * seconds, 5.0, "ms", told + ", arena planned again")
        else:
            found[f"L1.{name}"] = at_most(MICRO * seconds, 100.0, "µs", told)
            if name == "sparsity":
                told = f"looking at every weight takes {1e3 * scan:.1f} ms"
                found["L1.rescan"] = at_least(scan / seconds, 1000.0, "× faster", told)
    return found


def fitting(quick: bool) -> dict[str, Finding]:
    """A plan within budgets for a network of 54 layers, and what blocks where there is none."""
    one = subject("2.5M")
    tables, board, before = tables_for_fit(one.model, one.graph), device(DEVICE), one.exact.baseline
    assert before.latency_ms is not None
    found = {}
    for name, budgets in {
        "fit": Budgets(latency_ms=0.4 * before.latency_ms, ram_bytes=before.ram_bytes // 2),
        "fit.infeasible": Budgets(ram_bytes=1000),
    }.items():
        seconds = cpu(lambda: fit(one.graph, tables, board, budgets), blocks=3)  # noqa: B023
        result = fit(one.graph, tables, board, budgets)
        told = f"{len(one.graph.compressible)} layers, "
        told += ", ".join(f"{block.budget} over by {block.over:.0f}" for block in result.blocking) or "all budgets met"
        found[name] = at_most(seconds, 2.0, "s", told)
        found[name]["holds"] &= result.feasible == (name == "fit")
    return found


def scale(quick: bool) -> dict[str, Finding]:
    """L2: ten times the parameters."""
    small, large = (subject(size) for size in SIZES)
    few, many = (sum(layer.weights for layer in one.graph.compressible) for one in (small, large))
    # By turns: what else the machine does falls on both.
    rounds = [(moves(small), moves(large)) for _ in range(1 if quick else ROUNDS)]
    before, after = (
        {name: statistics.median(one[size][name] for one in rounds) for name in rounds[0][size]} for size in (0, 1)
    )
    found = {}
    for name in before:
        told = f"{MICRO * before[name]:.0f} → {MICRO * after[name]:.0f} µs, {few:,} → {many:,} weights"
        found[f"L2.{name}"] = at_most(after[name] / before[name], 1.2, "×", told)
    told = f"{small.preparation:.2f} → {large.preparation:.2f} s of CPU"
    found["L2.preparation"] = at_most(large.preparation / small.preparation, 11.0, "×", told)
    return found
