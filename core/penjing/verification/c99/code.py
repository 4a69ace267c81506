"""Exported C as a network: what its header says, real values to the bytes it reads, and back."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from penjing.compression.integer_graph import Codes
from penjing.exporting.c99.cmsis_nn import ENDING
from penjing.exporting.c99.samples import stored
from penjing.model.c_kernels.parts import Rounding

Answer = Callable[[bytes], bytes]
"""Inputs one after the other to outputs one after the other, all of them int8."""
_MACRO = re.compile(
    r'^#define [A-Z0-9_]+?_((?:INPUT|OUTPUT|ARENA|CONST)_[A-Z0-9_]+|ROUNDING) \(?\s*"?([^")\s]+)', re.MULTILINE
)


@dataclass(frozen=True, kw_only=True)
class Code:
    """The C of one network."""

    source: Path
    macros: Mapping[str, str]
    name: str
    """The identifier of the network."""
    calls_cmsis_nn: bool = False

    @property
    def header(self) -> Path:
        """Its header."""
        return self.source.with_name(f"{self.name}.h")

    @property
    def rounding(self) -> Rounding:
        """How it rounds; C of the first versions does not say and rounds once."""
        return "double" if self.macros.get("ROUNDING") == "double" else "single"

    def number(self, macro: str) -> int:
        """A macro of the header that is a whole number."""
        return int(self.macros[macro])

    def run(self, inputs: Sequence[Tensor], answer: Answer) -> tuple[Tensor, ...]:
        """Real results [n, values] each, as C lays them, of real inputs [n, …], one tensor a network input."""
        given = self.given(inputs)
        found = np.frombuffer(answer(given.tobytes()), np.int8).reshape(len(given), self.number("OUTPUT_SIZE"))
        results, offset = [], 0
        for side, size in self._ports("OUTPUT"):
            codes = self._codes(side)
            part = found[:, offset : offset + size].astype(np.int64) - codes.zero_point
            results.append(torch.from_numpy(codes.decode(part)))
            offset += size
        return tuple(results)

    def given(self, inputs: Sequence[Tensor]) -> NDArray[np.int8]:
        """What the network reads, [n, values], of real inputs.

        Raises:
            ValueError: It reads more, or fewer.
        """
        ports = self._ports("INPUT")
        if len(ports) != len(inputs):
            raise ValueError(f"{len(inputs)} inputs instead of {len(ports)}")
        pairs = zip(ports, inputs, strict=True)
        given = np.hstack(
            [
                # C of the first versions does not tell its axes: it has the channels last.
                stored(self._codes(side), one.numpy().astype(np.float32), self.macros.get(f"{side}_AXES"))
                for (side, _), one in pairs
            ]
        )
        if given.shape[1] != self.number("INPUT_SIZE"):
            raise ValueError(f"inputs of {given.shape[1]} values instead of {self.number('INPUT_SIZE')}")
        return given

    def _ports(self, side: str) -> list[tuple[str, int]]:
        """How the macros of each input or result begin, and its size."""
        several: list[tuple[str, int]] = []
        while f"{side}_{len(several)}_SIZE" in self.macros:
            named = f"{side}_{len(several)}"
            several.append((named, self.number(f"{named}_SIZE")))
        return several or [(side, self.number(f"{side}_SIZE"))]

    @property
    def output_axes(self) -> tuple[str | None, ...]:
        """By result the file's axes in the order in which they lie; None in C of the first versions: channels last."""
        return tuple(self.macros.get(f"{side}_AXES") for side, _ in self._ports("OUTPUT"))

    def _codes(self, side: str) -> Codes:
        scale = np.float32(self.macros[f"{side}_SCALE"].rstrip("f"))
        return Codes(scale=scale, zero_point=self.number(f"{side}_ZERO_POINT"), bits=8)


def read_code(source: Path, *, calls_cmsis_nn: bool = False) -> Code:
    """The C beside whose source its header lies; a source that calls CMSIS-NN has an ending of its own.

    Raises:
        OSError: A file is missing.
    """
    name = source.stem.removesuffix(ENDING) if calls_cmsis_nn else source.stem
    header = source.with_name(f"{name}.h").read_text(encoding="utf-8")
    return Code(source=source, macros=dict(_MACRO.findall(header)), name=name, calls_cmsis_nn=calls_cmsis_nn)
