"""A Dask cluster on this machine: a scheduler and two workers, each a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """The scheduler's address, on loopback; the folder holds what Dask writes."""
    file = folder / "scheduler.json"
    dask = [sys.executable, "-m", "dask"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder, "env": environment()}
    options = ["--host", "127.0.0.1", "--no-dashboard"]
    started = [
        subprocess.Popen([*dask, "scheduler", *options, "--port", "0", "--scheduler-file", str(file)], **quiet)  # type: ignore[call-overload]
    ]
    try:
        for name in ("one", "two"):
            where = ["--scheduler-file", str(file), "--nthreads", "1", "--no-nanny", "--name", name]
            started.append(subprocess.Popen([*dask, "worker", *options, *where], **quiet))  # type: ignore[call-overload]
        while not file.exists() or not file.read_text().endswith("}"):
            assert started[0].poll() is None
        yield json.loads(file.read_text())["address"]
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait(timeout=20)


def environment() -> dict[str, str]:
    """Of a child that imports what this process imports."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
