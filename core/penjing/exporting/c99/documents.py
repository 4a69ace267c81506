"""What stands beside the C: how to build it and how to use it."""

from collections.abc import Iterator, Mapping, Sequence

from penjing.exporting.c99.cmsis_nn import ENDING, is_taken, scratch_of
from penjing.exporting.c99.program import CPort, Program
from penjing.model.c_kernels.parts import Kernels, Rounding
from penjing.model.c_kernels.text import c_comment

_ROUNDING = {
    "single": "once, half to even, as the screen and ONNX Runtime's int8 kernels round",
    "double": "twice, half away from zero, as TensorFlow Lite and CMSIS-NN round",
}


_SINGLE = "-DCMSIS_NN_USE_SINGLE_ROUNDING"


def build_text(name: str, has_calls: bool, rounding: Rounding) -> str:
    """`CMakeLists.txt`; `has_calls`: there is a second source that calls CMSIS-NN."""
    library = _library(name, rounding) if has_calls else f"add_library({name} STATIC {name}.c)\n"
    return f"""cmake_minimum_required(VERSION 3.10)
project({name} C)
set(CMAKE_C_STANDARD 99)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()

{library}target_include_directories({name} PUBLIC ${{CMAKE_CURRENT_SOURCE_DIR}})

add_executable({name}_example main.c)
target_link_libraries({name}_example PRIVATE {name})

enable_testing()
add_test(NAME samples COMMAND {name}_example ${{CMAKE_CURRENT_SOURCE_DIR}}/samples)
"""


def _library(name: str, rounding: Rounding) -> str:
    """The library with CMSIS-NN's calls, where its folder is given: all that the calls need is built along."""
    define = "CMSIS_NN_USE_SINGLE_ROUNDING" if rounding == "single" else ""
    return f"""
# CMSIS-NN's own folder, with Include/ and Source/ in it.
set(CMSIS_NN_DIR "" CACHE PATH "Where CMSIS-NN lies: the network calls it")
if(CMSIS_NN_DIR)
  add_library({name} STATIC {name}{ENDING}.c)
  file(GLOB CMSIS_NN_SOURCES "${{CMSIS_NN_DIR}}/Source/ConvolutionFunctions/*.c"
    "${{CMSIS_NN_DIR}}/Source/NNSupportFunctions/*.c" "${{CMSIS_NN_DIR}}/Source/PoolingFunctions/*.c"
    "${{CMSIS_NN_DIR}}/Source/BasicMathFunctions/*.c" "${{CMSIS_NN_DIR}}/Source/FullyConnectedFunctions/*.c")
  list(FILTER CMSIS_NN_SOURCES EXCLUDE REGEX "_f(16|32)\\.c$")
  add_library({name}_cmsis_nn STATIC ${{CMSIS_NN_SOURCES}})
  set_target_properties({name}_cmsis_nn PROPERTIES C_STANDARD 11 C_EXTENSIONS ON)
  target_include_directories({name}_cmsis_nn SYSTEM PUBLIC "${{CMSIS_NN_DIR}}/Include")
  target_compile_definitions({name}_cmsis_nn PUBLIC {define})
  target_link_libraries({name} PRIVATE {name}_cmsis_nn)
else()
  add_library({name} STATIC {name}.c)
endif()
"""


def readme_text(
    program: Program,
    name: str,
    rounding: Rounding,
    kernels: Kernels = "generated",
    calling: Program | None = None,
    source_names: Mapping[str, str] | None = None,
) -> str:
    """`README.md`; `calling` is the program of the second source, where there is one."""
    upper = name.upper()
    calls = "" if kernels == "generated" else _calls(name, rounding, calling, source_names or {})
    several = _several(program, upper)
    return f"""# {name}: a network as C99

Copy `{name}.c` and `{name}.h` into your project. They need a C99 compiler, `stdint.h`, `memcpy` and `memset`; nothing
is allocated. Compile with `-O2` (`-Os` costs a multiple of the time).

```c
#include "{name}.h"

static int8_t input[{upper}_INPUT_SIZE], output[{upper}_OUTPUT_SIZE];

{name}_run(input, output);
```

- Input: {_size(program.inputs)} codes, layout `{upper}_INPUT_LAYOUT`; `{upper}_INPUT_AXES` are the axes
  of the network's file in the order in which they lie. code = round(real / `{upper}_INPUT_SCALE`) +
  `{upper}_INPUT_ZERO_POINT`, limited to -128 .. 127. The real value is what the network was trained on, after its own
  normalization.
- Output: {_size(program.outputs)} codes, axes `{upper}_OUTPUT_AXES`.
  real = `{upper}_OUTPUT_SCALE` * (code - `{upper}_OUTPUT_ZERO_POINT`).
{several}- RAM: `{upper}_ARENA_SIZE` = {program.arena_size} bytes, static, plus the two buffers above and some stack.
- Flash: `{upper}_CONST_SIZE` = {program.const_size} bytes of constants, plus the code of the kernels.
- Results of layers are rounded {_ROUNDING[rounding]}.

`samples/input_K.bin` and `samples/output_K.bin` hold inputs and the answers of the integer reference, byte for byte
what the network must compute. To try them:

```
cc -std=c99 -O2 -o {name}_example main.c {name}.c && ./{name}_example samples
```
{calls}"""


def _calls(name: str, rounding: Rounding, calling: Program | None, source_names: Mapping[str, str]) -> str:
    """How to use CMSIS-NN, and which layers do."""
    if calling is None:
        return "\n## CMSIS-NN\n\nIt computes none of these layers bit for bit, so no source calls it.\n"
    scratch, nodes = scratch_of(calling), [node for node in calling.nodes if node.steps]
    by, own = (
        [_named(node.node.layers, source_names) for node in nodes if is_taken(node) is wanted]
        for wanted in (True, False)
    )
    kept = (
        "- Own kernels, where CMSIS-NN has no function that is sure to give the same: {}.\n".format("; ".join(own))
        if own
        else ""
    )
    flag = f"with `{_SINGLE}`" if rounding == "single" else f"without `{_SINGLE}`"
    return f"""
## With CMSIS-NN

`{name}{ENDING}.c` is the same network, bit for bit, with calls of CMSIS-NN 6.1 or later, which is not part of this
folder. Compile it instead of `{name}.c`, with CMSIS-NN's `Include` in the path, and link the library; both must be
built {flag}, which the source checks. Or give its folder to CMake:

```
cmake -DCMSIS_NN_DIR=/path/to/CMSIS-NN -B build && cmake --build build
```

- CMSIS-NN: {"; ".join(by)}.
{kept}- RAM: {scratch.other} bytes more, in which CMSIS-NN works ({scratch.vectors} with vector instructions, as on a
  Cortex-M55; {scratch.arm_compiler} with Arm's compiler). A version that needs more computes nothing.
- Flash: {calling.const_size} bytes of constants, plus the code of CMSIS-NN.
"""


def _named(layers: Sequence[str], source_names: Mapping[str, str]) -> str:
    return ", ".join(c_comment(source_names.get(layer, layer)) for layer in layers)


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
