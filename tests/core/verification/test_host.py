"""Which processors saturate 8-bit products."""

from pathlib import Path

import pytest

from penjing.verification.host import saturating_kernels


@pytest.mark.parametrize(
    ("machine", "flags", "saturates"),
    [
        ("x86_64", "fpu sse2 avx2", True),
        ("x86_64", "fpu avx2 avx512f avx512_vnni", False),
        ("AMD64", "avx2 avx_vnni", False),
        ("aarch64", "asimd", False),
    ],
)
def test_that_x86_without_vnni_saturates(tmp_path: Path, machine: str, flags: str, saturates: bool) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text(f"processor : 0\nflags\t\t: {flags}\n")
    assert saturating_kernels(machine=machine, cpu_info=info) is saturates


def test_that_an_unknown_x86_counts_as_saturating(tmp_path: Path) -> None:
    assert saturating_kernels(machine="x86_64", cpu_info=tmp_path / "missing")
