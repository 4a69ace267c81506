"""What stands beside the C: how to build it and how to use it."""

from penjing.exporting.c99.program import Program
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
    return f"""# {name}: a network as C99

Copy `{name}.c` and `{name}.h` into your project. They need a C99 compiler, `stdint.h` and `memcpy`; nothing is
allocated. Compile with `-O2` (`-Os` costs a multiple of the time).

```c
#include "{name}.h"

static int8_t input[{upper}_INPUT_SIZE], output[{upper}_OUTPUT_SIZE];

{name}_run(input, output);
```

- Input: {program.input.count} codes, layout `{upper}_INPUT_LAYOUT`. code = round(real / `{upper}_INPUT_SCALE`) +
  `{upper}_INPUT_ZERO_POINT`, limited to -128 .. 127. The real value is what the network was trained on, after its own
  normalization.
- Output: {program.output.count} codes. real = `{upper}_OUTPUT_SCALE` * (code - `{upper}_OUTPUT_ZERO_POINT`).
- RAM: `{upper}_ARENA_SIZE` = {program.arena_size} bytes, static, plus the two buffers above and some stack.
- Flash: `{upper}_CONST_SIZE` = {program.const_size} bytes of constants, plus the code of the kernels.
- Results of layers are rounded {_ROUNDING[rounding]}.

`samples/input_K.bin` and `samples/output_K.bin` hold inputs and the answers of the integer reference, byte for byte
what the network must compute. To try them:

```
cc -std=c99 -O2 -o {name}_example main.c {name}.c && ./{name}_example samples
```
"""
