"""The command that repeats a run, as a person would type it."""

import shlex
from pathlib import Path
from typing import TypedDict

from penjing.catalogue.methods import methods
from penjing.devices.profiles import Device
from penjing.model.c_kernels.parts import Kernels, Rounding

SAMPLE_PREFIX = "sample:"


class Again(TypedDict):
    """What a command and a script say beside the sources."""

    device: Device | None
    formats: tuple[str, ...]
    training: bool
    rounding: Rounding
    kernels: Kernels
    metric: str | None
    """One that a person chose."""


def command_line(
    *,
    model_source: str,
    data_source: str | None,
    device: Device | None,
    formats: tuple[str, ...],
    training: bool = True,
    rounding: Rounding = "single",
    kernels: Kernels = "generated",
    metric: str | None = None,
) -> str:
    """`penjing compress MODEL --plan plan.json …`; files by their names alone: where they lie differs by machine."""
    parts = ["penjing", "compress" if training else "export", named(model_source)]
    parts += ["--plan", "plan.json"]
    if data_source is not None and data_source != model_source:
        parts += ["--data", named(data_source)]
    if metric is not None:
        parts += ["--metric", metric]
    if device is not None:
        parts += ["--device", device.name]
    for name in formats:
        if name in methods("format"):
            parts += ["--format", name]
    if rounding != "single":
        parts += ["--rounding", rounding]
    if kernels != "generated":
        parts += ["--kernels", kernels]
    return shlex.join([*parts, "-o", "out"])


def named(source: str) -> str:
    """A sample as it is, a file by its name alone."""
    return source if source.startswith(SAMPLE_PREFIX) else Path(source).name
