"""The C that generated programs are made of: kernels, what they need, and the structs that carry their parameters.

Torch-free: the estimate counts the very text that the export writes.

>>> [part.name for part in parts(["clamp"])]
['clamped', 'clamp']
"""

import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal

Rounding = Literal["single", "double"]
Kernels = Literal["generated", "cmsis-nn"]
"""What computes exported C: its own kernels alone, or beside them a second source that calls CMSIS-NN where it can."""

STORED_BITS = (2, 4, 8)
"""Widths in which weights are stored; others take the next."""

_PLACED = re.compile(r"^(?:KERNEL [^(]*?(\w+)\(|static const \w+ (\w+)\[)", re.MULTILINE)
_CONV = (
    "weights weight_zeros bias multiplier shift per_channel in_h in_w in_c out_h out_w out_c k_h k_w "
    "stride_h stride_w pad_h pad_w dilation_h dilation_w groups in_zero out_zero low high"
)
_POOL = (
    "multiplier shift per_window in_h in_w channels out_h out_w k_h k_w "
    "stride_h stride_w pad_h pad_w dilation_h dilation_w in_zero out_zero low high"
)
_LAYER = (
    "weights bias multiplier shift in_h in_w in_c out_h out_w out_c k_h k_w "
    "stride_h stride_w pad_h pad_w dilation_h dilation_w in_zero out_zero low high"
)
_RESIZE = (
    "multiplier shift in_h in_w channels out_h out_w step_h start_h whole_h step_w start_w whole_w sharp "
    "in_zero out_zero low high"
)
_LOG_SOFTMAX = "table multiplier shift rows classes step down out_zero low high"
_PRODUCT = "multiplier shift matrices rows inner columns a_zero b_zero out_zero low high"
_NORM = (
    "factors offsets multiplier shift outer groups inner run channels epsilon epsilon_shift fraction down "
    "in_zero out_zero low high"
)
_RECURRENT = (
    "weights weight_zeros input_multiplier state_multiplier argument_shift bias state_bias multiplier shift "
    "per_channel steps features hidden last reverse in_zero out_zero low high"
)
_CMSIS_POOL = "in_h in_w channels out_h out_w k_h k_w stride_h stride_w pad_h pad_w low high"
STRUCTS: Mapping[str, tuple[str, ...]] = {
    "conv": tuple(_CONV.split()),
    "pool": tuple(_POOL.split()),
    "join": tuple(
        [
            "a_multiplier",
            "b_multiplier",
            "b_sign",
            "shift",
            "count",
            "period",
            "a_zero",
            "b_zero",
            "out_zero",
            "low",
            "high",
        ]
    ),
    "place": tuple(["multiplier", "shift", "runs", "run", "stride", "offset", "in_zero", "out_zero", "low", "high"]),
    "scaled": tuple(
        [
            "weights",
            "bias",
            "multiplier",
            "shift",
            "per_channel",
            "count",
            "channels",
            "in_zero",
            "out_zero",
            "low",
            "high",
        ]
    ),
    "clamp": ("count", "low", "high"),
    "requantize": tuple(["multiplier", "shift", "count", "in_zero", "out_zero", "low", "high"]),
    "lookup": ("table", "count", "first"),
    "rows": ("table", "count", "rows", "width", "in_zero"),
    "log_softmax": tuple(_LOG_SOFTMAX.split()),
    "softmax": tuple(["table", "rows", "classes", "out_zero", "low", "high"]),
    "move": ("extent", "stride"),
    "resize": tuple(_RESIZE.split()),
    "product": tuple(_PRODUCT.split()),
    "norm": tuple(_NORM.split()),
    "recurrent": tuple(_RECURRENT.split()),
    "pad": tuple(["mode", "in_h", "in_w", "in_c", "out_h", "out_w", "out_c", "top", "left", "front", "zero"]),
    "cmsis_layer": tuple(_LAYER.split()),
    "cmsis_pool": tuple(_CMSIS_POOL.split()),
    "cmsis_product": tuple(["multiplier", "shift", "count", "a_zero", "b_zero", "out_zero", "low", "high"]),
}
"""Fields of every struct, in the order of the C."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One piece of C: a kernel that layers call, or what such a kernel needs."""

    name: str
    """Of its function, or of what it is about."""
    file: str
    needs: tuple[str, ...] = ()
    struct: str | None = None
    """The struct a kernel takes; None for what layers do not call."""
    bits: int | None = None
    """Stands for @BITS@ in the file."""

    @property
    def functions(self) -> tuple[str, ...]:
        """Those of its functions that stay functions of their own, and its tables."""
        return tuple(name or table for name, table in _PLACED.findall(self.text()))

    def text(self, rounding: Rounding = "single") -> str:
        """Its C."""
        return _read(self.file.replace("@ROUNDING@", rounding)).replace("@BITS@", str(self.bits))


