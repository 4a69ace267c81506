"""What stands beside the C about its inputs: `NAME_input.h` makes values codes, the README says the rest."""

from collections.abc import Iterator

from penjing.exporting.c99.program import Program
from penjing.exporting.intake import Intake

ENDING = "_input.h"

_ROUND = """
/* To the nearest code, halves to even, as the network was measured. */
static inline int8_t {name}_to_code(float real, float scale, int32_t zero_point)
{{
    const float wide = real / scale;
    if (!(wide < (float)(127 - zero_point))) /* what is no number, too: no such float is made an integer */
        return 127;
    if (wide <= (float)(-128 - zero_point))
        return -128;
    int32_t code = (int32_t)wide;
    const float rest = wide - (float)code;
    if (rest > 0.5f || (rest == 0.5f && code % 2 != 0))
        code++;
    else if (rest < -0.5f || (rest == -0.5f && code % 2 != 0))
        code--;
    return (int8_t)(code + zero_point);
}}
"""


def intake_header(name: str, program: Program, intake: Intake) -> str:
    """`NAME_input.h`: for every input its mean and std as constants and a function that makes a value a code."""
    upper = name.upper()
    text = f"""/* How values become the codes that {name}_run takes: code((value - mean) / std). See README.md. */
#ifndef {upper}_INPUT_H
#define {upper}_INPUT_H

#include "{name}.h"
"""
    if intake.settings:
        text += "\n/* Of the log-mel spectrogram that goes in; README.md tells it in full. */\n"
        text += "".join(f"#define {upper}_{key} {_literal(value)}\n" for key, value in intake.settings.items())
    text += _ROUND.format(name=name)
    for own, mean, std in _inputs(program, intake):
        lower = own.lower()
        text += f"""
#define {upper}_{own}_CHANNELS {max(len(mean), len(std))} /* 1: one mean and std for all channels */
static const float {name}_{lower}_mean[{len(mean)}] = {{{", ".join(map(_float, mean))}}};
static const float {name}_{lower}_std[{len(std)}] = {{{", ".join(map(_float, std))}}};

static inline int8_t {name}_{lower}_code(float value, int channel)
{{
    const float mean = {name}_{lower}_mean[{"channel" if len(mean) > 1 else "0"}];
    const float std = {name}_{lower}_std[{"channel" if len(std) > 1 else "0"}];
    (void)channel;
    return {name}_to_code((value - mean) / std, {upper}_{own}_SCALE, {upper}_{own}_ZERO_POINT);
}}
"""
    return text + "\n#endif\n"


def intake_text(name: str, program: Program, intake: Intake | None) -> str:
    """The README's part about what goes in and what comes out; names from files stand in a block of plain text."""
    if intake is None:
        return ""
    upper = name.upper()
    calls = "\n".join(
        f"- `{name}_{own.lower()}_code(value, channel)` makes a value the code of `{upper}_{own}`: "
        f"(value - {_listed(mean)}) / {_listed(std)}, then scale and zero point."
        for own, mean, std in _inputs(program, intake)
    )
    told = "\n".join(_plain(sentence) for sentence in intake.told) or "Values as the data have them."
    classes = "".join(f"output {number}: {_plain(one)}\n" for number, one in enumerate(intake.classes[:1000]))
    if classes and sum(port.tensor.count for port in program.outputs) == 1:
        sides = zip(("up to", "above"), (intake.classes[0], intake.classes[-1]), strict=True)
        classes = "".join(f"{side} {intake.border:g}: {_plain(one)}\n" for side, one in sides)
    meaning = f"\nWhat the output says:\n\n```text\n{classes}```\n" if classes else ""
    return f"""
## What goes in

Whoever runs the network does to values what was done to the data that it was measured on:

```text
{told}
```

`{name}{ENDING}` has the numbers, and the last step as functions:

{calls}
{meaning}"""


def _inputs(program: Program, intake: Intake) -> Iterator[tuple[str, tuple[float, ...], tuple[float, ...]]]:
    """(INPUT or INPUT_0 …, mean, std)."""
    several = len(program.inputs) > 1
    for place, (mean, std) in enumerate(zip(intake.means, intake.stds, strict=True)):
        yield f"INPUT_{place}" if several else "INPUT", mean, std


def _literal(value: float) -> str:
    return str(value) if isinstance(value, int) else _float(value)


def _float(value: float) -> str:
    shown = f"{value:.9g}"
    return f"{shown}f" if "." in shown or "e" in shown else f"{shown}.0f"


def _listed(values: tuple[float, ...]) -> str:
    shown = ", ".join(f"{value:.9g}" for value in values[:8])
    return shown if len(values) == 1 else f"[{shown}{', …' if len(values) > 8 else ''}]"


def _plain(text: str) -> str:
    """One line that ends no block of text."""
    return " ".join(text.split()).replace("```", "'''")
