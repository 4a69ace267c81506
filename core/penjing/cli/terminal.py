"""What the command line says and where: results on stdout, everything else on stderr."""

import itertools
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec
from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.table import Column, Table
from rich.text import Text

from penjing import assets
from penjing.cli.quality import with_quality
from penjing.errors import UserError
from penjing.results import OnProgress, Progress


class Terminal:
    """One run's output: `json` chooses between one JSON document and tables; `language` the words."""

    def __init__(self, *, json: bool, language: str) -> None:
        self.json = json
        self.language = language
        # What is read by a program or from a file is not folded to the width of a terminal that is not there.
        width = None if sys.stdout.isatty() else 400
        self._out = Console(highlight=False, soft_wrap=True, width=width)
        self._log = Console(stderr=True, highlight=False, soft_wrap=True)

    def text(self, code: str, **values: object) -> str:
        """A text of the catalogue of messages in the language of this run."""
        return assets.text(code, language=self.language, **values)

    def document(self, document: object) -> None:
        """Print one JSON document on stdout."""
        with _writing():
            content = msgspec.json.encode(with_quality(document))
            sys.stdout.write(msgspec.json.format(content, indent=2).decode() + "\n")

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, right: str = "") -> None:
        """Print a table on stdout; `right` marks the columns of numbers, a character a column, `r` for right."""
        table = Table(title=Text(title) if title else None, title_justify="left", box=None, pad_edge=False)
        for column, mark in itertools.zip_longest(columns, right[: len(columns)], fillvalue=""):
            table.add_column(Text(column, style="bold"), justify="right" if mark == "r" else "left", overflow="fold")
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))  # Text: names are data, never markup
        with _writing():
            self._out.print(table)

    def say(self, line: str) -> None:
        """Print a line of the result on stdout."""
        with _writing():
            self._out.print(Text(line))

    def done(self) -> None:
        """Make sure that everything said has been written."""
        with _writing():
            sys.stdout.flush()

    def note(self, code: str, **values: object) -> None:
        """Print a line on stderr."""
        self._log.print(Text(self.text(code, **values)))

    def warn(self, lines: Sequence[str]) -> None:
        """Print warnings on stderr."""
        for line in lines:
            self._log.print(Text(f"{self.text('cli.warning')}: {line}", style="yellow"))

    def error(self, error: UserError) -> None:
        """One clear line on stderr; with `json` also a document on stdout."""
        message, hint = error.message(self.language), error.hint(self.language)
        line = message if hint is None else f"{message} {hint}"
        self._log.print(Text(f"penjing: {line}"))
        if self.json:
            self.document({"error": {"code": error.code, "message": message, "hint": hint}})

    @contextmanager
    def progress(self) -> Iterator[OnProgress]:
        """A callback that shows how far the work is: bars with time left on a terminal, else a line per stage."""
        if not self._log.is_terminal:
            yield self._lines()
            return
        bars = Bars(
            TextColumn("{task.description}", table_column=Column(min_width=18)),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f} %", table_column=Column(no_wrap=True, min_width=5)),
            TimeRemainingColumn(table_column=Column(no_wrap=True, min_width=7)),
            TextColumn("{task.fields[numbers]}", table_column=Column(no_wrap=True)),
            console=self._log,
        )
        tasks = {}
        with bars:

            def show(progress: Progress) -> None:
                if progress.stage not in tasks:
                    for task in bars.tasks:
                        if not task.finished:
                            bars.update(task.id, completed=task.total)
                    label = self.text(f"stage.{progress.stage}")
                    tasks[progress.stage] = bars.add_task(label, total=progress.total, numbers="")
                bars.update(
                    tasks[progress.stage],
                    completed=progress.done,
                    total=progress.total,
                    numbers=self._numbers(progress.values),
                )

            yield show

    def _lines(self) -> OnProgress:
        stage, at = "", 0.0

        def show(progress: Progress) -> None:
            nonlocal stage, at
            # A log is read later: one line when a stage starts, then at most one every ten seconds.
            now = time.monotonic()
            if progress.stage != stage:
                self._log.print(Text(self.text(f"stage.{progress.stage}")))
            elif now - at >= 10 and progress.total:
                share = 100 * progress.done / progress.total
                self._log.print(Text(f"  {share:3.0f} % {self._numbers(progress.values)}".rstrip()))
            else:
                return
            stage, at = progress.stage, now

        return show

    def _numbers(self, values: dict[str, float]) -> str:
        # What there is room for on a line; the other terms of the loss are for plots.
        names = {
            "loss": assets.phrase("loss", language=self.language),
            "val_accuracy": assets.phrase("on validation data", language=self.language),
        }
        return "  ".join(f"{name} {values[key]:.4g}" for key, name in names.items() if key in values)


@contextmanager
def _writing() -> Iterator[None]:
    """A full disk behind stdout is no defect; a reader that went away is for who called."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        be_silent()
        raise UserError("cli.cannot_write", detail=error.strerror or error) from error


def be_silent() -> None:
    """Write to stdout no more, also not what is still in its buffer when the process ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