@functools.cache
def _read(file: str) -> str:
    return files(__package__).joinpath(f"{file}.c").read_text(encoding="utf-8")


def _table() -> Mapping[str, Part]:
    made = [
        Part(name="clamped", file="clamped"),
        Part(name="rescale", file="rescale_@ROUNDING@"),
        Part(name="rescale_sum", file="rescale_sum"),
        Part(name="weight_8bit", file="weight_8bit"),
        Part(name="weight_4bit", file="weight_4bit"),
        Part(name="weight_2bit", file="weight_2bit"),
        *(Part(name=f"dot_{bits}bit", file=f"dot_{bits}bit", needs=(f"weight_{bits}bit",)) for bits in (4, 2)),
        Part(name="dot_8bit", file="dot_8bit", needs=("weight_8bit",)),
        Part(name="conv", file="conv", needs=("clamped", "rescale")),
        Part(name="pool", file="pool", needs=("clamped",)),
        Part(name="join", file="join", needs=("clamped",)),
        Part(name="window", file="window", needs=("conv",)),
        *(
            Part(name=f"filter_{bits}bit", file="filter", needs=("window", f"dot_{bits}bit"), bits=bits)
            for bits in (8, 4, 2)
        ),
        Part(name="fours", file="fours"),
        Part(name="dot4", file="dot4", needs=("window", "fours")),
        Part(name="two_windows", file="two_windows"),
        Part(name="dot2x2", file="dot2x2", needs=("dot4", "two_windows")),
        Part(name="conv_8bit", file="conv_8bit", needs=("dot2x2", "filter_8bit"), struct="conv"),
        *(
            Part(name=f"conv_{bits}bit", file="conv_packed", needs=(f"filter_{bits}bit",), struct="conv", bits=bits)
            for bits in (4, 2)
        ),
        *(
            Part(name=f"{kind}_{bits}bit", file=kind, needs=("conv", f"weight_{bits}bit"), struct="conv", bits=bits)
            for kind, bits in (("depthwise", 4), ("depthwise", 2), *(("conv_general", bits) for bits in (8, 4, 2)))
        ),
        Part(name="over", file="over"),
        *(
            Part(
                name=f"conv_transpose_{bits}bit",
                file="conv_transpose",
                needs=("conv", "over", f"weight_{bits}bit"),
                struct="conv",
                bits=bits,
            )
            for bits in (8, 4, 2)
        ),
        Part(name="conv_sparse", file="conv_sparse", needs=("window", "two_windows"), struct="conv"),
        Part(name="depthwise_8bit", file="depthwise_8bit", needs=("window", "fours"), struct="conv"),
        Part(name="max_pool", file="max_pool", needs=("pool",), struct="pool"),
        Part(name="mean_pool", file="mean_pool", needs=("pool", "rescale"), struct="pool"),
        Part(name="add", file="add", needs=("join", "rescale_sum"), struct="join"),
        Part(name="multiply", file="multiply", needs=("join", "rescale"), struct="join"),
        Part(name="place", file="place", needs=("clamped", "rescale_sum"), struct="place"),
        Part(name="channelwise", file="channelwise", needs=("clamped", "rescale")),
        Part(name="scaled", file="scaled", needs=("channelwise",), struct="scaled"),
        Part(name="prelu", file="prelu", needs=("channelwise",), struct="scaled"),
        Part(name="clamp", file="clamp", needs=("clamped",), struct="clamp"),
        Part(name="requantize", file="requantize", needs=("clamped", "rescale"), struct="requantize"),
        Part(name="lookup", file="lookup", struct="lookup"),
        Part(name="softmax", file="softmax", needs=("clamped",), struct="softmax"),
        Part(name="log_softmax", file="log_softmax", needs=("clamped", "rescale"), struct="log_softmax"),
        Part(name="rows", file="rows", struct="rows"),
        Part(name="move", file="move", struct="move"),
        Part(name="pad", file="pad", struct="pad"),
        Part(name="resize", file="resize", needs=("clamped", "rescale"), struct="resize"),
        Part(name="product", file="product", needs=("clamped", "rescale"), struct="product"),
        Part(name="norm", file="norm", needs=("clamped", "rescale"), struct="norm"),
        Part(name="tanh", file="tanh"),
        Part(name="recurrent", file="recurrent", needs=("clamped", "rescale", "tanh")),
        *(
            Part(name=f"gate_{bits}bit", file="gate", needs=("recurrent", f"weight_{bits}bit"), bits=bits)
            for bits in (8, 4, 2)
        ),
        *(
            Part(name=f"{cell}_{bits}bit", file=cell, needs=(f"gate_{bits}bit",), struct="recurrent", bits=bits)
            for cell in ("lstm", "gru", "rnn")
            for bits in (8, 4, 2)
        ),
    ]
    return {part.name: part for part in made}


