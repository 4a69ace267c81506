"""How far latency estimates are from published results that the fit has not seen, and whether the band holds them.

    python -m benchmarks.latency [--json] [--profiles]

Bar E5 of BARS.md. Each published time is left out in turn and predicted from all others: what remains of its own board
are three other networks, of its library also other boards. Stricter: a network is left out on every board at once. Also
told: a board that is not there at all, but another with the same core and library, whose times are scaled by the clock
(as the profiles of nRF52840, RP2040 and RP2350 are), and energies. `--profiles` prints what device profiles hold.
"""

import argparse
import itertools
import json
import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from benchmarks.latency_fit import Model, Result, System, published, results
from penjing.devices.fitting import Vector, band
from penjing.devices.profiles import OperatorClass
from penjing.estimation.latency import POWER_BAND

LARGEST_ERROR = 15.0
LEAST_INSIDE = 90.0


class Prediction(NamedTuple):
    """What the fit says of a time that it has not seen."""

    result: Result
    error: float
    """Predicted over published - 1."""
    spread: float
    """Predicted standard deviation of the logarithm."""


def main() -> int:
    """Measure, print, and say by the exit code whether the bar holds."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.latency", description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    parser.add_argument("--profiles", action="store_true", help="the rates of every published system, as profiles hold")
    given = parser.parse_args()
    systems = published()
    if given.profiles:
        print("\n\n".join(profiles(systems).values()))
        return 0
    found = {"E5": measure(systems)}
    if given.json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        _table(found["E5"])
    return 0 if found["E5"]["holds"] else 1


def measure(systems: Sequence[System]) -> dict[str, Any]:
    """The bar, and in its detail everything that helps to judge it."""
    unseen = left_out(systems)
    bands = shown_bands(unseen)
    errors = [abs(one.error) for one in unseen]
    inside = statistics.mean(abs(one.error) <= bands[_key(one.result.system)] for one in unseen)
    shared = _shared(systems)
    of_shared = [abs(one.error) for one in unseen if one.result.system.library in shared]
    strict = [abs(one.error) for one in left_out(systems, by=lambda result: result.task)]
    value = 100 * statistics.mean(errors)
    return {
        "value": _short(value),
        "bar": LARGEST_ERROR,
        "unit": "% mean error of times held out",
        "holds": value <= LARGEST_ERROR and 100 * inside >= LEAST_INSIDE,
        "detail": {
            "inside the shown band, %": _short(100 * inside),
            "times": len(unseen),
            "median error, %": _short(100 * statistics.median(errors)),
            "largest error, %": _short(100 * max(errors)),
            "within 15 %, %": _short(100 * statistics.mean(error <= 0.15 for error in errors)),
            "libraries with several boards": {
                "mean error, %": _short(100 * statistics.mean(of_shared)),
                "largest error, %": _short(100 * max(of_shared)),
                "within 15 %, %": _short(100 * statistics.mean(error <= 0.15 for error in of_shared)),
            },
            "mean error by library, %": _mean_by(unseen, lambda one: one.result.system.library),
            "mean error by network, %": _mean_by(unseen, lambda one: one.result.task),
            "network unseen on every board: mean error, %": _short(100 * statistics.mean(strict)),
            "board unseen, scaled by clock: errors, %": scaled_by_clock(systems),
            "energy": energy(unseen),
            "shown bands, %": {" ".join(key): round(100 * width) for key, width in bands.items()},
            "errors, %": {
                f"{' '.join(_key(one.result.system))} {one.result.task}": _short(100 * one.error) for one in unseen
            },
        },
    }


def left_out(systems: Sequence[System], *, by: Callable[[Result], object] | None = None) -> list[Prediction]:
    """Every published time, predicted without it; with `by` without all of the same value at once."""
    model, every = Model(systems), results(systems)
    start = model.fit(every).mean
    folds: Iterable[list[Result]] = ([result] for result in every)
    if by is not None:
        folds = ([one for one in every if by(one) == value] for value in dict.fromkeys(map(by, every)))
    return [one for fold in folds for one in _predict(model, every, fold, start)]


def _predict(model: Model, every: Sequence[Result], fold: Sequence[Result], start: Vector) -> list[Prediction]:
    fitted = model.fit([result for result in every if result not in fold], start)
    found = []
    for result in fold:
        value, spread = fitted.predict(model.observation(result))
        found.append(Prediction(result, math.exp(value) / result.milliseconds - 1, spread))
    return found


def shown_bands(unseen: Sequence[Prediction]) -> dict[tuple[str, str], float]:
    """The band of each system's profile: from the spreads of its networks while unseen, not from their errors."""
    spreads: dict[tuple[str, str], list[float]] = {}
    for one in unseen:
        spreads.setdefault(_key(one.result.system), []).append(one.spread)
    return {key: band(float(np.sqrt(np.mean(np.square(found))))) for key, found in spreads.items()}


