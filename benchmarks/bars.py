"""What a benchmark tells of one bar, and steady-state CPU times."""

import statistics
import time
from collections.abc import Callable
from typing import Any

Finding = dict[str, Any]
"""`value`, `bar`, `unit`, `holds`, `detail`, as DESIGN §4 names them."""


def at_most(value: float, bar: float, unit: str, detail: str) -> Finding:
    """A bar that holds for small values."""
    return {"value": _rounded(value), "bar": bar, "unit": unit, "holds": bool(value <= bar), "detail": detail}


def at_least(value: float, bar: float, unit: str, detail: str) -> Finding:
    """A bar that holds for large values."""
    return {"value": _rounded(value), "bar": bar, "unit": unit, "holds": bool(value >= bar), "detail": detail}


def table(found: dict[str, Finding]) -> str:
    """One line a bar."""
    lines = []
    for name, one in found.items():
        mark = "holds" if one["holds"] else "FAILS"
        lines.append(f"{name:26} {one['value']:>10.4g}  bar {one['bar']:<7g} {one['unit']:9} {mark}  {one['detail']}")
    return "\n".join(lines)


def cpu(run: Callable[[], object], *, least: float = 0.02, blocks: int = 5) -> float:
    """CPU seconds of one call: the median of blocks of at least `least` seconds, after a call that warms up."""
    run()
    calls, spent = 1, _block(run, 1)
    while spent < least:
        calls = max(calls + 1, int(calls * 1.2 * least / max(spent, least / 64)))
        spent = _block(run, calls)
    return statistics.median(_block(run, calls) for _ in range(blocks)) / calls


def _block(run: Callable[[], object], calls: int) -> float:
    started = time.process_time()
    for _ in range(calls):
        run()
    return time.process_time() - started


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
