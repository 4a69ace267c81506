"""Compiles exported C with warnings as errors and sanitizers, and runs it on codes."""

import subprocess
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from penjing.exporting.c99.writer import write_program
from penjing.model.c_kernels.parts import Rounding
from penjing.model.model import Model

FLAGS = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-O1")
CMSIS_NN = Path(__file__).parent / "cmsis_nn"
"""Stands in for that library: its prototypes, with plain loops of our own."""
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def build(folder: Path, model: Model, *, name: str = "net", **options: object) -> Path:
    """The example program of a network, compiled in `folder`."""
    folder.mkdir(exist_ok=True)
    write_program(model, folder, name, **options)  # type: ignore[arg-type]
    done = compiled(folder, f"{name}.c")
    assert done.returncode == 0, done.stderr
    return folder / "example"


def build_with_cmsis_nn(folder: Path, model: Model, *, rounding: Rounding = "single") -> Path:
    """The same program with the calls of CMSIS-NN, which plain loops answer."""
    folder.mkdir(exist_ok=True)
    write_program(model, folder, "net", rounding=rounding, kernels="cmsis-nn")
    done = compiled(folder, "net_cmsis_nn.c", *cmsis_nn(rounding))
    assert done.returncode == 0, done.stderr
    return folder / "example"


def compiled(folder: Path, *given: str) -> subprocess.CompletedProcess[str]:
    """What the compiler says of the example with these sources and options."""
    command = ["gcc", *FLAGS, *SANITIZERS, "-o", "example", "main.c", *given]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def cmsis_nn(rounding: Rounding) -> tuple[str, ...]:
    """What the compiler must be given for the calls of CMSIS-NN."""
    define = ("-DCMSIS_NN_USE_SINGLE_ROUNDING",) if rounding == "single" else ()
    return (*define, f"-I{CMSIS_NN / 'Include'}", *map(str, CMSIS_NN.glob("Source/*/*.c")))


def run(example: Path) -> str:
    """What the example says about the samples beside it; it fails where any differs."""
    done = subprocess.run([example, "samples"], cwd=example.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def outputs(folder: Path) -> NDArray[np.int8]:
    """The expected outputs of all samples, [16, values]."""
    return np.stack([np.fromfile(folder / "samples" / f"output_{k}.bin", np.int8) for k in range(16)])
