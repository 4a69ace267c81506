"""The same program with calls of CMSIS-NN for the layers that it computes bit for bit as the integer reference does.

CMSIS-NN takes zero points, per-channel multipliers and shifts as we do (Jacob 2018), so sums are the same; what may
differ is how they are rounded. Rounding twice is the same everywhere. Rounding once, it takes halves up where the
screen takes them to even: a layer calls it only where no sum that it can make falls on a half. Means and sums of two
tensors are rounded in other places there, softmax and tables are other functions, and packed, sparse and grouped
weights are stored otherwise: those stay with our own kernels.
"""

import dataclasses
import math
from dataclasses import dataclass

import numpy as np

from penjing.errors import UserError
from penjing.exporting.c99.program import PlacedNode, Program, program_of
from penjing.model.c_kernels.parts import CMSIS_NN, Rounding
from penjing.model.model import Model
from penjing.model.operators.c_steps import CArray, CStep
from penjing.model.operators.integer_reference import IntArray

ENDING = "_cmsis_nn"
"""Of the second source, after the network's name."""
FORMAT = "c99-cmsis-nn"
"""What that source is told as, beside the files of `c99`."""
VECTOR_CORES = frozenset({"cortex-m55"})
WORD = 4
_LARGEST = (1 << 31) - 1
_WIDEST_EXTENT = 1 << 15
"""It counts positions, and values under a filter, in 16 bits."""
_LONGEST_SHIFT = 61
_CHANNELS_AT_ONCE = 124
"""Of a depthwise convolution with vector instructions."""


@dataclass(frozen=True, kw_only=True)
class Scratch:
    """Bytes that CMSIS-NN works in, as its `get_buffer_size` functions say; the largest over versions.

    Whole words, and never none: C has no empty arrays.
    """

    vectors: int = WORD
    """With vector instructions (Cortex-M55, M85)."""
    arm_compiler: int = WORD
    other: int = WORD

    def on(self, core: str | None) -> int:
        """Those of one core, built by GCC."""
        return self.vectors if core in VECTOR_CORES else self.other


def with_cmsis_nn(program: Program, rounding: Rounding) -> Program | None:
    """The program with CMSIS-NN's calls; None where it can take no layer."""
    nodes = tuple(
        dataclasses.replace(node, steps=tuple(_taken(step, rounding) or step for step in node.steps))
        for node in program.nodes
    )
    return dataclasses.replace(program, nodes=nodes) if any(map(is_taken, nodes)) else None


def scratch_bytes(model: Model, rounding: Rounding, core: str | None) -> int:
    """Bytes of RAM that CMSIS-NN's calls in the export of a network take on a core; 0 where there are none."""
    try:
        calling = with_cmsis_nn(program_of(model), rounding)
    except UserError:  # it cannot be exported as C, and whoever exports it says so
        return 0
    return 0 if calling is None else scratch_of(calling).on(core)


def is_taken(node: PlacedNode) -> bool:
    """Whether a node calls CMSIS-NN."""
    return any(step.kernel in CMSIS_NN for step in node.steps)


def scratch_of(program: Program) -> Scratch:
    """What the calls of a program need, one after the other."""
    needs = [_scratch(step) for node in program.nodes for step in node.steps if step.kernel in CMSIS_NN]
    return Scratch(
        vectors=max((one.vectors for one in needs), default=WORD),
        arm_compiler=max((one.arm_compiler for one in needs), default=WORD),
        other=max((one.other for one in needs), default=WORD),
    )


def _taken(step: CStep, rounding: Rounding) -> CStep | None:
    """The call that computes the same; None where there is none, or where it may not be the same."""
    if step.kernel in ("conv_8bit", "conv_general_8bit"):
        return _layer(step, "cmsis_linear" if _is_matrix(step) and _is_point(step) else "cmsis_conv", rounding)
    if step.kernel == "depthwise_8bit":
        return _layer(step, "cmsis_depthwise", rounding)
    if step.kernel == "max_pool":
        dilated = any(step.fields[f"dilation_{axis}"] != 1 for axis in "hw")
        return None if dilated else CStep(kernel="cmsis_max_pool", fields=step.fields, reads=step.reads)
    return _product(step, rounding) if step.kernel == "multiply" else None


def _layer(step: CStep, kernel: str, rounding: Rounding) -> CStep | None:
    fields, arrays = step.fields, step.arrays
    depthwise = kernel == "cmsis_depthwise"
    if (not depthwise and _number(step, "groups") != 1) or "weight_zeros" in arrays or not _is_narrow(step):
        return None
    filters, zero = _number(step, "out_c"), _number(step, "in_zero")
    weights = arrays["weights"].values.astype(np.int64)
    by_filter = weights.reshape(-1, filters).T if depthwise else weights.reshape(filters, -1)
    bias = arrays["bias"].values.astype(np.int64)
    if step.kernel == "conv_8bit":
        bias = bias + zero * by_filter.sum(axis=1)  # that kernel multiplies codes as they are
    multiplier, shift = (
        np.broadcast_to(arrays[name].values.astype(np.int64), (filters,)) for name in ("multiplier", "shift")
    )
    reach = np.abs(bias) + _farthest(zero) * np.abs(by_filter).sum(axis=1)
    if not _same(reach, multiplier, shift, rounding):
        return None
    made = {"weights": arrays["weights"]}
    for name, values in (("bias", bias), ("multiplier", multiplier), ("shift", 31 - shift)):
        made[name] = CArray(type="int32_t", values=values)
    taken = {name: value for name, value in fields.items() if name not in ("per_channel", "groups")}
    return CStep(kernel=kernel, fields=taken, arrays=made, reads=step.reads)


