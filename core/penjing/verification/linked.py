"""Exported C as linked: which cores it is tried on, and whether flash and RAM are what the estimate said."""

from collections.abc import Iterator, Mapping, Sequence

from penjing.devices.cores import TITLES, core_of
from penjing.devices.profiles import Device
from penjing.estimation.arena import arena
from penjing.estimation.flash import linked_bytes
from penjing.estimation.state import NetworkState
from penjing.exporting.c99.cmsis_nn import FORMAT as CMSIS_NN
from penjing.exporting.c99.cmsis_nn import scratch_bytes
from penjing.layer_graph import LayerGraph
from penjing.model.c_kernels.code_size import compiler
from penjing.model.c_kernels.parts import Rounding
from penjing.model.model import Model
from penjing.results import ExportedFile, Rung
from penjing.verification.c99.board import BoardRun
from penjing.verification.c99.tools import ToolMissing, tool, version
from penjing.verification.rungs import LARGEST_SIZE_ERROR, Texts
from penjing.verification.runtimes import C99
from penjing.verification.trial import Trial

USUAL = "cortex-m4"
"""Tried where no device is chosen, or one whose core no emulator here has."""
RAM = "ram"
SCRATCH = "scratch"
"""With a core after it: what CMSIS-NN works in there."""


def ladder(device: Device | None) -> tuple[str, ...]:
    """The cores that an export for a device is tried on: its own."""
    return (core_of(device) or USUAL,)


def estimates(graph: LayerGraph, state: NetworkState) -> dict[str, int]:
    """Bytes of exported C that the linker will be asked about: `flash:CORE` for every core, and `ram`."""
    found = {f"flash:{core}": linked_bytes(graph, state, core) for core in TITLES}
    known = {name: count for name, count in found.items() if count is not None}
    return {**known, RAM: arena(graph, state).size} if known else {}


def scratch_estimates(model: Model, rounding: Rounding) -> dict[str, int]:
    """Bytes beside the arena in which CMSIS-NN's calls will work: `scratch:CORE` for every core."""
    return {f"{SCRATCH}:{core}": scratch_bytes(model, rounding, core) for core in TITLES}


def unknown_core_rung(device: Device | None, files: Sequence[ExportedFile], texts: Texts) -> Rung | None:
    """Says that nothing here emulates the device's own core."""
    if device is None or core_of(device) is not None or all(file.format != C99 for file in files):
        return None
    detail = texts("no_board", core=device.core, other=TITLES[USUAL])
    return Rung(name=f"{C99}: {device.core}", passed=None, detail=detail)


def linked_rungs(trials: Sequence[Trial], predicted: Mapping[str, int], texts: Texts) -> Iterator[Rung]:
    """Flash and RAM of every core on which the code ran, against the estimate; nothing where there was none."""
    ran = [trial.runtime for trial in trials if trial.runtime.board is not None and trial.format == C99]
    boards = [one.board for one in ran if one.board is not None and one.board.counts is not None]
    # Code that rounds twice is another: its size is not what the estimate counts.
    counted = boards if all(one.rounding == "single" for one in ran) else []
    told = [_flash(run, predicted.get(f"flash:{run.board.core}"), texts) for run in counted]
    known = [one for one in told if one is not None]
    if known:
        yield Rung(
            name=f"{C99}: flash", passed=_worst([passed for passed, _ in known]), detail=" ".join(d for _, d in known)
        )
    if boards and RAM in predicted:
        arenas = {run.counts.arena for run in boards if run.counts is not None}
        detail = texts("ram", real=", ".join(str(size) for size in sorted(arenas)), predicted=predicted[RAM])
        yield Rung(name=f"{C99}: RAM", passed=arenas == {predicted[RAM]}, detail=detail)
    yield from _calling(trials, predicted, texts)


def _calling(trials: Sequence[Trial], predicted: Mapping[str, int], texts: Texts) -> Iterator[Rung]:
    """RAM of the source that calls CMSIS-NN: the arena, and what the library works in."""
    ran = [one.runtime.board for one in trials if one.format == CMSIS_NN and one.runtime.board is not None]
    pairs = [
        (run.counts.arena, predicted[RAM] + predicted[f"{SCRATCH}:{run.board.core}"])
        for run in ran
        if run.counts is not None and RAM in predicted and f"{SCRATCH}:{run.board.core}" in predicted
    ]
    if pairs:
        real, wanted = (", ".join(str(size) for size in sorted(set(sizes))) for sizes in zip(*pairs, strict=True))
        detail = texts("ram", real=real, predicted=wanted)
        yield Rung(name=f"{CMSIS_NN}: RAM", passed=all(own == told for own, told in pairs), detail=detail)


def _flash(run: BoardRun, predicted: int | None, texts: Texts) -> tuple[bool | None, str] | None:
    if predicted is None or run.counts is None:
        return None
    error = run.counts.flash / predicted - 1
    percent = f"{100 * error:+.2f}"
    detail = texts("flash", core=run.board.title, real=run.counts.flash, predicted=predicted, error=percent)
    if abs(error) <= LARGEST_SIZE_ERROR:
        return True, detail
    counted, own = compiler(run.board.core), _own_compiler(run)
    if counted == own:
        return False, detail
    # Another compiler writes other code: that says nothing about the estimate.
    return None, f"{detail} {texts('other_compiler', counted=counted, own=own)}"


def _own_compiler(run: BoardRun) -> str:
    try:
        return version(tool(run.board.compiler))
    except (ToolMissing, RuntimeError):  # it was there a moment ago
        return "?"


def _worst(passed: Sequence[bool | None]) -> bool | None:
    if False in passed:
        return False
    return None if None in passed else True
