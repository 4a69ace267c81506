"""The card of a data set as tables of the command line."""

from collections.abc import Mapping
from typing import Any

import msgspec

from penjing.assets import phrase
from penjing.catalogue.metrics import TASKS, metric, metric_name
from penjing.cli.terminal import Terminal
from penjing.cli.words import count
from penjing.report.words import shown
from penjing.results import DataCard


def as_json(card: DataCard, terminal: Terminal) -> Mapping[str, Any]:
    """The card as `inspect` says it: `preparation` in words."""
    how = metric(card.metric)
    facts = msgspec.to_builtins(card)
    facts["cautions"] = [terminal.text(note.code, **note.values) for note in card.cautions]
    facts["preparation"] = [terminal.text(note.code, **note.values) for note in card.preparation]
    facts["metric_name"] = metric_name(how, terminal.language)
    facts["better"] = "higher" if how.higher else "lower"
    return facts  # type: ignore[no-any-return]


def show(terminal: Terminal, card: DataCard) -> None:
    """Prints it."""
    task = terminal.text(TASKS.get(card.task, TASKS["unlabelled"]))
    told = [
        (terminal.text("cli.data.metric"), f"{task}, {metric_name(metric(card.metric), terminal.language)}"),
        (terminal.text("cli.data.split"), phrase(card.split_rule, language=terminal.language) or "–"),
    ]
    for one in card.inputs:
        stored = f"{list(one.stored_shape)} {one.stored_type} → {list(one.shape)}"
        span = f"{one.low:.4g} … {one.high:.4g}, {one.mean:.4g} ± {one.std:.4g}"
        told.append((shown(one.name), f"{stored}, {span}"))
    for number, (low, mean, high) in enumerate(card.targets, start=1):
        named = f" ({shown(card.target_names[number - 1])})" if card.target_names else ""
        told.append((terminal.text("cli.data.target", number=number) + named, f"{low:.4g} … {high:.4g}, ∅ {mean:.4g}"))
    if card.balance is not None:
        told.append((terminal.text("cli.data.balance"), f"{card.balance:.3f}"))
    terminal.table(shown(card.title), ("", ""), told)
    splits = list(card.sizes)
    columns = [terminal.text("cli.column.class"), *(terminal.text(f"split.{name}") for name in splits)]
    rows = [(terminal.text("cli.data.all"), *(count(card.sizes[name]) for name in splits))]
    for number, name in enumerate(card.classes):
        own = [card.class_counts.get(split, ()) for split in splits]
        rows.append((shown(name), *(count(one[number]) if number < len(one) else "–" for one in own)))
    terminal.table("", columns, rows, right=" rrr")
    terminal.warn([terminal.text(note.code, **note.values) for note in card.cautions])
    for note in card.preparation:
        terminal.say(f"· {terminal.text(note.code, **note.values)}")
