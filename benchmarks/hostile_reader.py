"""Reads files one after another in a process of its own, and says of each in one line what became of it.

    kind<TAB>path on standard input; `loaded`, `refused CODE` or `unclear TYPE: text` on standard output.

`benchmarks.robustness` starts it, waits at most so long for each answer, and notices when it dies.
"""

import functools
import resource
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from penjing.devices.profiles import read_device
from penjing.errors import UserError
from penjing.estimation.exact import figures
from penjing.inspection.graph import layer_graph
from penjing.loading.data import open_data
from penjing.loading.open import open_model
from penjing.model.model import Model
from penjing.plan import read_plan
from penjing.project.archive import read_archive
from penjing.project.lesson import open_lesson


def _used(model: Model) -> Model:
    """The network after what its first second in the window does with it: its layers, its size, one answer."""
    figures(layer_graph(model))
    with torch.no_grad():
        model(*(torch.zeros(1, *entry.shape[1:]) for entry in model.inputs))
    return model


def _data(path: Path) -> object:
    return open_data(path, model=_network("sample:digits"))


def _folder(path: Path) -> object:
    """The file among whole ones, as one of two classes."""
    with tempfile.TemporaryDirectory() as folder:
        whole = path.parent / f"whole{path.suffix}"
        for place in range(40):
            kind = Path(folder) / ("one", "other")[place % 2]
            kind.mkdir(exist_ok=True)
            shutil.copy(path if place == 0 else whole, kind / f"{place}{path.suffix}")
        return open_data(Path(folder), model=_network("sample:digits"))


def _card(path: Path) -> object:
    """The file as the card of a whole archive of arrays."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(path, Path(folder) / "dataset.toml")
        shutil.copy(path.parent / "whole.npz", Path(folder) / "data.npz")
        return open_data(Path(folder) / "data.npz", model=_network("sample:digits"))


@functools.cache
def _network(source: str) -> Model:
    return open_model(source)


def _project(path: Path) -> object:
    with tempfile.TemporaryDirectory() as folder:
        return read_archive(path, Path(folder))


READERS: Mapping[str, Callable[[Path], object]] = {
    "model": lambda path: _used(open_model(path)),
    "weights": lambda path: _used(open_model(path, architecture="lenet5")),
    "data": _data,
    "one of a folder": _folder,
    "card": _card,
    "plan": lambda path: read_plan(path.read_bytes()),
    "project": _project,
    "device": read_device,
    "lesson": open_lesson,
}


def main() -> None:
    """Until standard input ends."""
    limit = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    if limit:
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    print("ready", flush=True)
    for line in sys.stdin:
        kind, _, name = line.rstrip("\n").partition("\t")
        try:
            READERS[kind](Path(name))
            answer = "loaded"
        except UserError as error:
            said = error.message()
            answer = f"refused {error.code}" if said and "Traceback" not in said else f"unclear {error.code}: no words"
        except BaseException as error:
            answer = f"unclear {type(error).__name__}: {error}"
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(f"{peak}\t{answer}".replace("\n", " ")[:500], flush=True)


if __name__ == "__main__":
    main()
