"""The compilers and the emulators that the ladder uses, and what to install where one is missing."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

SECONDS = 120.0
HOST = ("cc", "gcc", "clang")
ARM, ARM_EMULATOR = ("arm-none-eabi-gcc",), ("qemu-system-arm",)
RISCV, RISCV_EMULATOR = ("riscv64-unknown-elf-gcc", "riscv32-unknown-elf-gcc"), ("qemu-system-riscv32",)
_PACKAGES = {
    HOST: "gcc libc6-dev",
    ARM: "gcc-arm-none-eabi libnewlib-arm-none-eabi",
    ARM_EMULATOR: "qemu-system-arm",
    RISCV: "gcc-riscv64-unknown-elf",
    RISCV_EMULATOR: "qemu-system-misc",
}


class ToolMissing(Exception):  # noqa: N818 (it is no error: the rung says what to install)
    """A rung cannot be climbed on this machine."""

    def __init__(self, tool: str, packages: str, *, told: str = "tool_missing") -> None:
        super().__init__(tool)
        self.tool, self.packages = tool, packages
        self.told = told
        """The message that says how to get it."""


def tool(names: tuple[str, ...]) -> str:
    """The path of the first of some programs that is installed.

    Raises:
        ToolMissing: None is.
    """
    return tools(names)[0]


def tools(*wanted: tuple[str, ...]) -> list[str]:
    """The path of each of several programs, any of whose names will do.

    Raises:
        ToolMissing: Some are not installed; it names all of them.
    """
    found = [next(filter(None, map(shutil.which, names)), None) for names in wanted]
    missing = [names for names, path in zip(wanted, found, strict=True) if path is None]
    if missing:
        packages = " ".join(_PACKAGES[names] for names in missing)
        raise ToolMissing(", ".join(names[0] for names in missing), packages)
    return [path for path in found if path is not None]


def version(compiler: str) -> str:
    """Name and version of a compiler of the GCC family."""
    return f"{Path(compiler).name} {call([compiler, '-dumpfullversion'], Path()).decode().strip()}"


def call(command: Sequence[str | Path], folder: Path, *, given: bytes = b"") -> bytes:
    """What a program prints.

    Raises:
        RuntimeError: It failed, with the end of what it said, or took too long.
    """
    try:
        done = subprocess.run(command, cwd=folder, input=given, capture_output=True, timeout=SECONDS)
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"{Path(command[0]).name} took more than {SECONDS:.0f} s") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()[-500:]
        raise RuntimeError(f"{Path(command[0]).name} ended with {done.returncode}: {said}")
    return done.stdout
