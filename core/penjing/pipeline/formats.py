"""Which formats an export writes: those asked for, or the device's own beside `onnx` and `penjingnet`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from penjing.devices.profiles import Device
from penjing.errors import UserError
from penjing.estimation.containers import INSTEAD, cannot_carry
from penjing.estimation.prediction import weight_state
from penjing.estimation.state import NetworkState
from penjing.estimation.tensors import loaded, planned_bits
from penjing.exporting.export import export_model
from penjing.exporting.intake import Intake
from penjing.layer_graph import LayerGraph
from penjing.model.c_kernels.parts import Kernels, Rounding
from penjing.model.model import Model
from penjing.plan import Plan
from penjing.results import ExportedFile

ALWAYS = ("onnx", "penjingnet")
"""Beside the device's own format."""


@dataclass(frozen=True, kw_only=True)
class Formats:
    """What is to be written."""

    names: tuple[str, ...]
    recommended: bool
    """Nobody asked for them by name, so another may take the place of one that cannot carry the network."""
    reasons: tuple[UserError, ...] = ()
    """Why one was replaced."""

    def without(self, name: str, reason: UserError) -> "Formats":
        """The same with another format in the place of one.

        Raises:
            UserError: The reason itself, where the format was asked for by name.
        """
        if not self.recommended:
            raise reason
        names = dict.fromkeys(INSTEAD if known == name else known for known in self.names)
        return Formats(names=tuple(names), recommended=True, reasons=(*self.reasons, reason))

    def notes(self, language: str) -> tuple[tuple[str, dict[str, Any]], ...]:
        """What a person must know: message codes and their values."""
        return tuple(
            ("warning.format_replaced", {"instead": INSTEAD, "reason": reason.message(language)})
            for reason in self.reasons
        )


def chosen(asked: tuple[str, ...], device: Device | None) -> Formats:
    """The formats asked for, or the recommended ones."""
    own = () if device is None else (device.default_format,)
    return Formats(names=asked or tuple(dict.fromkeys((*own, *ALWAYS))), recommended=not asked)


def checked_early(formats: Formats, graph: LayerGraph, plan: Plan) -> Formats:
    """The formats that can carry what the plan will make, as far as that can be seen before any work is done.

    Raises:
        UserError: Why a format that was asked for cannot, with the layers.
    """
    state = _planned(graph, plan)
    for name in formats.names:
        reason = cannot_carry(name, graph, state)
        if reason is not None:
            formats = formats.without(name, reason)
    return formats


def written(
    formats: Formats,
    model: Model,
    folder: Path,
    *,
    device: Device | None,
    samples: Sequence[Tensor],
    intake: Intake | None = None,
    rounding: Rounding = "single",
    kernels: Kernels = "generated",
) -> Iterator[tuple[Formats, str, tuple[ExportedFile, ...]]]:
    """Writes format after format; yields the formats as they are by then, the one just written, and its files.

    Raises:
        UserError: What the format says, where it was asked for by name; or the disk.
    """
    done: set[str] = set()
    while left := [name for name in formats.names if name not in done]:
        name = left[0]
        try:
            files = export_model(
                model,
                folder,
                format=name,
                device=device,
                samples=samples,
                intake=intake,
                rounding=rounding,
                kernels=kernels,
            )
        except UserError as reason:
            if not reason.code.startswith(f"export.{name}_"):
                raise
            formats = formats.without(name, reason)
            continue
        done.add(name)
        yield formats, name, files


def _planned(graph: LayerGraph, plan: Plan) -> NetworkState:
    """What the plan sets to how many bits; how many weights stay does not matter here."""
    if not any(step.step in ("quantize", "qat") for step in plan.steps):
        return loaded(graph)
    weights = {
        layer.name: weight_state(layer, plan.settings(layer.name), kept=layer.weights) for layer in graph.compressible
    }
    return NetworkState(weights=weights, tensor_bits=planned_bits(graph, plan))
