"""Measures what every kernel of the generated C takes of flash on every core, and keeps it as data.

    python packaging/measure_kernels.py [CORE ...]

Writes `core/penjing/model/c_kernels/code_size.json`: for each core the compiler that built it, the bytes of every
part's functions as the linker places them, what each kernel draws from the compiler's own library, and what one more
call costs. Kernels are functions that the compiler neither merges nor tailors to a caller, so their sizes add up. Run
it after a kernel or a compiler has changed; a core whose compiler is not installed keeps what it has.
"""

import argparse
import json
import random
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from penjing.model.c_kernels import text
from penjing.model.c_kernels.code_size import FILE, fingerprint
from penjing.model.c_kernels.parts import PARTS, STRUCTS, Part, parts
from penjing.verification.c99.board import linked
from penjing.verification.c99.boards import BOARDS, FLAGS, Board
from penjing.verification.c99.code import Code
from penjing.verification.c99.tools import ToolMissing, call, tool, version

CALLS = 12
"""So many more calls of one kernel say what one costs."""
_POINTERS = frozenset(
    {
        *("weights", "weight_zeros", "bias", "table", "factors", "offsets"),
        *("input_multiplier", "state_multiplier", "argument_shift", "state_bias"),
    }
)
_SCALES = frozenset({"multiplier", "shift"})
_SCALED = frozenset({"conv", "pool", "scaled"})
"""Structs whose multipliers and shifts are arrays."""
_FROM_LIBRARY = re.compile(r"^ \.(?:text|rodata)\S*\s+0x\w+\s+0x(\w+)\s+\S*libgcc\.a\((\S+)\)", re.MULTILINE)
_FROM_LIBRARY_LONG = re.compile(r"^ \.(?:text|rodata)\S*\n\s+0x\w+\s+0x(\w+)\s+\S*libgcc\.a\((\S+)\)", re.MULTILINE)


def main(arguments: list[str] | None = None) -> int:
    """Measures, writes, and tells which cores were left as they are."""
    parser = argparse.ArgumentParser(prog="measure_kernels", description=__doc__.splitlines()[0])
    parser.add_argument("cores", nargs="*", metavar="CORE", help=f"one of {', '.join(BOARDS)}; all without")
    given = parser.parse_args(arguments)
    known = kept()
    for core in given.cores or BOARDS:
        try:
            known["cores"][core] = measured(BOARDS[core])
        except ToolMissing as missing:
            print(f"{core}: {missing.tool} is not installed ({missing.packages})", file=sys.stderr)
    known = {
        "made_by": "packaging/measure_kernels.py",
        "flags": " ".join(FLAGS),
        "kernels": fingerprint(),
        "cores": {core: known["cores"][core] for core in BOARDS if core in known["cores"]},
    }
    FILE.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    return 0


def kept() -> Any:
    """What is known so far."""
    return json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {"cores": {}}


def measured(board: Board) -> dict[str, object]:
    """Everything about one core.

    Raises:
        ToolMissing: Its compiler is not there.
    """
    compiler = tool(board.compiler)
    kernels = [part for part in PARTS.values() if part.struct]
    sizes = part_sizes(board, compiler, kernels)
    one, two = PARTS["requantize"], PARTS["add"]
    with tempfile.TemporaryDirectory(prefix="penjing-") as name:
        folder = Path(name)
        library = {part.name: drawn for part in kernels if (drawn := _library(folder, board, compiler, [part]))}
        start = _run(folder, board, compiler, [one])
        more = (_run(folder, board, compiler, [one] * (1 + CALLS)) - start) / CALLS
        both = (_run(folder, board, compiler, [one] + [two] * CALLS) - start) / CALLS
    return {
        "compiler": version(compiler),
        "flags": " ".join(board.flags),
        "parts": {name: size for name, size in sizes.items() if size},
        "library": library,
        "run": start - round(more),
        "call": round(more, 1),
        "call_with_two": round(both, 1),
    }


