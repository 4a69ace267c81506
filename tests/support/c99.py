"""Compiles exported C with warnings as errors and sanitizers, and runs it on codes."""

import subprocess
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from penjing.exporting.c99.writer import write_program
from penjing.model.model import Model

FLAGS = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-O1", "-g")
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def build(folder: Path, model: Model, *, name: str = "net", **options: object) -> Path:
    """The example program of a network, compiled in `folder`."""
    folder.mkdir(exist_ok=True)
    write_program(model, folder, name, **options)  # type: ignore[arg-type]
    command = ["gcc", *FLAGS, *SANITIZERS, "-o", "example", "main.c", f"{name}.c"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "example"


def run(example: Path) -> str:
    """What the example says about the samples beside it; it fails where any differs."""
    done = subprocess.run([example, "samples"], cwd=example.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def outputs(folder: Path) -> NDArray[np.int8]:
    """The expected outputs of all samples, [16, values]."""
    return np.stack([np.fromfile(folder / "samples" / f"output_{k}.bin", np.int8) for k in range(16)])
