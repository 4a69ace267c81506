"""The command line: `penjing SUBCOMMAND …`, the same product without a window.

Exit codes: 0 success, 1 bug, 2 user error, 3 a budget cannot be met, 4 verification failed, 130 interrupted.
"""

import argparse
import contextlib
import importlib
import os
import signal
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence

from penjing.assets import LANGUAGES
from penjing.cli.help import Parser, speak
from penjing.cli.terminal import Terminal, be_silent
from penjing.errors import UserError, lacks_memory

COMMANDS = ("samples", "devices", "inspect", "estimate", "fit", "compress", "export", "sweep", "verify", "first_run")
HIDDEN = ("first_run",)
_LOCALES = ("LC_ALL", "LC_MESSAGES", "LANG")
_OTHERS = {"zh": "zh_CN", "zh_SG": "zh_CN", "zh_Hans": "zh_CN", "zh_Hans_CN": "zh_CN"}
"""Other names of what Penjing speaks."""
SUCCESS, BUG, USER_ERROR, BUDGET, VERIFICATION, INTERRUPTED = 0, 1, 2, 3, 4, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one subcommand; returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    # Errors of the arguments themselves must already obey these two, so they are looked for before parsing.
    terminal = Terminal(json="--json" in given, language=_language(given))
    try:
        with _signals_interrupt():
            namespace = parser(terminal.language).parse_args(given)
            run = importlib.import_module(f"penjing.cli.commands.{namespace.command}").run
            code: int = run(namespace, terminal)
            terminal.done()
            return code
    except UserError as error:
        terminal.error(error)
        return USER_ERROR
    except KeyboardInterrupt:
        terminal.note("cli.interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        be_silent()  # the reader of our output went away (`| head`)
        return SUCCESS
    except Exception as error:
        if lacks_memory(error):
            terminal.error(UserError("memory.too_little"))
            return USER_ERROR
        traceback.print_exc()
        terminal.note("cli.bug")
        return BUG


def parser(language: str = "en") -> argparse.ArgumentParser:
    """The whole command line, its help in a language."""
    top = Parser(
        prog="penjing",
        description="See, cut, teach and ship neural networks for small devices.",
        epilog="Example: penjing compress sample:watch --plan plan.json --device nrf52840 -o out",
    )
    top.add_argument("--version", action="version", version=_version())
    _add_language(top, language)
    children = top.add_subparsers(dest="command", required=True, metavar="SUBCOMMAND", parser_class=Parser)
    for name in COMMANDS:
        module = importlib.import_module(f"penjing.cli.commands.{name}")
        shown = {} if name in HIDDEN else {"help": module.HELP}
        child = children.add_parser(
            name.replace("_", "-"), description=module.HELP, epilog=f"Example: {module.EXAMPLE}", **shown
        )
        child.set_defaults(command=name)
        child.add_argument("--json", action="store_true", help="print one JSON document on stdout")
        _add_language(child, language)
        module.add_arguments(child)
    speak(top, language)
    return top


def _add_language(to: argparse.ArgumentParser, language: str) -> None:
    to.add_argument(
        "--language",
        choices=LANGUAGES,
        default=language,
        help="language of messages; without it that of the terminal (LC_ALL, LC_MESSAGES, LANG)",
    )


def _language(given: Sequence[str]) -> str:
    for before, argument in zip(("", *given), given, strict=False):
        value = argument.removeprefix("--language=") if argument.startswith("--language=") else argument
        if (before == "--language" or value != argument) and value in LANGUAGES:
            return value
    return spoken(os.environ)


def spoken(environment: Mapping[str, str]) -> str:
    """The language that the terminal is set to, if Penjing speaks it, else English.

    The first of `LC_ALL`, `LC_MESSAGES` and `LANG` that is set decides (POSIX); `zh` in Chinese signs of the mainland.

    >>> spoken({"LANG": "zh_CN.UTF-8"}), spoken({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}), spoken({"LANG": "zh_TW"})
    ('zh_CN', 'en', 'en')
    """
    said = next((value for name in _LOCALES if (value := environment.get(name))), "")
    place = said.partition(".")[0].partition("@")[0].replace("-", "_")
    return place if place in LANGUAGES else _OTHERS.get(place, "en")


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    with contextlib.suppress(PackageNotFoundError):
        return f"penjing {version('penjing')}"
    return "penjing (not installed)"


@contextlib.contextmanager
def _signals_interrupt() -> Iterator[None]:
    """A request to end is handled as Ctrl+C is, so that temporaries are removed."""

    def interrupt(signum: int, frame: object) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:  # not in the main thread: whoever called decides
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
