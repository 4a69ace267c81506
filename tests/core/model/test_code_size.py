"""The kernels' code sizes are those of the kernels that there are, by the compiler that they name."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from penjing.devices.cores import TITLES
from penjing.model.c_kernels import code_size
from penjing.model.c_kernels.parts import PARTS
from penjing.verification.c99.boards import BOARDS
from penjing.verification.c99.tools import ToolMissing, tool, version

SCRIPT = Path(__file__).parents[3] / "packaging" / "measure_kernels.py"


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("measure_kernels", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_that_the_sizes_were_measured_on_these_kernels() -> None:
    assert code_size.is_current(), "run packaging/measure_kernels.py"


@pytest.mark.parametrize("core", TITLES)
def test_that_every_kernel_has_a_size_on_every_core(core: str) -> None:
    for part in PARTS.values():
        if part.struct:
            assert 0 < code_size.code_bytes(core, [part.name]) < 8192, part.name
    together, apart = ["conv_8bit", "depthwise_8bit"], code_size.code_bytes(core, ["conv_8bit"])
    # What both need is there once.
    assert apart < code_size.code_bytes(core, together) < apart + code_size.code_bytes(core, ["depthwise_8bit"])


def test_that_measuring_again_gives_what_is_kept() -> None:
    board = BOARDS["cortex-m4"]
    try:
        if version(tool(board.compiler)) != code_size.compiler(board.core):
            pytest.skip("another compiler")
    except ToolMissing:
        pytest.skip("no cross compiler")
    module = script()
    kernels = [PARTS[name] for name in ("conv_8bit", "depthwise_4bit", "mean_pool", "softmax")]
    found = module.part_sizes(board, tool(board.compiler), kernels)
    for name, size in found.items():
        assert size == module.kept()["cores"][board.core]["parts"].get(name, 0), name
