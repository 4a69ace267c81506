"""The command that repeats a run, as a person would type it."""

import shlex
from pathlib import Path

from penjing.catalogue.methods import methods
from penjing.devices.profiles import Device

SAMPLE_PREFIX = "sample:"


def command_line(
    *,
    model_source: str,
    data_source: str | None,
    device: Device | None,
    formats: tuple[str, ...],
    training: bool = True,
) -> str:
    """`penjing compress MODEL --plan plan.json …`; files by their names alone: where they lie differs by machine."""
    parts = ["penjing", "compress" if training else "export", _named(model_source)]
    parts += ["--plan", "plan.json"]
    if data_source is not None and data_source != model_source:
        parts += ["--data", _named(data_source)]
    if device is not None:
        parts += ["--device", device.name]
    for name in formats:
        if name in methods("format"):
            parts += ["--format", name]
    return shlex.join([*parts, "-o", "out"])


def _named(source: str) -> str:
    return source if source.startswith(SAMPLE_PREFIX) else Path(source).name