def scaled_by_clock(systems: Sequence[System]) -> dict[str, list[float]]:
    """For each pair of boards with one core and library: the times of the second, from the first's by the clock."""
    found = {}
    for one, other in itertools.permutations(systems, 2):
        if (one.core, one.library) == (other.core, other.library):
            scale = one.clock_mhz / other.clock_mhz
            errors = [_short(100 * (one.ms[task] * scale / other.ms[task] - 1)) for task in other.ms]
            found[f"{one.device} → {other.device} {one.library}"] = errors
    return found


def energy(unseen: Sequence[Prediction]) -> dict[str, float]:
    """Energy unseen: the predicted time · the mean power of the system's other networks."""
    errors, bands, inside = [], shown_bands(unseen), []
    for one in unseen:
        system, task = one.result.system, one.result.task
        if task not in system.uj:
            continue
        others = [system.uj[name] / system.ms[name] for name in system.uj if name != task]
        predicted = (1 + one.error) * system.ms[task] * statistics.mean(others)
        errors.append(abs(predicted / system.uj[task] - 1))
        inside.append(errors[-1] <= math.hypot(bands[_key(system)], POWER_BAND))
    return {
        "energies": len(errors),
        "mean error, %": _short(100 * statistics.mean(errors)),
        "inside the shown band, %": _short(100 * statistics.mean(inside)),
    }


def profiles(systems: Sequence[System]) -> dict[tuple[str, str], str]:
    """The rates of every system as its device profile holds them."""
    model = Model(systems)
    fitted, bands = model.fit(results(systems)), shown_bands(left_out(systems))
    return {_key(system): _profile(system, model.rates(fitted, system), bands[_key(system)]) for system in systems}


def _profile(system: System, rates: Mapping[OperatorClass, float], width: float) -> str:
    lines = [f"# {system.device}", f"[throughput.{system.library}.int8] # MMAC/s"]
    lines += [f"{kind} = {_short(rate):g}" for kind, rate in rates.items()]
    lines.append(f"band = {width:g}")
    if system.uj:
        lines.append(f"power_mw = {_short(statistics.mean(system.uj[task] / system.ms[task] for task in system.uj)):g}")
    return "\n".join(lines)


def _shared(systems: Sequence[System]) -> set[str]:
    names = [system.library for system in systems]
    return {name for name in names if names.count(name) > 1}


def _mean_by(unseen: Sequence[Prediction], key: Callable[[Prediction], str]) -> dict[str, float]:
    groups: dict[str, list[float]] = {}
    for one in unseen:
        groups.setdefault(key(one), []).append(abs(one.error))
    return {name: _short(100 * statistics.mean(errors)) for name, errors in groups.items()}


def _key(system: System) -> tuple[str, str]:
    return system.device, system.library


def _short(value: float) -> float:
    return float(f"{value:.3g}")


def _table(found: dict[str, Any]) -> None:
    print(f"E5  {found['value']} {found['unit']} (bar ≤ {found['bar']})  {'holds' if found['holds'] else 'MISSED'}")
    for name, value in found["detail"].items():
        if isinstance(value, dict):
            print(f"\n{name}")
            for key, one in value.items():
                print(f"  {key:48} {one}")
        else:
            print(f"  {name:50} {value}")


if __name__ == "__main__":
    raise SystemExit(main())
