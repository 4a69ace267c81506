"""Where a network looks in one example, before and after a plan: as JSON values and as a map of characters."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from penjing.catalogue.methods import methods
from penjing.cli.terminal import Terminal
from penjing.errors import UserError
from penjing.plan import Plan
from penjing.report.words import UNKNOWN

if TYPE_CHECKING:
    from penjing.cli.sources import Opened
    from penjing.inspection.input_saliency import InputSaliency

SHADES = " ░▒▓█"
WIDEST = 64


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What is told of one network."""

    chosen: int
    target: int
    score: float
    probability: float
    layer: str | None
    values: list[Any]
    """Nested by position."""


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """One example under one method."""

    method: str
    input: str
    """The one that is looked into."""
    aim: str
    """What is explained (`inspection.input_saliency.Aim`)."""
    sample: int
    split: str
    label: int | None
    classes: tuple[str, ...]
    before: Look
    after: Look | None
    """Of the network that the plan gives without training; None without a plan."""


def look(
    opened: "Opened", *, method: str, sample: int, plan: Plan | None, entry: str | None = None, number: int = 0
) -> Looked:
    """An example of the validation split (of the test split where there is none) as the networks see it.

    Raises:
        UserError: `worker.no_data`, `worker.no_such_sample`, `saliency.no_such_input`, what the plan's steps or
            `input_saliency` say.
    """
    from penjing.inspection.input_saliency import aim_of, input_saliency
    from penjing.pipeline.run import run_plan

    model, data = opened.model, opened.data
    if data is None:
        raise UserError("worker.no_data")
    name = "val" if len(data.val) else "test"
    split = data.val if len(data.val) else data.test
    if not 0 <= sample < len(split):
        raise UserError("worker.no_such_sample", index=sample, split=name, last=len(split) - 1)
    names = [one.source_name for one in model.inputs]
    if entry is not None and entry not in names:
        raise UserError("saliency.no_such_input", name=entry, found=", ".join(names))
    place, aim = 0 if entry is None else names.index(entry), aim_of(data)
    values = data.inputs(split, slice(sample, sample + 1))
    axis = (data.form, *data.others)[place].channel_axis
    target = number if aim == "number" else None
    before = input_saliency(model, values, method=method, target=target, entry=place, channel_axis=axis, aim=aim)
    after = None
    if plan is not None:
        made = run_plan(model, plan, data, training=False, measuring=False).model
        after = input_saliency(
            made, values, method=method, target=before.target, entry=place, channel_axis=axis, aim=aim
        )
    return Looked(
        method=method,
        input=names[place],
        aim=aim,
        sample=sample,
        split=name,
        label=None if split.y is None else int(split.y[sample]),
        classes=data.target_names if aim == "number" else data.classes,
        before=_look(before),
        after=None if after is None else _look(after),
    )


def show(terminal: Terminal, found: Looked) -> None:
    """The maps and what the networks choose."""
    title = methods("input_saliency")[found.method].title
    label = UNKNOWN if found.label is None else _named(found, found.label)
    heading = terminal.text("cli.input_saliency", method=title, sample=found.sample, split=found.split, label=label)
    terminal.say(f"\n{heading}")
    largest = max(float(np.abs(one.values).max(initial=0)) for one in (found.before, found.after) if one is not None)
    for code, one in (("cli.as_loaded", found.before), ("cli.with_plan", found.after)):
        if one is not None:
            chosen, share = _named(found, one.chosen), f"{100 * one.probability:.1f} %"
            said = terminal.text("cli.looks", chosen=chosen, target=_named(found, one.target), share=share)
            if found.aim != "class":
                named = _named(found, one.target) if found.aim == "number" else terminal.text("cli.error_of_input")
                said = f"{named} = {one.score:.4g}"
            terminal.say(f"{terminal.text(code)}: {said}")
            for line in drawn(np.array(one.values, dtype=np.float32), largest):
                terminal.say(line)


def drawn(values: NDArray[np.float32], largest: float) -> Iterator[str]:
    """Sizes as shades, a character each, darkest where they reach `largest`; wide maps keep each block's largest."""
    rows = np.abs(np.atleast_2d(values))
    factor = -(-rows.shape[1] // WIDEST)
    parts = np.arange(0, rows.shape[1], factor)
    rows = np.maximum.reduceat(rows, parts, axis=1)
    if len(rows) > 1:
        rows = np.maximum.reduceat(rows, np.arange(0, len(rows), factor), axis=0)
    levels = np.ceil(rows / (largest or 1.0) * (len(SHADES) - 1) - 1e-6).astype(int).clip(0, len(SHADES) - 1)
    for row in levels:
        yield "".join(SHADES[level] for level in row)


def _look(found: "InputSaliency") -> Look:
    return Look(
        chosen=found.chosen,
        target=found.target,
        score=found.score,
        probability=found.probability,
        layer=found.layer,
        values=found.values.tolist(),
    )


def _named(found: Looked, index: int) -> str:
    if index < len(found.classes):
        return found.classes[index]
    return f"#{index + 1}" if found.aim == "number" else str(index)
