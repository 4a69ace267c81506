"""Opens a network, whatever its format: the one entrance for the command line and the window.

>>> from penjing.loading.open import open_model
>>> open_model("sample:digits").outputs[0].shape  # doctest: +SKIP
(1, 10)
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from penjing.errors import UserError
from penjing.loading import limits
from penjing.loading.samples import sample
from penjing.model.model import Model

SAMPLE_PREFIX = "sample:"


def open_model(
    source: str | Path,
    *,
    architecture: str | None = None,
    allow_code: bool = False,
    example_shapes: Sequence[Sequence[int]] | None = None,
) -> Model:
    """The network of a file or of `sample:NAME`, in module form.

    `architecture` is NAME or file.py:factory for files of tensors only; a factory's code runs only with `allow_code`.
    `example_shapes`, those of an example's inputs without the batch (or one for all inputs), fill extents that a file
    leaves open.

    Raises:
        UserError: `load.…`, `model.…`.
    """
    text = str(source)
    path = sample(text.removeprefix(SAMPLE_PREFIX)).model_path if text.startswith(SAMPLE_PREFIX) else Path(source)
    limits.check_file(path)
    suffix = path.suffix.lower()
    reader = READERS.get(suffix)
    if reader is None:
        known = CONVERSIONS.get(suffix, "load.unknown_format")
        raise UserError(known, path=path.name, formats=", ".join(READERS))
    return reader(path, _Options(architecture=architecture, allow_code=allow_code, example_shapes=example_shapes))


@dataclass(frozen=True, kw_only=True)
class _Options:
    architecture: str | None
    allow_code: bool
    example_shapes: Sequence[Sequence[int]] | None


# A format's libraries are imported when one of its files is opened.


def _onnx(path: Path, options: _Options) -> Model:
    from penjing.loading.onnx_file import read_onnx

    return read_onnx(path, example_shapes=options.example_shapes)


def _pt2(path: Path, options: _Options) -> Model:
    from penjing.loading.pt2_file import read_pt2

    return read_pt2(path, example_shapes=options.example_shapes)


def _penjingnet(path: Path, options: _Options) -> Model:
    from penjing.loading.penjingnet import read_penjingnet

    return read_penjingnet(path)


def _weights(path: Path, options: _Options) -> Model:
    from penjing.loading.weights import read_weights

    return read_weights(path, architecture=options.architecture, allow_code=options.allow_code)


READERS: Mapping[str, Callable[[Path, _Options], Model]] = {
    ".onnx": _onnx,
    ".pt2": _pt2,
    ".penjingnet": _penjingnet,
    ".safetensors": _weights,
    ".pt": _weights,
    ".pth": _weights,
    ".ckpt": _weights,
}
"""By suffix."""

CONVERSIONS: Mapping[str, str] = {
    ".h5": "load.keras",
    ".keras": "load.keras",
    ".pb": "load.keras",
    ".tflite": "load.tflite",
    ".pkl": "load.pickle",
    ".pickle": "load.pickle",
    ".joblib": "load.pickle",
    ".pte": "load.tflite",
}
"""By suffix of formats that are not read: the message that says how to convert them."""
