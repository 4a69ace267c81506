"""What the kernels of generated C take of flash by core: measured with the linker, kept in `code_size.json`.

Torch-free. `packaging/measure_kernels.py` makes the data and tells how.

>>> code_bytes("cortex-m4", ["clamp"]) < code_bytes("cortex-m4", ["clamp", "conv_8bit"])
True
"""

import functools
import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from penjing.model.c_kernels.parts import PARTS, fields_of, parts

FILE = Path(__file__).with_name("code_size.json")
WORD = 4
"""Bytes of a pointer, and of every number in a struct, on the cores that there are; arrays begin at whole words."""
_WORDS: Mapping[str, int] = {"move": 12}
"""Of structs that hold arrays."""


def code_bytes(core: str, kernels: Iterable[str]) -> int:
    """Bytes of these kernels with everything they need."""
    return _code_bytes(core, frozenset(kernels))


@functools.lru_cache(maxsize=512)
def _code_bytes(core: str, wanted: frozenset[str]) -> int:
    table = _table()["cores"][core]
    members: dict[str, int] = {}
    for kernel in wanted:
        members |= table["library"].get(kernel, {})
    return int(sum(table["parts"].get(part.name, 0) for part in parts(wanted)) + sum(members.values()))


def run_bytes(core: str, reads: Iterable[int]) -> int:
    """Bytes of the function that makes calls of so many inputs each."""
    table = _table()["cores"][core]
    return int(table["run"] + sum(table["call" if count == 1 else "call_with_two"] for count in reads))


def struct_bytes(kernel: str) -> int:
    """Bytes of the parameters of one call."""
    struct, fields = fields_of(kernel)
    return WORD * _WORDS.get(struct, len(fields))


def compiler(core: str) -> str:
    """Name and version of the compiler that built what was measured."""
    return str(_table()["cores"][core]["compiler"])


def is_current() -> bool:
    """Whether the kernels are still those that were measured."""
    return bool(_table()["kernels"] == fingerprint())


def fingerprint() -> str:
    """Of the text of all kernels."""
    told = "".join(part.text() for part in PARTS.values())
    return hashlib.sha256(told.encode()).hexdigest()[:16]


@functools.cache
def _table() -> Any:
    return json.loads(FILE.read_text(encoding="utf-8"))
