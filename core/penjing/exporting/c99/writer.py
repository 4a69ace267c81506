"""The `c99` format: a folder with a network as C that needs nothing but a compiler.

>>> from penjing.exporting.export import export_model
>>> export_model(quantized, folder, format="c99")    # doctest: +SKIP
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from penjing.exporting.c99.cmsis_nn import ENDING, scratch_of, with_cmsis_nn
from penjing.exporting.c99.documents import build_text, readme_text
from penjing.exporting.c99.intake import ENDING as INTAKE
from penjing.exporting.c99.intake import intake_header, intake_text
from penjing.exporting.c99.program import program_of
from penjing.exporting.c99.samples import COUNT, write_code_samples
from penjing.exporting.c99.source import header_of, source_of
from penjing.exporting.export import Request, register
from penjing.exporting.intake import Intake
from penjing.exporting.samples import random_inputs
from penjing.model.c_kernels import text
from penjing.model.c_kernels.parts import Kernels, Rounding
from penjing.model.model import Model


@register("c99")
def write_c99(request: Request) -> tuple[Path, ...]:
    """NAME_c99/: NAME.c, NAME.h, main.c, CMakeLists.txt, README.md, samples/.

    With data there is NAME_input.h, too, and NAME_cmsis_nn.c if it is asked for.
    """
    name = text.program_name(request.name)
    folder = request.path("_c99")
    return write_program(
        request.model,
        folder,
        name,
        inputs=request.samples,
        intake=request.intake,
        rounding=request.rounding,
        kernels=request.kernels,
    )


def write_program(
    model: Model,
    folder: Path,
    name: str,
    *,
    inputs: Sequence[Tensor] = (),
    intake: Intake | None = None,
    rounding: Rounding = "single",
    kernels: Kernels = "generated",
) -> tuple[Path, ...]:
    """The files of a network under the identifier `name`, the one that carries it first.

    Args:
        model: Quantized all through.
        folder: Where they go; it is made if it is not there.
        name: A C identifier.
        inputs: Real inputs [n, …] for the samples, one tensor a network input; random ones fill up to 16.
        intake: What has to be done to inputs; with it NAME_input.h is written, too.
        rounding: `single` rounds as the screen does; `double` as TensorFlow Lite and CMSIS-NN do.
        kernels: With `cmsis-nn` a second source stands beside the first, unless that library can take no layer.

    Raises:
        UserError: What `program_of` says.
    """
    program = program_of(model)
    calling = with_cmsis_nn(program, rounding) if kernels == "cmsis-nn" else None
    folder.mkdir(exist_ok=True)
    written = {
        f"{name}.c": source_of(program, name, model.source_names, rounding=rounding),
        f"{name}.h": header_of(program, name, rounding=rounding),
        "main.c": text.example_text(name),
        "CMakeLists.txt": build_text(name, calling is not None, rounding),
        "README.md": readme_text(program, name, rounding, kernels, calling, model.source_names)
        + intake_text(name, program, intake),
    }
    if intake is not None:
        written[f"{name}{INTAKE}"] = intake_header(name, program, intake)
    if calling is not None:
        before = text.scratch_text(**dataclasses.asdict(scratch_of(calling)))
        written[f"{name}{ENDING}.c"] = source_of(calling, name, model.source_names, rounding=rounding, before=before)
    for file, content in written.items():
        # Code is ASCII whatever names the file has; the README quotes columns and classes as they are called.
        (folder / file).write_bytes(content.encode("utf-8" if file.endswith(".md") else "ascii"))
    samples = write_code_samples(folder / "samples", program, _sixteen(model, inputs), rounding=rounding)
    return (*(folder / file for file in written), *samples)


def _sixteen(model: Model, inputs: Sequence[Tensor]) -> list[Tensor]:
    made = random_inputs(model, COUNT)
    if not inputs:
        return list(made)
    pairs = zip(inputs, made, strict=True)
    return [torch.cat([one[:COUNT].float(), other[len(one[:COUNT]) :]]) for one, other in pairs]
