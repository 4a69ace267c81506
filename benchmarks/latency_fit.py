"""Rates by operator class of every published system, fitted together: systems that run one library share its shape.

The logarithm of a class's cost (ms for a million multiply-accumulates) is the sum of four parts: the system's own
level; how the class differs from `conv` in general; how it does in this library; how it does on this system. Each has a
Gaussian prior (`GENERAL` and the spreads below): what few results cannot tell is near what the library's others show.
"""

import functools
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from benchmarks.tiny_networks import NETWORKS
from penjing.devices.fitting import Observation, Posterior, Vector, solve
from penjing.devices.profiles import OperatorClass
from penjing.estimation.latency import work
from penjing.estimation.state import NetworkState
from penjing.inspection.graph import layer_graph

CLASSES: tuple[OperatorClass, ...] = ("conv", "pointwise", "narrow", "depthwise", "dense")
GENERAL = {"pointwise": (0.0, 0.1), "narrow": (0.7, 0.5), "depthwise": (1.1, 0.2), "dense": (0.3, 1.0)}
"""Logarithm of a class's cost over that of `conv`, before any result is seen: expected and its standard deviation.

DS-CNN and MobileNet mix `pointwise` and `depthwise` in nearly one proportion, so that the published results cannot tell
them apart: a depthwise weight costs about three times as much, since each value that it reads is used only nine times.
"""
LIBRARY = {"pointwise": 0.3, "narrow": 0.5, "depthwise": 0.5, "dense": 0.5}
"""Standard deviation of the same between libraries."""
SYSTEM = 0.1
"""… and between systems with one library."""
LEVEL = 3.0
"""Of a system's own level around five multiply-accumulates in two cycles: as good as unknown."""
NOISE = 0.05
"""Of a whole network's time that classes do not explain."""

TASKS = {"ic": "resnet8", "kws": "dscnn", "vww": "mobilenet", "ad": "autoencoder"}


class System(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One board with one library."""

    device: str
    core: str
    clock_mhz: float
    library: str
    source: str
    ms: dict[str, float]
    uj: dict[str, float] = {}


class Result(NamedTuple):
    """One published time."""

    system: System
    task: str

    @property
    def milliseconds(self) -> float:
        """As published."""
        return self.system.ms[self.task]


def published() -> tuple[System, ...]:
    """Every system of published.toml."""
    content = (Path(__file__).parent / "published.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(content)["system"], tuple[System, ...])


def results(systems: Sequence[System]) -> tuple[Result, ...]:
    """Every published time."""
    return tuple(Result(system, task) for system in systems for task in system.ms)


@functools.cache
def networks() -> Mapping[str, Vector]:
    """Million multiply-accumulates of each task's network by class, in the order of `CLASSES`."""
    counted = {task: work(layer_graph(NETWORKS[name]()), NetworkState())["float32"] for task, name in TASKS.items()}
    return {task: np.array([found.get(kind, 0.0) for kind in CLASSES]) for task, found in counted.items()}


class Model:
    """What each system takes for each class, as unknowns and their prior."""

    def __init__(self, systems: Sequence[System]) -> None:
        self._systems = {(system.device, system.library): index for index, system in enumerate(systems)}
        libraries = sorted({system.library for system in systems})
        self._libraries = {name: index for index, name in enumerate(libraries)}
        others = CLASSES[1:]
        levels = [np.log(1e3 / (2.5 * system.clock_mhz)) for system in systems]
        general = [GENERAL[kind] for kind in others]
        self.mean = np.array(
            [*levels, *(expected for expected, _ in general), *[0.0] * (len(others) * (len(libraries) + len(systems)))]
        )
        self.spread = np.array(
            [
                *[LEVEL] * len(systems),
                *(deviation for _, deviation in general),
                *[LIBRARY[kind] for _ in libraries for kind in others],
                *[SYSTEM] * (len(others) * len(systems)),
            ]
        )

    def observation(self, result: Result) -> Observation:
        """One published time as the solver takes it."""
        log_time = float(np.log(result.milliseconds))
        return Observation(networks()[result.task], self.rows(result.system), log_time)

    def rows(self, system: System) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
        """The logarithm of each class's cost on a system as rows [class, unknown]."""
        index, library = self._systems[system.device, system.library], self._libraries[system.library]
        count, others = len(self._systems), len(CLASSES) - 1
        rows = np.zeros((len(CLASSES), len(self.mean)))
        rows[:, index] = 1
        for kind in range(others):
            general = count + kind
            own_library = count + others * (1 + library) + kind
            own = count + others * (1 + len(self._libraries) + index) + kind
            rows[kind + 1, [general, own_library, own]] = 1
        return rows

    def fit(self, seen: Sequence[Result], start: Vector | None = None) -> Posterior:
        """The unknowns given some results."""
        observations = [self.observation(result) for result in seen]
        return solve(observations, mean=self.mean, spread=self.spread, noise=NOISE, start=start)

    def rates(self, fitted: Posterior, system: System) -> dict[OperatorClass, float]:
        """MMAC/s of each class."""
        costs = np.exp(self.rows(system) @ fitted.mean)
        return {kind: float(1e3 / cost) for kind, cost in zip(CLASSES, costs, strict=True)}
