"""The text of a generated program, piece by piece, and how long each piece is without writing it.

Numbers stand in columns, so that the length of a piece follows from what it is about and not from its values.

>>> array_bytes("bias", "int32_t", 20) == len(array_text("bias", "int32_t", range(20)))
True
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from penjing.model.c_kernels.parts import Rounding, fields_of, parts

_WIDTH = {"int8_t": 4, "uint8_t": 4, "int32_t": 11}
_A_LINE = {"int8_t": 20, "uint8_t": 20, "int32_t": 8}
_INDENT = "    "
# fmt: off
_TAKEN = frozenset(
    (
        "main", "stdint", "stdio", "string", "stddef", "limits", "assert", "ctype", "errno", "float", "iso646",
        "locale", "math", "setjmp", "signal", "stdarg", "stdbool", "stdlib", "tgmath", "time", "wchar", "wctype",
        "complex", "fenv", "inttypes", "board", "driver", "network", "input", "output", "arena", "memory",
    )
)
# fmt: on
LAYOUTS: Mapping[int, str] = {2: "NC", 3: "NLC", 4: "NHWC"}
"""By the number of axes, batch included."""
_LONGEST_NAME, _LONGEST_COMMENT = 24, 48

_KERNEL = """/* A KERNEL stays a function of its own, one for all its layers, with its small parts INSIDE it:
   so the code is small, and of the same size in every network. */
#if defined(__clang__) || !defined(__GNUC__)
#define KERNEL static
#define INSIDE static inline
#elif __GNUC__ < 8
#define KERNEL static __attribute__((noinline, noclone))
#define INSIDE static inline
#else
#define KERNEL static __attribute__((noipa))
#define INSIDE static inline __attribute__((always_inline))
#endif
"""

Value = int | str | Sequence[int]
"""A number, the name of an array, or several numbers."""


def c_name(name: str) -> str:
    """A C identifier from a name that may be anything."""
    safe = re.sub(r"[^A-Za-z0-9_]", "_", name)[:_LONGEST_NAME] or "model"
    return f"n{safe}" if safe[0].isdigit() else safe


def program_name(name: str) -> str:
    """The identifier of a network, after which its files are called, too: none that C or its headers have.

    >>> program_name("stdint"), program_name("模型")
    ('net_stdint', 'model')
    """
    safe = c_name(name).strip("_") or "model"
    return f"net_{safe}" if safe.lower() in _TAKEN else safe


def c_comment(text: str) -> str:
    """Text that can stand in a comment and cannot close it, however it was meant."""
    return re.sub(r"[^A-Za-z0-9_ .,:()+-]", "_", text[:_LONGEST_COMMENT])


def node_name(index: int, layer: str) -> str:
    """The identifier of a node of the network."""
    return f"n{index:02d}_{c_name(layer)}"


def node_comment(layers: Iterable[str], kind: str, shape: Sequence[int]) -> str:
    """The line above a node's constants: the file's own names of its layers, its operator, what it makes."""
    named = ", ".join(c_comment(layer) for layer in layers)
    return f"/* {named}: {kind}, {' x '.join(str(extent) for extent in shape[1:])} */\n"


def array_text(name: str, type: str, values: Sequence[int] | range) -> str:
    """One array of constants."""
    form = "0x{:02x}," if type == "uint8_t" else f"{{:{_WIDTH[type]}d}},"
    written = [form.format(int(value)) for value in values]
    lines = [_INDENT + "".join(written[at : at + _A_LINE[type]]) + "\n" for at in range(0, len(written), _A_LINE[type])]
    return f"{_array_head(name, type, len(written))}{''.join(lines)}}};\n"


def array_bytes(name: str, type: str, count: int) -> int:
    """The length of `array_text`."""
    lines = -(-count // _A_LINE[type])
    return len(_array_head(name, type, count)) + count * (_WIDTH[type] + 1) + lines * (len(_INDENT) + 1) + 3


def _array_head(name: str, type: str, count: int) -> str:
    return f"static const {type} {name}[{count}] = {{\n"


def struct_text(name: str, kernel: str, values: Mapping[str, Value]) -> str:
    """The parameters of one call; a field without a value is 0."""
    struct, fields = fields_of(kernel)
    width = max(len(field) for field in fields)
    lines = [f"{_INDENT}.{field:{width}} = {_value(values.get(field, 0))},\n" for field in fields]
    return f"static const struct {struct} {name} = {{\n{''.join(lines)}}};\n"


def _value(value: Value) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return f"{value:11d}"
    return "{" + ",".join(f"{one:11d}" for one in value) + "}"


def place(offset: int) -> str:
    """An address in the arena."""
    return f"arena + {offset:7d}"


def call_text(name: str, kernel: str, reads: Sequence[str], writes: str) -> str:
    """One call."""
    return f"{_INDENT}{kernel}(&{name}, {', '.join((*reads, writes))});\n"


def source_text(
    name: str,
    *,
    kernels: Iterable[str],
    nodes: str,
    calls: str,
    entry: str,
    output: str,
    rounding: Rounding,
    before: str = "",
) -> str:
    """The whole `NAME.c`; `before` stands above the kernels."""
    upper = name.upper()
    code = "\n".join(part.text(rounding) for part in parts(kernels))
    return (
        f"/* The network {name}: kernels, constants, then the calls layer by layer. Generated by Penjing.\n"
        f"   Images lie as [height][width][channels], signals as [length][channels]; filters the same. */\n"
        f'#include "{name}.h"\n\n#include <string.h>\n\n{before}{_KERNEL}\n{code}\n{nodes}\n'
        f"static int32_t memory[{upper}_ARENA_SIZE / 4];\n#define arena ((int8_t *)memory)\n\n"
        f"void {name}_run(const int8_t *input, int8_t *output)\n{{\n"
        f"{entry}{calls}{output}}}\n"
    )


@dataclass(frozen=True, kw_only=True)
class Port:
    """An input or a result, as the header tells it."""

    size: int
    scale: float
    zero_point: int
    layout: str
    axes: str
    """Of the file's tensor, in the order in which they lie."""


