"""Exported C on an emulated Cortex-M4: bit-exactness, instructions, stack, and what the linker needs of flash."""

import struct
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import Any

from penjing.verification.c99.code import Answer, Code
from penjing.verification.c99.host import filled
from penjing.verification.c99.tools import CROSS, EMULATOR, call, tool

SAMPLES = 4
"""An emulated board is slow; so many show whether it computes the same."""
NANOSECONDS_A_TICK = 40
"""SysTick of the emulated board runs at 25 MHz; one instruction takes one nanosecond there."""
_CPU = ("-mcpu=cortex-m4", "-mthumb", "-std=c99", "-O2")
_MEMORY = {"FLASH": "0x00000000", "RAM": "0x20000000", "RAM_SIZE": "4M"}
_QEMU = (
    "-M mps2-an386 -nographic -monitor none -serial none -semihosting-config enable=on,target=native -icount shift=0"
)


def board_answer(code: Code, notes: list[tuple[str, dict[str, Any]]]) -> Answer:
    """Runs the network on the board; every answer replaces `notes` (message code, values) by what was counted.

    The answer raises `ToolMissing` without compiler or emulator, RuntimeError where it does not compile or run.
    """

    def answer(given: bytes) -> bytes:
        compiler, emulator = tool(CROSS), tool(EMULATOR)
        with tempfile.TemporaryDirectory(prefix="penjing-") as name:
            folder = Path(name)
            for file in ("board.c", "board.ld"):
                text = files(__package__).joinpath(file).read_text(encoding="ascii")
                (folder / file).write_text(filled(text, code, **_MEMORY), encoding="ascii")
            (folder / "input.bin").write_bytes(given)
            include = f"-I{code.source.parent.resolve()}"
            call([compiler, *_CPU, include, "-c", code.source.resolve(), "-o", "network.o"], folder)
            # Its memcpy must not become a call of memcpy.
            plain = (include, "-fno-tree-loop-distribute-patterns")
            call([compiler, *_CPU, *plain, "-c", "board.c", "-o", "board.o"], folder)
            objects = ("board.o", "network.o")
            call([compiler, *_CPU, "-nostdlib", "-T", "board.ld", *objects, "-lgcc", "-o", "network.elf"], folder)
            call([emulator, *_QEMU.split(), "-kernel", "network.elf"], folder)
            runs, ticks, stack = struct.unpack("<3I", (folder / "report.bin").read_bytes())
            counted = round(ticks * NANOSECONDS_A_TICK / max(runs, 1))
            notes[:] = [("board", {"instructions": f"{counted:,}", "stack": stack})]
            return (folder / "output.bin").read_bytes()

    return answer
