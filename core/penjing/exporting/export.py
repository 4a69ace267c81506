"""Writes a model into a folder in any format; formats register here by the ids of the catalogue, one module each."""

import functools
import importlib
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from penjing.catalogue.methods import methods
from penjing.devices.profiles import Device
from penjing.errors import UserError
from penjing.exporting.intake import Intake
from penjing.model.c_kernels.parts import Kernels, Rounding
from penjing.model.model import Model
from penjing.results import ExportedFile

_MODULES = ("c99.writer", "onnx_float", "onnx_qdq", "penjingnet", "pt2")
_MAX_NAME = 48
_CARRIERS = {"c99": (".c", ".h")}
"""Formats whose network is more than one file, and how those end."""
_BESIDE = {"_cmsis_nn.c": "c99-cmsis-nn", "_input.h": "c99-input"}
"""Files that stand beside a network of more than one, by ending: what they are told as."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a format's writer is asked for."""

    model: Model
    folder: Path
    name: str
    """A safe file name without its ending."""
    device: Device | None = None
    samples: tuple[Tensor, ...] = ()
    """Real inputs [n, …], one tensor a network input, for formats that carry samples of their own."""
    intake: Intake | None = None
    """What whoever runs the network has to do to its inputs, for formats that say it."""
    rounding: Rounding = "single"
    kernels: Kernels = "generated"

    def path(self, ending: str) -> Path:
        """The file of this export with an ending."""
        return self.folder / f"{self.name}{ending}"


WriteFormat = Callable[[Request], tuple[Path, ...]]
"""Writes the files of one format and returns them: the one that carries the network, then what goes with it, which
is told under its ending as format."""

_FORMATS: dict[str, WriteFormat] = {}


def register(format: str) -> Callable[[WriteFormat], WriteFormat]:
    """Put a writer into the registry under the format's id."""

    def registered(write: WriteFormat) -> WriteFormat:
        assert format not in _FORMATS, format
        _FORMATS[format] = write
        return write

    return registered


def formats() -> Mapping[str, WriteFormat]:
    """Every format that can be written, by id."""
    _load()
    return _FORMATS


def export_model(
    model: Model,
    folder: Path,
    *,
    format: str,
    name: str = "model",
    device: Device | None = None,
    samples: Sequence[Tensor] = (),
    intake: Intake | None = None,
    rounding: Rounding = "single",
    kernels: Kernels = "generated",
) -> tuple[ExportedFile, ...]:
    """Write one format's files into an existing folder (see `exporting.folder` for the atomic one).

    `device` matters where its runtime reads only older files, `samples` where a format carries inputs to try, `intake`
    where it says how inputs are prepared;
    `rounding` in C: `single` as the screen rounds, `double` as TensorFlow Lite and CMSIS-NN do; `kernels` in C, too:
    with `cmsis-nn` a second source calls that library.

    Raises:
        UserError: `export.unknown_format`, `export.cannot_write`.
    """
    write = formats().get(format)
    if write is None:
        raise UserError("export.unknown_format", format=format, known=", ".join(methods("format")))
    request = Request(
        model=model,
        folder=folder,
        name=safe_file_name(name),
        device=device,
        samples=tuple(samples),
        intake=intake,
        rounding=rounding,
        kernels=kernels,
    )
    try:
        paths = write(request)
        return tuple(
            ExportedFile(
                path=path.relative_to(folder).as_posix(),
                bytes=path.stat().st_size,
                format=_told_as(path, format) if index else format,
            )
            for index, path in enumerate(paths)
        )
    except OSError as error:
        raise UserError("export.cannot_write", folder=folder, detail=error.strerror or error) from error


def _told_as(path: Path, format: str) -> str:
    beside = next((told for ending, told in _BESIDE.items() if path.name.endswith(ending)), None)
    return beside or (format if path.suffix in _CARRIERS.get(format, ()) else path.suffix[1:])


def safe_file_name(name: str) -> str:
    """A name for files from one that may be anything: letters, digits, `_`, `-` and `.`, at most 48 characters."""
    normal = unicodedata.normalize("NFC", name[:4000].encode(errors="replace").decode())
    return re.sub(r"[^\w.-]+", "_", normal).strip("._-")[:_MAX_NAME].rstrip("._-") or "model"


@functools.cache
def _load() -> None:
    for module in _MODULES:
        importlib.import_module(f"penjing.exporting.{module}")
