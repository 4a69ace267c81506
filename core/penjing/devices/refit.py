"""A profile whose rates follow what its user timed on the board, and how far off they still are.

One network tells how fast the board is as a whole, more tell it for each operator class; what they do not tell stays as
the profile had it.

>>> from penjing.devices.profiles import device
>>> timed = Measurement(name="mine", latency_ms=100.0, macs={"int8": {"conv": 2.0}})
>>> found = refit(device("nrf52840"), (timed,))
>>> f"{found.rows[0].before_ms:.0f} {found.rows[0].after_ms:.0f}"
'120 100'
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from penjing.devices.fitting import Observation, Posterior, band, solve
from penjing.devices.profiles import MEASURED, Device, Measurement, OperatorClass, Precision, Throughput
from penjing.errors import UserError

CLASSES: tuple[OperatorClass, ...] = ("conv", "pointwise", "narrow", "depthwise", "dense")
_LEVEL = 1.0
"""Standard deviation of the logarithm of a board's speed over its profile's: another compiler, another memory."""
_UNKNOWN_LEVEL = 5.0
"""… and where no profile says anything."""
_CLASS = 0.2
"""… and of one class beside the others, as boards with the same library differ."""
_SHAPE = 0.1
"""… and of one class between networks: layers of other shapes."""
_NOISE = 0.05
"""Of a whole network's time that classes do not explain."""
_TYPICAL = Throughput(conv=100.0, pointwise=100.0, narrow=50.0, depthwise=33.0, dense=75.0, band=1.0)
"""Where a profile has no rates: those of classes beside each other in published results; the level means nothing."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One measurement and what the profile says of it."""

    name: str
    measured_ms: float
    before_ms: float | None
    """By the profile before; None where it had no rate."""
    after_ms: float

    @property
    def error(self) -> float:
        """The new profile over what was measured - 1."""
        return self.after_ms / self.measured_ms - 1


@dataclass(frozen=True, kw_only=True)
class Refit:
    """The new profile and its errors."""

    device: Device
    rows: tuple[Row, ...]
    unseen_error: float | None
    """Mean relative error of each measurement when only the others were known; None of a single one."""


def refit(known: Device, measurements: Sequence[Measurement]) -> Refit:
    """The same device with the library `measured`, fitted to all `measurements` (at least one).

    Rates start from those of the library that estimates used before any measurement; the band comes from what remains
    unsure of a network like the measured ones, and from the errors of those left out.

    Raises:
        UserError: `devices.nothing_measured`.
    """
    if not measurements or not all(any(measurement.macs.values()) for measurement in measurements):
        raise UserError("devices.nothing_measured")
    base = known if known.fitted_from is None else known.with_library(known.fitted_from)
    precisions = _precisions(measurements)
    start = {precision: base.rates(precision) or _TYPICAL for precision in precisions}
    every = [_observation(measurement, precisions, start) for measurement in measurements]
    fitted = _fit(every, precisions, base)
    unseen = [_unseen(every, index, precisions, base) for index in range(len(every))] if len(every) > 1 else []
    spread = _spread(every, fitted, unseen)
    rates = {
        precision: _rates(start[precision], fitted, index, width=band(spread))
        for index, precision in enumerate(precisions)
    }
    # What was not measured keeps its rates; power belongs to the board.
    others = {} if base.library is None else base.throughput[base.library]
    names = ", ".join(measurement.name for measurement in measurements)
    source = f"fitted to {len(measurements)} measurement(s) of the user's own"
    device = msgspec.structs.replace(
        known,
        throughput={**known.throughput, MEASURED: {**others, **rates}},
        library=MEASURED,
        fitted_from=base.library,
        measurements=tuple(measurements),
        sources={**known.sources, "throughput": f"{source}: {names}"[:400]},
    )
    rows = tuple(
        Row(
            name=measurement.name,
            measured_ms=measurement.latency_ms,
            before_ms=predicted_ms(known, measurement),
            after_ms=math.exp(observation.predicted(fitted.mean)[0]),
        )
        for measurement, observation in zip(measurements, every, strict=True)
    )
    errors = [abs(math.expm1(error)) for error in unseen]
    return Refit(device=device, rows=rows, unseen_error=sum(errors) / len(errors) if errors else None)


def predicted_ms(known: Device, measurement: Measurement) -> float | None:
    """What a profile says of a measured network; None without a rate."""
    total = 0.0
    for precision, work in measurement.macs.items():
        rates = known.rates(precision)
        if rates is None:
            return None
        total += sum(1e3 * mmac / rates.of(kind) for kind, mmac in work.items())
    return total


def _precisions(measurements: Sequence[Measurement]) -> tuple[Precision, ...]:
    found = {precision for measurement in measurements for precision, work in measurement.macs.items() if work}
    return tuple(sorted(found))


def _observation(
    measurement: Measurement, precisions: Sequence[Precision], start: dict[Precision, Throughput]
) -> Observation:
    """Milliseconds by (precision, class) at the starting rates; unknowns: a level and five classes a precision."""
    count = len(CLASSES)
    work = np.zeros(count * len(precisions))
    rows = np.zeros((len(work), (count + 1) * len(precisions)))
    for index, precision in enumerate(precisions):
        for kind, operator in enumerate(CLASSES):
            mmac = measurement.macs.get(precision, {}).get(operator, 0.0)
            work[index * count + kind] = 1e3 * mmac / start[precision].of(operator)
            rows[index * count + kind, [index * (count + 1), index * (count + 1) + 1 + kind]] = 1
    return Observation(work, rows, math.log(measurement.latency_ms))


def _fit(seen: Sequence[Observation], precisions: Sequence[Precision], base: Device) -> Posterior:
    spread = [
        value
        for precision in precisions
        for value in (_UNKNOWN_LEVEL if base.rates(precision) is None else _LEVEL, *[_CLASS] * len(CLASSES))
    ]
    return solve(seen, mean=np.zeros(len(spread)), spread=np.array(spread), noise=_NOISE)


def _unseen(every: Sequence[Observation], index: int, precisions: Sequence[Precision], base: Device) -> float:
    """The logarithm of predicted over measured time of one measurement that the fit has not seen."""
    fitted = _fit([one for other, one in enumerate(every) if other != index], precisions, base)
    return every[index].predicted(fitted.mean)[0] - every[index].log_time


def _spread(every: Sequence[Observation], fitted: Posterior, unseen: Sequence[float]) -> float:
    """The standard deviation for a network like the measured ones whose layers have other shapes."""
    found = []
    for observation in every:
        parts = observation.work * np.exp(observation.rows @ fitted.mean)
        shares = parts / parts.sum()
        found.append(fitted.predict(observation)[1] ** 2 + float((_SHAPE * shares) @ (_SHAPE * shares)))
    found += [error**2 for error in unseen]
    return math.sqrt(sum(found) / len(found))


def _rates(start: Throughput, fitted: Posterior, index: int, *, width: float) -> Throughput:
    count = len(CLASSES) + 1
    level, *classes = fitted.mean[index * count : (index + 1) * count]
    rates = {kind: _short(start.of(kind) / math.exp(level + own)) for kind, own in zip(CLASSES, classes, strict=True)}
    return msgspec.structs.replace(start, band=width, **rates)


def _short(value: float) -> float:
    return float(f"{value:.4g}")
