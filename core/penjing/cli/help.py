"""The command line's help and its complaints about arguments, in any language of Penjing.

Helps stand in English where arguments are declared; `speak` puts a whole parser into another language.
"""

import argparse
import re
from typing import NoReturn

from rich.cells import cell_len

from penjing.assets import phrase, text
from penjing.errors import UserError

_COMPLAINTS = tuple(
    (re.compile(pattern, re.DOTALL), f"cli.complaint.{code}")
    for pattern, code in (
        (r"the following arguments are required: (?P<names>.+)", "required"),
        (r"unrecognized arguments: (?P<names>.+)", "unrecognized"),
        (r"argument (?P<name>[^:]+): (?P<reason>.+)", "argument"),
        (r"invalid choice: (?P<value>.+?) \(choose from (?P<choices>.+)\)", "choice"),
        (r"invalid \w+ value: (?P<value>.+)", "value"),
        (r"expected (one|at least one) argument", "expected"),
        (r"ambiguous option: (?P<value>.+?) could match (?P<choices>.+)", "ambiguous"),
        (r"ignored explicit argument (?P<value>.+)", "no_value"),
    )
)
"""What argparse says, and the code of its text."""
_USAGE, _EXAMPLE = "usage: ", "Example: "
_PIECE = re.compile(r"[\u2e80-\uffef][，。；：、）”]*|\s+|[^\s\u2e80-\uffef]+")
"""What a line may not be broken in: a Chinese character with the stops behind it, or a word."""


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are user errors like any other: one line, exit code 2."""

    language = "en"

    def error(self, message: str) -> NoReturn:
        """Bad arguments.

        Raises:
            UserError: `cli.usage`.
        """
        raise UserError("cli.usage", detail=complaint(message, self.language), program=self.prog)

    def format_usage(self) -> str:
        """Which arguments there are."""
        return self._led(super().format_usage())

    def format_help(self) -> str:
        """The whole page."""
        return self._led(super().format_help())

    def _led(self, page: str) -> str:
        return page.replace(_USAGE, phrase(_USAGE, language=self.language), 1)


def speak(parser: Parser, language: str) -> None:
    """Put the help of a parser and of its subcommands into a language."""

    def say(english: str | None) -> str | None:
        return None if english is None else phrase(english, language=language)

    parser.language = language
    parser.formatter_class = _Formatter
    parser.description = say(parser.description)
    if parser.epilog is not None:
        parser.epilog = parser.epilog.replace(_EXAMPLE, phrase(_EXAMPLE, language=language), 1)
    for group in parser._action_groups:
        group.title = say(group.title)
    for action in parser._actions:
        action.help = say(action.help)
        if isinstance(action, argparse._SubParsersAction):
            for line in action._get_subactions():
                line.help = say(line.help)
            for child in action.choices.values():
                speak(child, language)


def complaint(message: str, language: str) -> str:
    """What argparse says about arguments, in a language; what is not known stays English.

    >>> complaint("argument --seed: expected one argument", "zh_CN")
    '参数 --seed：需要一个值'
    """
    for pattern, code in _COMPLAINTS if language != "en" else ():
        if found := pattern.fullmatch(message):
            values = found.groupdict()
            if "reason" in values:
                values["reason"] = complaint(values["reason"], language)
            return text(code, language=language, **values)
    return message


class _Formatter(argparse.HelpFormatter):
    """Breaks lines between Chinese characters, which take two places each."""

    def _split_lines(self, text: str, width: int) -> list[str]:
        lines = [""]
        for piece in _PIECE.findall(" ".join(text.split())):
            if lines[-1] and cell_len(lines[-1] + piece) > width:
                lines.append("")
            lines[-1] += piece if lines[-1] else piece.lstrip()
        return [line.rstrip() for line in lines]

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(indent + line for line in self._split_lines(text, width - len(indent)))
