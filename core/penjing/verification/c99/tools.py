"""The compilers and the emulator that the ladder uses, and what to install where one is missing."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

SECONDS = 120.0
HOST, CROSS, EMULATOR = ("cc", "gcc", "clang"), ("arm-none-eabi-gcc",), ("qemu-system-arm",)
_PACKAGES = {HOST: "gcc libc6-dev", CROSS: "gcc-arm-none-eabi libnewlib-arm-none-eabi", EMULATOR: "qemu-system-arm"}


class ToolMissing(Exception):  # noqa: N818 (it is no error: the rung says what to install)
    """A rung cannot be climbed on this machine."""

    def __init__(self, tool: str, packages: str) -> None:
        super().__init__(tool)
        self.tool, self.packages = tool, packages


def tool(names: tuple[str, ...]) -> str:
    """The path of the first of some programs that is installed.

    Raises:
        ToolMissing: None is.
    """
    for name in names:
        if found := shutil.which(name):
            return found
    raise ToolMissing(names[0], _PACKAGES[names])


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
