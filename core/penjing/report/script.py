"""`reproduce.py`: a short script beside an export that repeats the run through the library."""

import os
from pathlib import Path

from penjing.catalogue.methods import methods
from penjing.catalogue.metrics import known
from penjing.devices.profiles import Device
from penjing.model.c_kernels.parts import Kernels, Rounding

FILE = "reproduce.py"
SAMPLE_PREFIX = "sample:"

_SCRIPT = '''"""Repeats this export with Penjing: python reproduce.py [FOLDER]"""

import sys
from pathlib import Path

from penjing.devices.profiles import device
from penjing.loading.data import open_data
from penjing.loading.open import open_model
from penjing.pipeline.job import Job, compress_job
from penjing.plan import read_plan

HERE = Path(__file__).resolve().parent
MODEL = {model}
DATA = {data}
METRIC = {metric}
DEVICE = {device}
FORMATS = {formats}


def place(source):
    """A sample as it is; a file from where this script lies."""
    return source if source.startswith("sample:") else str(HERE / source)


def main():
    model = open_model(place(MODEL))
    job = Job(
        model=model,
        plan=read_plan((HERE / "plan.json").read_bytes()),
        data=None if DATA is None else open_data(place(DATA), model=model, metric=METRIC),
        model_source=place(MODEL),
        data_source=None if DATA is None else place(DATA),
        device=None if DEVICE is None else device(DEVICE),
        formats=FORMATS,
        training={training},
        rounding={rounding},
        kernels={kernels},
    )
    result = compress_job(job, Path(sys.argv[1] if len(sys.argv) > 1 else f"{{HERE}}-again"))
    for file in result.files:
        print(file.format, file.path, file.bytes)
    print("passed" if result.verdict.passed else "failed")
    return 0 if result.verdict.passed else 4


if __name__ == "__main__":
    sys.exit(main())
'''


def write_script(
    folder: Path,
    *,
    model_source: str,
    data_source: str | None,
    device: Device | None,
    formats: tuple[str, ...],
    training: bool,
    rounding: Rounding = "single",
    kernels: Kernels = "generated",
    metric: str | None = None,
) -> Path:
    """Write the script; sources become paths relative to it; `metric` is one that a person chose."""
    path = folder / FILE
    text = script_text(
        model_source=_relative(model_source, folder),
        data_source=None if data_source is None else _relative(data_source, folder),
        device=device,
        formats=formats,
        training=training,
        rounding=rounding,
        kernels=kernels,
        metric=metric,
    )
    path.write_text(text, encoding="utf-8")
    return path


def script_text(
    *,
    model_source: str,
    data_source: str | None,
    device: Device | None,
    formats: tuple[str, ...],
    training: bool,
    rounding: Rounding = "single",
    kernels: Kernels = "generated",
    metric: str | None = None,
) -> str:
    """The script, its sources as they are given; every value is a literal that cannot be code."""
    return _SCRIPT.format(
        model=ascii(model_source),
        data=ascii(data_source),
        metric=ascii(metric if metric is not None and known(metric) else None),
        device=ascii(None if device is None else device.name),
        formats=ascii(tuple(name for name in formats if name in methods("format"))),
        training=ascii(training),
        rounding=ascii(rounding),
        kernels=ascii(kernels),
    )


def _relative(source: str, folder: Path) -> str:
    if source.startswith(SAMPLE_PREFIX):
        return source
    return Path(os.path.relpath(Path(source).resolve(), folder.resolve())).as_posix()
