"""Exported C on an emulated board: bit-exactness, instructions, stack, and what the linker needs of flash and RAM."""

import struct
import tempfile
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from penjing.verification.c99 import cmsis_nn
from penjing.verification.c99.boards import FLAGS, Board
from penjing.verification.c99.code import Answer, Code
from penjing.verification.c99.host import filled
from penjing.verification.c99.tools import ToolMissing, call, tools

SAMPLES = 4
"""An emulated board is slow; so many show whether it computes the same."""
_EMULATOR = "-nographic -monitor none -serial none -semihosting-config enable=on,target=native -icount shift=0"
_STRING_H = """/* For compilers that come without a C library. */
#include <stddef.h>

void *memcpy(void *to, const void *from, size_t count);
void *memset(void *to, int value, size_t count);
size_t strlen(const char *text);
"""


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What a board found beside the results."""

    instructions: int
    """An inference, on average."""
    stack: int
    """Bytes, at most."""
    flash: int
    """Bytes of constants and code, without memcpy, as linked."""
    arena: int
    """Bytes of its static memory."""


@dataclass(kw_only=True)
class BoardRun:
    """One network on one board; `counts` are those of the last answer."""

    board: Board
    counts: Counts | None = None

    def answer(self, code: Code) -> Answer:
        """Runs the network; the answer raises `ToolMissing`, or RuntimeError where it does not compile or run."""

        def answer(given: bytes) -> bytes:
            compiler, emulator = tools(self.board.compiler, self.board.emulator)
            with tempfile.TemporaryDirectory(prefix="penjing-") as name:
                folder = Path(name)
                linked(folder, code, self.board, compiler)
                (folder / "input.bin").write_bytes(given)
                call(
                    [emulator, "-M", *self.board.machine.split(), *_EMULATOR.split(), "-kernel", "network.elf"], folder
                )
                runs, ticks, stack, flash, arena = struct.unpack("<5I", (folder / "report.bin").read_bytes())
                instructions = round(ticks * self.board.tick / max(runs, 1))
                self.counts = Counts(instructions=instructions, stack=stack, flash=flash, arena=arena)
                return (folder / "output.bin").read_bytes()

        return answer


def linked(folder: Path, code: Code, board: Board, compiler: str) -> None:
    """`network.elf` in a folder, with what it is made of.

    Raises:
        RuntimeError: It does not compile.
        ToolMissing: The emulated board is too small for it.
    """
    sizes = {"FLASH_SIZE": hex(board.flash_size), "RAM_SIZE": hex(board.ram_size)}
    for file in ("board.c", "board.ld"):
        text = files(__package__).joinpath(file).read_text(encoding="ascii")
        text = filled(text, code, FLASH=hex(board.flash), RAM=hex(board.ram), **sizes)
        (folder / file).write_text(text, encoding="ascii")
    options = [*board.flags, *FLAGS, f"-I{code.source.parent.resolve()}"]
    options += cmsis_nn.options(code.rounding) if code.calls_cmsis_nn else []
    if "-ffreestanding" in board.flags:
        (folder / "string.h").write_text(_STRING_H, encoding="ascii")
        options += ["-I."]
    call([compiler, *options, "-c", code.source.resolve(), "-o", "network.o"], folder)
    # Its memcpy must not become a call of memcpy.
    call([compiler, *options, "-fno-tree-loop-distribute-patterns", "-c", "board.c", "-o", "board.o"], folder)
    objects = ["board.o", "network.o"]
    if code.calls_cmsis_nn:
        objects.append(cmsis_nn.archived(folder, compiler, [*board.flags, *FLAGS[1:]], code.rounding))
    try:
        call([compiler, *board.flags, "-nostdlib", "-T", "board.ld", *objects, "-lgcc", "-o", "network.elf"], folder)
    except RuntimeError as error:
        if "overflowed by" not in str(error):
            raise
        sizes_told = f"{board.flash_size >> 10} + {board.ram_size >> 10}"
        raise ToolMissing(board.title, sizes_told, told="too_large") from error