def part_sizes(board: Board, compiler: str, kernels: Sequence[Part]) -> dict[str, int]:
    """Bytes by part of a program that calls these kernels; functions begin at multiples of 4 bytes, or else of 2."""
    with tempfile.TemporaryDirectory(prefix="penjing-") as name:
        symbols = _symbols(_built(Path(name), board, compiler, kernels), compiler)
    needed = parts(part.name for part in kernels)
    functions = {one for part in needed for one in part.functions} & symbols.keys()
    step = 4 if all(symbols[one][0] % 4 == 0 for one in functions) else 2
    sizes = {one: -(-symbols[one][1] // step) * step for one in functions}
    return {part.name: sum(sizes.get(one, 0) for one in part.functions) for part in needed}


def _built(folder: Path, board: Board, compiler: str, kernels: Sequence[Part]) -> Path:
    """`network.elf` of a program that calls these kernels one after the other."""
    source = folder / "all.c"
    chance = random.Random(0)
    places = [16 * chance.randrange(4000) for _ in range(4)]
    nodes, calls = "", ""
    for number, kernel in enumerate(kernels):
        name = f"n{number}"
        nodes += text.struct_text(name, kernel.name, _values(kernel, number))
        reads = [text.place(chance.choice(places)) for _ in range(2 if _reads_two(kernel) else 1)]
        calls += text.call_text(name, kernel.name, reads, text.place(chance.choice(places)))
    written = text.source_text(
        "all",
        kernels=[kernel.name for kernel in kernels],
        nodes=nodes,
        calls=calls,
        entry=text.input_text("all", text.place(places[0])),
        output=text.output_text("all", text.place(places[1])),
        rounding="single",
    )
    source.write_text(written, encoding="ascii")
    macros = {"INPUT_SIZE": 4096, "OUTPUT_SIZE": 1024, "ARENA_SIZE": 65536}
    source.with_suffix(".h").write_text(text.header_text("all", macros=macros), encoding="ascii")
    linked(folder, Code(source=source, macros={}, name=source.stem), board, compiler)
    return folder / "network.elf"


def _reads_two(kernel: Part) -> bool:
    """Whether its calls name two places that it reads: two tensors, or one and its own memory."""
    return kernel.name in ("add", "multiply", "product") or kernel.struct == "recurrent"


def _values(kernel: Part, number: int) -> dict[str, text.Value]:
    """Parameters that say nothing."""
    assert kernel.struct is not None
    values: dict[str, text.Value] = {field: 7 + number + place for place, field in enumerate(STRUCTS[kernel.struct])}
    for field in values:
        if field in _POINTERS or (field in _SCALES and kernel.struct in _SCALED):
            values[field] = "(const void *)65536"
        elif kernel.struct == "move":
            values[field] = (2,) * 6
    return values


def _symbols(program: Path, compiler: str) -> dict[str, tuple[int, int]]:
    """(address, size) by the name of a function or constant."""
    said = call([compiler.replace("gcc", "nm"), "-S", program], program.parent).decode()
    rows = [line.split() for line in said.splitlines()]
    return {row[3]: (int(row[0], 16), int(row[1], 16)) for row in rows if len(row) == 4 and row[2] in "tTrR"}


def _run(folder: Path, board: Board, compiler: str, kernels: Sequence[Part]) -> int:
    """Bytes of the function that makes these calls."""
    return _symbols(_built(folder, board, compiler, kernels), compiler)["all_run"][1]


def _library(folder: Path, board: Board, compiler: str, kernels: Sequence[Part]) -> dict[str, int]:
    """Bytes by member of the compiler's library that these kernels need, directly or not."""
    _built(folder, board, compiler, kernels)
    objects = [compiler, *board.flags, "-nostdlib", "-T", "board.ld", "board.o", "network.o", "-lgcc"]
    call([*objects, "-o", "mapped.elf", "-Wl,-Map,map.txt"], folder)
    said = (folder / "map.txt").read_text(encoding="utf-8")
    said = said[said.index("Linker script and memory map") :]
    found: dict[str, int] = {}
    for pattern in (_FROM_LIBRARY, _FROM_LIBRARY_LONG):
        for size, member in pattern.findall(said):
            if int(size, 16):
                found[member] = found.get(member, 0) + int(size, 16)
    return dict(sorted(found.items()))


if __name__ == "__main__":
    raise SystemExit(main())