def _product(step: CStep, rounding: Rounding) -> CStep | None:
    fields = step.fields
    if fields["count"] != fields["period"]:
        return None
    multiplier, shift = (np.asarray([_number(step, name)], np.int64) for name in ("a_multiplier", "shift"))
    reach = np.asarray([_farthest(_number(step, "a_zero")) * _farthest(_number(step, "b_zero"))])
    if not _same(reach, multiplier, shift, rounding):
        return None
    names = ("count", "a_zero", "b_zero", "out_zero", "low", "high")
    taken = {name: fields[name] for name in names} | {"multiplier": int(multiplier[0]), "shift": 31 - int(shift[0])}
    return CStep(kernel="cmsis_multiply", fields=taken, reads=step.reads)


def _same(reach: IntArray, multiplier: IntArray, shift: IntArray, rounding: Rounding) -> bool:
    """Whether sums of at most `reach` in size are rescaled to the same, without leaving int32 on the way."""
    left = np.maximum(31 - shift, 0)
    fits = all(int(size) << int(more) <= _LARGEST for size, more in zip(2 * reach, left, strict=True))
    if not fits or int(shift.max()) > _LONGEST_SHIFT or int(shift.min()) < 1:
        return False
    if rounding == "double":
        return True
    triples = zip(reach.tolist(), multiplier.tolist(), shift.tolist(), strict=True)
    return not any(may_tie(*one) or (one[0] * one[1]) >> (one[2] - 1) > _LARGEST for one in triples)


def may_tie(reach: int, multiplier: int, shift: int) -> bool:
    """Whether sum · multiplier / 2^shift is k + 1/2 for a sum of at most `reach` in size.

    That takes a sum that is an odd multiple of 2^(shift - 1 - z), where z zeros end the multiplier.
    """
    if multiplier == 0:
        return False
    zeros = (multiplier & -multiplier).bit_length() - 1
    missing = shift - 1 - zeros
    return missing >= 0 and 1 << missing <= reach


def _scratch(step: CStep) -> Scratch:
    if step.kernel in ("cmsis_conv", "cmsis_linear"):
        window = _window(step)
        if _is_matrix(step):
            return Scratch(arm_compiler=4 * _number(step, "in_c"))
        columns = 4 * _up(window, 4)
        return Scratch(vectors=4 * _up(window, 16), arm_compiler=columns, other=columns)
    if step.kernel != "cmsis_depthwise" or any(_number(step, f"dilation_{axis}") != 1 for axis in "hw"):
        return Scratch()
    taps = _number(step, "k_h") * _number(step, "k_w")
    small = (_number(step, "k_h"), _number(step, "k_w")) == (3, 3) and all(
        _number(step, f"pad_{axis}") <= 1 for axis in "hw"
    )
    columns = WORD if small else _up(2 * taps * _number(step, "in_c"), WORD)
    return Scratch(vectors=4 * _CHANNELS_AT_ONCE * taps, arm_compiler=columns, other=columns)


def _is_matrix(step: CStep) -> bool:
    """Whether a convolution is a product of matrices: one tap, no step, no padding."""
    ones = ("k_h", "k_w", "stride_h", "stride_w", "dilation_h", "dilation_w")
    return all(step.fields[name] == 1 for name in ones) and step.fields["pad_h"] == step.fields["pad_w"] == 0


def _is_point(step: CStep) -> bool:
    return step.fields["in_h"] == step.fields["in_w"] == 1


def _is_narrow(step: CStep) -> bool:
    """Whether what CMSIS-NN counts in 16 bits fits there; products of matrices count positions in 32."""
    positions = () if _is_matrix(step) else ("in_h", "in_w", "out_h", "out_w")
    counts = [_number(step, name) for name in ("in_c", "out_c", *positions)]
    return max(*counts, _window(step)) < _WIDEST_EXTENT


def _window(step: CStep) -> int:
    return math.prod(_number(step, name) for name in ("k_h", "k_w", "in_c"))


def _number(step: CStep, name: str) -> int:
    value = step.fields[name]
    assert isinstance(value, int)
    return value


def _up(count: int, to: int) -> int:
    return -(-count // to) * to


def _farthest(zero: int) -> int:
    """The largest size of a code of 8 bits about its zero point."""
    return max(128 + zero, 127 - zero)
