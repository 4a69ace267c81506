"""Reads files one after another in a process of its own, and says of each in one line what became of it.

    kind<TAB>path on standard input; `loaded`, `refused CODE` or `unclear TYPE: text` on standard output.

`benchmarks.robustness` starts it, waits at most so long for each answer, and notices when it dies.
"""

import resource
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from penjing.devices.profiles import read_device
from penjing.errors import UserError
from penjing.loading.data import open_data
from penjing.loading.open import open_model
from penjing.plan import read_plan
from penjing.project.archive import read_archive
from penjing.project.lesson import open_lesson


def _data(path: Path) -> object:
    return open_data(path, model=_network())


def _network() -> object:
    if not _OPEN:
        _OPEN.append(open_model("sample:digits"))
    return _OPEN[0]


def _project(path: Path) -> object:
    with tempfile.TemporaryDirectory() as folder:
        return read_archive(path, Path(folder))


READERS: Mapping[str, Callable[[Path], object]] = {
    "model": open_model,
    "weights": lambda path: open_model(path, architecture="lenet5"),
    "data": _data,
    "plan": lambda path: read_plan(path.read_bytes()),
    "project": _project,
    "device": read_device,
    "lesson": open_lesson,
}
_OPEN: list[object] = []


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
