"""Exported C on this machine: compiled once, fed through a pipe."""

import functools
import tempfile
from pathlib import Path

from penjing.verification.c99.code import Answer, Code
from penjing.verification.c99.tools import HOST, call, tool

_DRIVER = """#include "@NAME@.h"

#include <stdio.h>

static int8_t input[@UPPER@_INPUT_SIZE], output[@UPPER@_OUTPUT_SIZE];

int main(void)
{
    while (fread(input, 1, sizeof input, stdin) == sizeof input) {
        @NAME@_run(input, output);
        fwrite(output, 1, sizeof output, stdout);
    }
    return 0;
}
"""
FLAGS = ("-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", "-pedantic")


def host_answer(code: Code) -> Answer:
    """Runs the network as this machine's own program.

    The answer raises `ToolMissing` without a compiler, RuntimeError where it does not compile or run.
    """
    program = functools.cache(lambda: _compiled(code))

    def answer(given: bytes) -> bytes:
        with tempfile.TemporaryDirectory(prefix="penjing-") as folder:
            path = Path(folder) / "network"
            path.write_bytes(program())
            path.chmod(0o700)
            return call([path], Path(folder), given=given)

    return answer


def filled(template: str, code: Code, **values: str) -> str:
    """A template about one network."""
    for key, value in {"NAME": code.name, "UPPER": code.name.upper(), **values}.items():
        template = template.replace(f"@{key}@", value)
    return template


def _compiled(code: Code) -> bytes:
    compiler = tool(HOST)
    with tempfile.TemporaryDirectory(prefix="penjing-") as folder:
        driver = Path(folder) / "driver.c"
        driver.write_text(filled(_DRIVER, code), encoding="ascii")
        include = f"-I{code.source.parent.resolve()}"
        call([compiler, *FLAGS, include, driver, code.source.resolve(), "-o", "network"], Path(folder))
        return (Path(folder) / "network").read_bytes()
