"""What stands beside the C: how to build it and how to use it."""

from collections.abc import Iterator, Sequence

from penjing.exporting.c99.program import CPort, Program
from penjing.model.c_kernels.parts import Rounding

_ROUNDING = {
    "single": "once, half to even, as the screen and ONNX Runtime's int8 kernels round",
    "double": "twice, half away from zero, as TensorFlow Lite and CMSIS-NN round",
}


def build_text(name: str) -> str:
    """`CMakeLists.txt`."""
    return f"""cmake_minimum_required(VERSION 3.10)
project({name} C)
set(CMAKE_C_STANDARD 99)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()

add_library({name} STATIC {name}.c)
target_include_directories({name} PUBLIC ${{CMAKE_CURRENT_SOURCE_DIR}})

add_executable({name}_example main.c)
target_link_libraries({name}_example PRIVATE {name})

enable_testing()
add_test(NAME samples COMMAND {name}_example ${{CMAKE_CURRENT_SOURCE_DIR}}/samples)
"""


def readme_text(program: Program, name: str, rounding: Rounding) -> str:
    """`README.md`."""
    upper = name.upper()
    several = _several(program, upper)
    return f"""# {name}: a network as C99

Copy `{name}.c` and `{name}.h` into your project. They need a C99 compiler, `stdint.h` and `memcpy`; nothing is
allocated. Compile with `-O2` (`-Os` costs a multiple of the time).

```c
#include "{name}.h"

static int8_t input[{upper}_INPUT_SIZE], output[{upper}_OUTPUT_SIZE];

{name}_run(input, output);
```

- Input: {_size(program.inputs)} codes, layout `{upper}_INPUT_LAYOUT`. code = round(real / `{upper}_INPUT_SCALE`) +
  `{upper}_INPUT_ZERO_POINT`, limited to -128 .. 127. The real value is what the network was trained on, after its own
  normalization.
- Output: {_size(program.outputs)} codes. real = `{upper}_OUTPUT_SCALE` * (code - `{upper}_OUTPUT_ZERO_POINT`).
{several}- RAM: `{upper}_ARENA_SIZE` = {program.arena_size} bytes, static, plus the two buffers above and some stack.
- Flash: `{upper}_CONST_SIZE` = {program.const_size} bytes of constants, plus the code of the kernels.
- Results of layers are rounded {_ROUNDING[rounding]}.

`samples/input_K.bin` and `samples/output_K.bin` hold inputs and the answers of the integer reference, byte for byte
what the network must compute. To try them:

```
cc -std=c99 -O2 -o {name}_example main.c {name}.c && ./{name}_example samples
```
"""


def _size(ports: Sequence[CPort]) -> int:
    return sum(port.tensor.count for port in ports)


def _several(program: Program, upper: str) -> str:
    return "".join(
        line
        for side, ports in (("INPUT", program.inputs), ("OUTPUT", program.outputs))
        if len(ports) > 1
        for line in _lines(side, ports, upper)
    )


def _lines(side: str, ports: Sequence[CPort], upper: str) -> Iterator[str]:
    """Where each of several inputs or outputs stands; their own names stay out of the text."""
    yield f"- The {len(ports)} {side.lower()}s stand one after the other, each with its own scale and zero point:\n"
    for number, port in enumerate(ports):
        shape = " x ".join(str(extent) for extent in port.tensor.shape[1:])
        yield f"  {number}. from `{upper}_{side}_{number}_OFFSET` on, `{upper}_{side}_{number}_SIZE` codes ({shape}),\n"
        yield f"     `{upper}_{side}_{number}_SCALE`, `{upper}_{side}_{number}_ZERO_POINT`\n"
