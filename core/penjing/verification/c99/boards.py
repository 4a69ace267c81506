"""How code is built for each core, and the emulated board that runs it.

Memory maps: Arm's application notes AN385, AN386, AN500, AN505 and AN547; QEMU's documentation of RISC-V's `virt`. A
core without a board of its own runs where its instructions are understood: Armv6-M code on the Cortex-M3.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from penjing.devices.cores import TITLES
from penjing.verification.c99.tools import ARM, ARM_EMULATOR, RISCV, RISCV_EMULATOR

FLAGS = ("-std=c99", "-O2")
"""As the README beside exported code says; sizes and instructions are counted with these."""
_RISCV_FLAGS = (
    "-march=rv32imac",
    "-mabi=ilp32",
    "-misa-spec=2.2",
    "-ffreestanding",
    "-fbuiltin",
    "-msmall-data-limit=0",
)


@dataclass(frozen=True, kw_only=True)
class Board:
    """One core, its compiler, and the board that runs its code."""

    core: str
    compiler: tuple[str, ...]
    flags: tuple[str, ...]
    emulator: tuple[str, ...]
    machine: str
    runs_on: str | None = None
    """The name of the board's core where that is another one with the same instructions."""
    flash: int
    ram: int
    flash_size: int = 4 << 20
    ram_size: int = 4 << 20
    tick: float
    """Instructions a count of its timer: one instruction takes one nanosecond of emulated time."""

    @property
    def title(self) -> str:
        """The core's name."""
        return TITLES[self.core]


def _arm(core: str, machine: str, *, tick: float = 40.0, flash: int = 0, ram: int = 0x20000000) -> Board:
    return Board(
        core=core,
        compiler=ARM,
        flags=(f"-mcpu={core}", "-mthumb"),
        emulator=ARM_EMULATOR,
        machine=machine,
        runs_on=TITLES["cortex-m3"] if core == "cortex-m0plus" else None,
        flash=flash,
        ram=ram,
        flash_size=(512 << 10) if machine == "mps3-an547" else 4 << 20,
        ram_size=(2 << 20) if machine == "mps3-an547" else 4 << 20,
        tick=tick,
    )


BOARDS: Mapping[str, Board] = {
    board.core: board
    for board in (
        _arm("cortex-m0plus", "mps2-an385"),
        _arm("cortex-m3", "mps2-an385"),
        _arm("cortex-m4", "mps2-an386"),
        _arm("cortex-m7", "mps2-an500"),
        _arm("cortex-m33", "mps2-an505", tick=50.0, flash=0x10000000, ram=0x38000000),
        _arm("cortex-m55", "mps3-an547", tick=31.25, flash=0x10000000, ram=0x31000000),
        Board(
            core="rv32",
            compiler=RISCV,
            flags=_RISCV_FLAGS,
            emulator=RISCV_EMULATOR,
            machine="virt -bios none",
            flash=0x80000000,
            ram=0x80800000,
            tick=1.0,
        ),
    )
}
"""By core."""
assert list(BOARDS) == list(TITLES)
