"""The parts of a bar: one figure against its bar each, and what they come to together."""

from dataclasses import dataclass
from typing import Any

ROUNDING = 1e-9
MOST_SECONDS = 15.0
"""CPU time that a technique without training may take."""
_SMALL = 0.3
"""Below so many percentage points a share of the bar says nothing."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One figure of one network."""

    what: str
    value: float
    bar: float
    more: bool = False
    """Whether more is better."""
    chance: float = 0.0
    """Half of the 95 % interval of a comparison with another: told beside a miss, it makes none of them good."""
    detail: str = ""
    seconds: float | None = None
    """CPU time of the compression, where that has a limit."""

    @property
    def spare(self) -> float:
        """How far it is on the right side of its bar, as a share of the bar."""
        apart = self.value - self.bar if self.more else self.bar - self.value
        return apart / max(abs(self.bar), _SMALL)

    @property
    def holds(self) -> bool:
        """Whether it meets its bar, and in time."""
        return self.spare >= -ROUNDING and (self.seconds is None or self.seconds <= MOST_SECONDS)

    def __str__(self) -> str:
        sign = "≥" if self.more else "≤"
        time = "" if self.seconds is None else f"; {self.seconds:.1f} CPU s"
        apart = abs(self.value - self.bar)
        by_chance = f" by less than chance (± {self.chance:.2f})" if apart < self.chance else ""
        mark = "holds" if self.holds else f"FAILS{by_chance}"
        return f"{mark} {self.what}: {self.value:.2f} {sign} {self.bar:.2f}; {self.detail}{time}"


def finding(parts: list[Part], unit: str) -> dict[str, Any]:
    """A bar's entry: of the parts that hold least the figure, and all of them in detail."""
    worst = min(parts, key=lambda part: (part.holds, part.spare))
    return {
        "value": worst.value,
        "bar": worst.bar,
        "unit": unit,
        "holds": all(part.holds for part in parts),
        "detail": {
            "worst": worst.what,
            "held": sum(part.holds for part in parts),
            "of": len(parts),
            "parts": [
                {"what": part.what, "value": part.value, "bar": part.bar, "holds": part.holds, "text": str(part)}
                for part in parts
            ],
        },
    }