PARTS = _table()
"""Our own kernels and what they need."""
_NEEDS = ("cmsis_nn", "cmsis_layer")
CMSIS_NN: Mapping[str, Part] = {
    part.name: part
    for part in (
        Part(name="cmsis_nn", file="cmsis_nn_@ROUNDING@"),
        Part(name="cmsis_layer", file="cmsis_layer"),
        Part(name="cmsis_conv", file="cmsis_conv", needs=_NEEDS, struct="cmsis_layer"),
        Part(name="cmsis_linear", file="cmsis_linear", needs=(*_NEEDS, "cmsis_conv"), struct="cmsis_layer"),
        Part(name="cmsis_depthwise", file="cmsis_depthwise", needs=_NEEDS, struct="cmsis_layer"),
        Part(name="cmsis_max_pool", file="cmsis_max_pool", needs=("cmsis_nn",), struct="cmsis_pool"),
        Part(name="cmsis_multiply", file="cmsis_multiply", needs=("cmsis_nn",), struct="cmsis_product"),
    )
}
"""Calls of CMSIS-NN; whoever compiles them brings the library."""
_EVERY: Mapping[str, Part] = {**CMSIS_NN, **PARTS}


def parts(kernels: Iterable[str]) -> tuple[Part, ...]:
    """The kernels and everything they need, each after what it needs."""
    wanted: set[str] = set()
    open_ = list(kernels)
    while open_:
        name = open_.pop()
        if name not in wanted:
            wanted.add(name)
            open_.extend(_EVERY[name].needs)
    return tuple(part for name, part in _EVERY.items() if name in wanted)


def fields_of(kernel: str) -> tuple[str, tuple[str, ...]]:
    """The struct that a kernel takes, and its fields in the order of the C."""
    struct = _EVERY[kernel].struct
    assert struct is not None
    return struct, STRUCTS[struct]


def stored_width(bits: int) -> int:
    """The width at which weights of so many bits (at most 8) are stored."""
    return next(width for width in STORED_BITS if width >= bits)
