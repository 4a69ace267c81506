"""Exported C as a network: what its header says, real values to the bytes it reads, and back."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from penjing.compression.integer_graph import Codes
from penjing.exporting.c99.samples import stored

Answer = Callable[[bytes], bytes]
"""Inputs one after the other to outputs one after the other, all of them int8."""
_MACRO = re.compile(r'^#define [A-Z0-9_]+?_((?:INPUT|OUTPUT|ARENA|CONST)_[A-Z_]+) \(?\s*"?([^")\s]+)', re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Code:
    """The C of one network."""

    source: Path
    macros: Mapping[str, str]

    @property
    def name(self) -> str:
        """The identifier of the network."""
        return self.source.stem

    def number(self, macro: str) -> int:
        """A macro of the header that is a whole number."""
        return int(self.macros[macro])

    def run(self, inputs: Tensor, answer: Answer) -> Tensor:
        """Real results [n, values], channels last, of real inputs [n, …]."""
        given = stored(self._codes("INPUT"), inputs.numpy().astype(np.float32))
        if given.shape[1] != self.number("INPUT_SIZE"):
            raise ValueError(f"inputs of {given.shape[1]} values instead of {self.number('INPUT_SIZE')}")
        found = np.frombuffer(answer(given.tobytes()), np.int8).reshape(len(given), self.number("OUTPUT_SIZE"))
        codes = self._codes("OUTPUT")
        return torch.from_numpy(codes.decode(found.astype(np.int64) - codes.zero_point))

    def _codes(self, side: str) -> Codes:
        scale = np.float32(self.macros[f"{side}_SCALE"].rstrip("f"))
        return Codes(scale=scale, zero_point=self.number(f"{side}_ZERO_POINT"), bits=8)


def read_code(source: Path) -> Code:
    """The C beside whose source its header lies.

    Raises:
        OSError: A file is missing.
    """
    return Code(source=source, macros=dict(_MACRO.findall(source.with_suffix(".h").read_text(encoding="utf-8"))))
