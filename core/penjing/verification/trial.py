"""One exported file in one runtime."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from penjing.verification.c99.tools import ToolMissing
from penjing.verification.comparison import Comparison
from penjing.verification.host import saturating_kernels
from penjing.verification.runtimes import FORMATS, Promise, Runtime


@dataclass(kw_only=True)
class Trial:
    """A file, how it is run, and what was found so far."""

    format: str
    path: Path
    runtime: Runtime
    comparison: Comparison
    scores: list[NDArray[np.float64]] = field(default_factory=list)
    """What the data's metric says of each sample, where the data tells what is right."""
    error: str | None = None
    missing: ToolMissing | None = None
    """The tool that this machine lacks for it."""

    @property
    def promise(self) -> Promise:
        """What the file must compute."""
        return FORMATS[self.format].promise

    @property
    def title(self) -> str:
        """The rung's name."""
        word = "" if FORMATS[self.format].exact else "parity "
        return f"{self.format}: {word}{self.runtime.variant}".rstrip()

    @property
    def passed(self) -> bool:
        """Whether it computes what was promised."""
        if self.error is not None:
            return False
        if FORMATS[self.format].exact:
            return self.comparison.exact
        return self.comparison.within_float_bound or (
            FORMATS[self.format].integers and self.comparison.within_integer_bound
        )


def excused(trial: Trial, trials: Sequence[Trial]) -> bool:
    """Whether only the runtime's optimisation on this machine's processor makes it differ."""
    if trial.passed or not trial.runtime.optimised or not FORMATS[trial.format].integers or not saturating_kernels():
        return False
    return any(other.passed for other in trials if other.path == trial.path and not other.runtime.optimised)