def port_macros(side: Literal["INPUT", "OUTPUT"], ports: Sequence[Port]) -> dict[str, int | float | str]:
    """What the header defines about all inputs or results; where there are several also about each."""
    first = ports[0]
    found: dict[str, int | float | str] = {f"{side}_SIZE": sum(port.size for port in ports)}
    found |= {f"{side}_SCALE": first.scale, f"{side}_ZERO_POINT": first.zero_point}
    found |= {"INPUT_LAYOUT": first.layout} if side == "INPUT" else {}
    found |= {f"{side}_AXES": first.axes}
    offset = 0
    for number, port in enumerate(ports if len(ports) > 1 else ()):
        about = {"OFFSET": offset, "SIZE": port.size, "SCALE": port.scale, "ZERO_POINT": port.zero_point}
        found |= {f"{side}_{number}_{key}": value for key, value in about.items()}
        found |= {f"INPUT_{number}_LAYOUT": port.layout} if side == "INPUT" else {}
        found |= {f"{side}_{number}_AXES": port.axes}
        offset += port.size
    return found


def input_text(name: str, target: str, number: int | None = None) -> str:
    """How what is given enters the arena; `number` is that of the input where there are several."""
    return f"{_INDENT}memcpy({target}, {given(name, 'input', number)}, {_size(name, 'INPUT', number)});\n"


def output_text(name: str, source: str, number: int | None = None) -> str:
    """How a result leaves the arena."""
    return f"{_INDENT}memcpy({given(name, 'output', number)}, {source}, {_size(name, 'OUTPUT', number)});\n"


def given(name: str, side: Literal["input", "output"], number: int | None = None) -> str:
    """Where the caller's values of an input or a result begin."""
    return side if number is None else f"{side} + {name.upper()}_{side.upper()}_{number}_OFFSET"


def numbered(name: str, number: int | None) -> str:
    """An identifier, one of several where there are."""
    return name if number is None else f"{name}_{number}"


def _size(name: str, side: str, number: int | None) -> str:
    return f"{name.upper()}_{side}_SIZE" if number is None else f"{name.upper()}_{side}_{number}_SIZE"


def scratch_text(*, vectors: int, arm_compiler: int, other: int) -> str:
    """The RAM that CMSIS-NN works in: with vector instructions, as Arm's own compiler builds it, and else."""
    sizes = (("#if defined(__ARM_FEATURE_MVE)", vectors), ("#elif defined(__ARMCC_VERSION)", arm_compiler))
    lines = [f"{test}\n#define SCRATCH_SIZE {size}\n" for test, size in (*sizes, ("#else", other))]
    return (
        f"/* CMSIS-NN works in so many bytes of RAM, beside the arena. */\n{''.join(lines)}#endif\n"
        "static int32_t scratch[SCRATCH_SIZE / 4];\n\n"
    )


def header_text(name: str, *, macros: Mapping[str, int | float | str]) -> str:
    """The whole `NAME.h`."""
    upper = name.upper()
    defined = "".join(f"#define {upper}_{key} {_macro(value)}\n" for key, value in macros.items())
    return (
        f"/* The network {name}, int8 in and out: real value = SCALE * (code - ZERO_POINT). Generated by Penjing.\n"
        f"   SIZE counts values; ARENA_SIZE (RAM) and CONST_SIZE (weights, biases, scales, tables) count bytes. */\n"
        f"#ifndef {upper}_H\n#define {upper}_H\n\n#include <stdint.h>\n\n{defined}\n"
        f"/* One inference. It keeps nothing between calls, but its arena is shared: one call at a time. */\n"
        f"void {name}_run(const int8_t *input, int8_t *output);\n\n#endif\n"
    )


def _macro(value: float | str) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    return f"({value:9d})" if isinstance(value, int) else f"{value:.9e}f"


def example_text(name: str) -> str:
    """`main.c`: runs the samples and compares, on a computer with files."""
    upper = name.upper()
    return f"""/* Runs the network {name} on its samples: ./{name}_example samples */
#include "{name}.h"

#include <stdio.h>
#include <string.h>

static int8_t input[{upper}_INPUT_SIZE], output[{upper}_OUTPUT_SIZE], wanted[{upper}_OUTPUT_SIZE];

static int read_codes(const char *folder, const char *kind, int number, int8_t *codes, size_t count)
{{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s_%d.bin", folder, kind, number);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return 0;
    const size_t found = fread(codes, 1, count, file);
    fclose(file);
    return found == count;
}}

int main(int argc, char **argv)
{{
    const char *folder = argc > 1 ? argv[1] : "samples";
    int samples = 0, wrong = 0;
    while (read_codes(folder, "input", samples, input, sizeof input) &&
           read_codes(folder, "output", samples, wanted, sizeof wanted)) {{
        {name}_run(input, output);
        wrong += memcmp(output, wanted, sizeof output) != 0;
        samples++;
    }}
    printf("%d samples, %d differ\\n", samples, wrong);
    return samples == 0 || wrong != 0;
}}
"""
