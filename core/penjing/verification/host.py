"""What this machine's processor does to integer kernels, as far as a verdict must know it."""

import platform
from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")
X86 = frozenset({"x86_64", "amd64", "i386", "i686"})


def saturating_kernels(*, machine: str | None = None, cpu_info: Path = CPU_INFO) -> bool:
    """Whether 8-bit products may saturate in 16 bits here: x86 without VNNI (vpmaddubsw); unknown counts as so."""
    if (machine or platform.machine()).lower() not in X86:
        return False
    try:
        text = cpu_info.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True
    flags = {flag for line in text.splitlines() if line.startswith("flags") for flag in line.split()}
    return flags.isdisjoint({"avx512_vnni", "avx_vnni", "avx_vnni_int8"})
