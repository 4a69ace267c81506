"""Exported C that hands out what every layer computes: the same calls, each followed by a copy of what it wrote.

The copy of the source is compiled and run as the source is, on the host or on a board, so what parts it from the screen
is found where it happens.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from penjing.exporting.c99.program import PlacedNode, Program
from penjing.model.c_kernels import text
from penjing.verification.c99.code import Answer, Code, read_code


@dataclass(frozen=True, kw_only=True)
class Tapped:
    """A network whose result is every layer's, one after the other."""

    code: Code
    nodes: tuple[PlacedNode, ...]
    """Those that compute anything, in order."""

    def run(self, inputs: Sequence[Tensor], answer: Answer) -> list[NDArray[np.int64]]:
        """By node what it computed: codes [n, values], in the order of its values as torch flattens them."""
        given = self.code.given(inputs)
        found = np.frombuffer(answer(given.tobytes()), np.int8).reshape(len(given), -1).astype(np.int64)
        tensors, start = [], 0
        for placed in self.nodes:
            part = found[:, start : start + placed.result.count]
            codes = np.empty_like(part)
            codes[:, placed.result.order] = part
            tensors.append(codes)
            start += placed.result.count
        return tensors


def tapped(code: Code, program: Program, folder: Path) -> Tapped | None:
    """The tapped copy in a folder; None where the source does not make the program's calls.

    Raises:
        OSError: The source cannot be read.
    """
    source = code.source.read_text(encoding="ascii")
    upper, start = code.name.upper(), source.rindex(f"void {code.name}_run(")
    head, body = source[:start], source[start:]
    nodes = []
    for index, placed in enumerate(program.nodes):
        if not placed.steps:
            continue
        named = re.escape(text.node_name(index, placed.node.layers[0]))
        calls = list(re.finditer(rf"^.*\(&{named}(_\d+)?, .*\);\n", body, re.MULTILINE))
        if len(calls) != len(placed.steps):
            return None
        count = placed.result.count
        tap = f"    memcpy(output, {text.place(placed.writes)}, {count});\n    output += {count};\n"
        body = body[: calls[-1].end()] + tap + body[calls[-1].end() :]
        nodes.append(placed)
    # Results of their own go where they always went, after everything else.
    total = sum(placed.result.count for placed in nodes) + code.number("OUTPUT_SIZE")
    size = f"{upper}_OUTPUT_SIZE"
    body = re.sub(rf"\b{size}\b", str(code.number("OUTPUT_SIZE")), body)
    header = code.header.read_text(encoding="ascii")
    header = re.sub(rf"^#define {size} .*$", f"#define {size} ({total})", header, flags=re.MULTILINE)
    path = folder / code.source.name
    path.write_text(head + body, encoding="ascii")
    (folder / code.header.name).write_text(header, encoding="ascii")
    return Tapped(code=read_code(path, calls_cmsis_nn=code.calls_cmsis_nn), nodes=tuple(nodes))
