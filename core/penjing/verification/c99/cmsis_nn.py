"""CMSIS-NN as the user has it, to try exported C that calls it: nothing of it is part of Penjing."""

import os
from collections.abc import Sequence
from pathlib import Path

from penjing.model.c_kernels.parts import Rounding
from penjing.verification.c99.tools import ToolMissing, call

VARIABLE = "PENJING_CMSIS_NN"
"""The environment variable with CMSIS-NN's folder: `Include` and `Source` are in it."""
_HEADER = "arm_nnfunctions.h"
_PARTS = (
    "BasicMathFunctions",
    "ConvolutionFunctions",
    "FullyConnectedFunctions",
    "NNSupportFunctions",
    "PoolingFunctions",
)
_FLOATS = ("_f16", "_f32")


def options(rounding: Rounding) -> list[str]:
    """What a compiler is told about it.

    Raises:
        ToolMissing: No folder is given, or it is not CMSIS-NN's.
    """
    defines = ["-DCMSIS_NN_USE_SINGLE_ROUNDING"] if rounding == "single" else []
    return ["-isystem", str(_folder() / "Include"), *defines]


def archived(folder: Path, compiler: str, flags: Sequence[str], rounding: Rounding) -> str:
    """The name of an archive in a folder: all that calls may need, of which the linker takes what they do.

    Raises:
        ToolMissing: As `options`.
        RuntimeError: It does not compile.
    """
    sources = [path for part in _PARTS for path in sorted((_folder() / "Source" / part).glob("*.c"))]
    sources = [path for path in sources if not path.stem.endswith(_FLOATS)]
    built = folder / "cmsis_nn"
    built.mkdir()
    call([compiler, *flags, "-std=gnu11", "-w", *options(rounding), "-c", *sources], built)
    archiver = f"{compiler.removesuffix('gcc')}ar"
    call([archiver, "rcs", "cmsis_nn.a", *sorted(built.glob("*.o"))], folder)
    return "cmsis_nn.a"


def is_here() -> bool:
    """Whether a folder of CMSIS-NN is given."""
    given = os.environ.get(VARIABLE)
    return bool(given) and (Path(str(given)) / "Include" / _HEADER).is_file()


def _folder() -> Path:
    if not is_here():
        raise ToolMissing("CMSIS-NN", VARIABLE, told="cmsis_nn_missing")
    return Path(os.environ[VARIABLE]).resolve()
