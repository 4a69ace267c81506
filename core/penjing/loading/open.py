"""Opens a network, whatever its format: the one entrance for the command line and the window.

>>> from penjing.loading.open import open_model
>>> open_model("sample:digits").outputs[0].shape  # doctest: +SKIP
(1, 10)
"""

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from penjing.errors import UserError
from penjing.loading import limits
from penjing.loading.samples import sample
from penjing.model.model import Model

SAMPLE_PREFIX = "sample:"


class _Reader(Protocol):
    def __call__(self, path: Path, /) -> Model: ...


_READERS = {
    ".onnx": ("onnx_file", "read_onnx"),
    ".pt2": ("exported_program", "read_exported_program"),
    ".penjingnet": ("penjingnet", "read_penjingnet"),
}
"""By suffix: the module and its function; a format's libraries are imported when one of its files is opened."""

WEIGHTS = (".safetensors", ".pt", ".pth")
"""Tensors without a network: they need an architecture."""


def open_model(
    source: str | Path,
    *,
    architecture: str | None = None,
    allow_code: bool = False,
    example_shape: Sequence[int] | None = None,
) -> Model:
    """The network of a file or of `sample:NAME`, in module form.

    `architecture` is NAME or file.py:factory for files of tensors only; a factory's code runs only with `allow_code`.
    `example_shape`, one example's shape without the batch, fills extents that an ONNX file leaves open.

    Raises:
        UserError: `load.…`, `model.…`.
    """
    text = str(source)
    path = sample(text.removeprefix(SAMPLE_PREFIX)).model_path if text.startswith(SAMPLE_PREFIX) else Path(source)
    limits.check_file(path)
    suffix = path.suffix.lower()
    if suffix in WEIGHTS:
        from penjing.loading.weights import read_weights

        return read_weights(path, architecture=architecture, allow_code=allow_code)
    if suffix == ".onnx":
        from penjing.loading.onnx_file import read_onnx

        return read_onnx(path, example_shape=example_shape)
    if suffix not in _READERS:
        raise UserError("load.unknown_format", path=path.name, hint_code=suffix or "?")
    module, function = _READERS[suffix]
    reader: _Reader = getattr(importlib.import_module(f"penjing.loading.{module}"), function)
    return reader(path)
